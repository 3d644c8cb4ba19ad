use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async(snapshot = true))]
    positions: Vec<[f32; 2]>,
}

fn main() {}
