use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = "lots")]
    positions: Vec<[f32; 2]>,
    #[buffer(max = -5)]
    edges: Vec<[u32; 2]>,
}

fn main() {}
