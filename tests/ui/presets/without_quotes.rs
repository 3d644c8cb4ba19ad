use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(preset = positions)]
    positions: Vec<[f32; 2]>,
    #[buffer(preset = 3)]
    a: Vec<f32>,
}

fn main() {}
