use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth = "30%")]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = 1.3x)]
    a: Vec<f32>,
}

fn main() {}
