use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async, slots = 3)]
    positions: Vec<[f32; 2]>,
    #[buffer(snapshot)]
    a: Vec<f32>,
}

fn main() {}
