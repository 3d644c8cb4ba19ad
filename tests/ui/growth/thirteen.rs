use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth = 13)]
    positions: Vec<[f32; 2]>,
    #[buffer(growth = 13.5)]
    edges: Vec<[u32; 2]>,
}

fn main() {}
