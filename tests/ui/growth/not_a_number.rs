use gpumem::GpuBuffers;

const FACTOR: f64 = 1.3;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth = FACTOR)]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = "1.3")]
    velocities: Vec<[f32; 2]>,
    #[buffer(growth = 1.3f32)]
    edges: Vec<[u32; 2]>,
}

fn main() {}
