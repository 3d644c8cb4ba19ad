use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(name = "A", label = "a")]
#[buffers(name = "B")]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
