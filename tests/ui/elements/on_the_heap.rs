use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph<'a> {
    names: Vec<String>,
    neighbors: Vec<Vec<u32>>,
    boxes: Vec<Box<f32>>,
    borrowed: Vec<&'a f32>,
}

fn main() {}
