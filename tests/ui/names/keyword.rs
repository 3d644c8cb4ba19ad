use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(name = "type")]
    positions: Vec<[f32; 2]>,
    #[buffer(name = "self")]
    a: Vec<f32>,
}

fn main() {}
