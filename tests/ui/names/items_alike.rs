use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(name = "Graph", lengths = "GraphFrame")]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
