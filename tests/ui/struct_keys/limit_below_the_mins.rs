use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(limit = "1KiB", min = "1KiB")]
struct Graph {
    positions: Vec<[f32; 2]>,
    velocities: Vec<[f32; 2]>,
}

fn main() {}
