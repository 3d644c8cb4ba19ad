use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(name = "A", label = "a")]
#[buffers(name = "B")]
#[buffers(stable, stable)]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
