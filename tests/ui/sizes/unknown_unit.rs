use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = "512mib")]
    positions: Vec<[f32; 2]>,
    #[buffer(max = "2G")]
    velocities: Vec<[f32; 2]>,
    #[buffer(max = "3 parsecs")]
    edges: Vec<[u32; 2]>,
}

fn main() {}
