use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth = 9)]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = 150)]
    a: Vec<f32>,
    #[buffer(growth = 1e300)]
    b: Vec<f32>,
}

fn main() {}
