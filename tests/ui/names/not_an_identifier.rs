use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(name = "node positions")]
    positions: Vec<[f32; 2]>,
    #[buffer(name = "2d")]
    a: Vec<f32>,
    #[buffer(name = "")]
    b: Vec<f32>,
    #[buffer(name = "_")]
    c: Vec<f32>,
}

fn main() {}
