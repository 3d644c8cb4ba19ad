use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = 512 MiB, min = "1 GB")]
    positions: Vec<[f32; 2]>,
    #[buffer(min = 1.5 GiB growth = 2.0)]
    velocities: Vec<(f32, f32)>,
}

fn main() {}
