use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers = "Graph"]
struct Graph {
    #[buffer = 1.5]
    positions: Vec<[f32; 2]>,
}

fn main() {}
