use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth: 1.3)]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = 1.3 max = "1KiB")]
    velocities: Vec<[f32; 2]>,
    #[buffer(async,, growth = 2)]
    forces: Vec<[f32; 2]>,
    #[buffer(async growth = 2)]
    masses: Vec<f32>,
    #[buffer = "async"]
    edges: Vec<[u32; 2]>,
}

fn main() {}
