use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(label = graph)]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
