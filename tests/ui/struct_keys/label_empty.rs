use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(label = " ", limit = "many")]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
