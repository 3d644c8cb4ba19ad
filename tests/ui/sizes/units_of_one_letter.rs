use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = "512m")]
    positions: Vec<[f32; 2]>,
    #[buffer(max = "64k")]
    a: Vec<f32>,
    #[buffer(max = "1 Gb")]
    b: Vec<f32>,
}

fn main() {}
