use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    x: Vec<f32>,
    x_mut: Vec<f32>,
    y_mut: Vec<f32>,
    y: Vec<f32>,
    split: Vec<f32>,
}

fn main() {}
