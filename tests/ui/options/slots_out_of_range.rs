use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async(slots = 0))]
    positions: Vec<[f32; 2]>,
    #[buffer(async(slots = 65))]
    a: Vec<f32>,
}

fn main() {}
