use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = 512 * 1024)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
