use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(label = "graph", growth = 1.3)]
struct Graph {
    #[buffer(stable)]
    positions: Vec<[f32; 2]>,
    #[buffer(async(slots = 3))]
    velocities: Vec<[f32; 2]>,
    #[buffer(preset = "edges", name = "links")]
    edges: Vec<[u32; 2]>,
    #[buffer(skip(default))]
    title: String,
}

fn main() {}
