use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(nmae = "Engine", colour = "red")]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
