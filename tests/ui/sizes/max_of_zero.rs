use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = 0)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
