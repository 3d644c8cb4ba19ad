use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = "512")]
    positions: Vec<[f32; 2]>,
    #[buffer(max = 512MiB)]
    velocities: Vec<[f32; 2]>,
    #[buffer(max = 1.5)]
    edges: Vec<[u32; 2]>,
}

fn main() {}
