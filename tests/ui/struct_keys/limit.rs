use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(limit = "0B")]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
