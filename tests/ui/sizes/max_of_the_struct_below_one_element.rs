use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(max = "4B")]
struct Graph {
    positions: Vec<[f32; 2]>,
    weights: Vec<f32>,
}

fn main() {}
