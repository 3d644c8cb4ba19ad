use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(preset = "positions")]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
