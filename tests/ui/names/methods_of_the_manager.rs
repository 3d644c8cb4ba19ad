use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    stats: Vec<u32>,
    new: Vec<u32>,
    split: Vec<u32>,
    x: Vec<u32>,
    x_mut: Vec<u32>,
}

fn main() {}
