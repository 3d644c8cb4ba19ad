use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(min = "1GiB", max = "1MiB")]
struct Graph {
    positions: Vec<[f32; 2]>,
    velocities: Vec<[f32; 2]>,
}

fn main() {}
