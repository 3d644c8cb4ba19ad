use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async = 3)]
    positions: Vec<[f32; 2]>,
    #[buffer(async = "snapshot")]
    a: Vec<f32>,
}

fn main() {}
