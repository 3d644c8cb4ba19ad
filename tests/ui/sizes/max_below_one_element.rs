use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = "4B")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
