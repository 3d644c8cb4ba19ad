use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth = 1.0 + 0.3)]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = true)]
    a: Vec<f32>,
}

fn main() {}
