use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth)]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = )]
    velocities: Vec<[f32; 2]>,
    #[buffer(growth(1.5))]
    edges: Vec<[u32; 2]>,
}

fn main() {}
