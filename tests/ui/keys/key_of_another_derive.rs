use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(rename = "points", default)]
    positions: Vec<[f32; 2]>,
    #[buffer(capacity = 64)]
    edges: Vec<[u32; 2]>,
}

fn main() {}
