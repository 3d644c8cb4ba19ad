use gpumem::GpuBuffers;

type Points = Vec<[f32; 2]>;

#[derive(GpuBuffers)]
struct Graph {
    title: String,
    positions: Points,
    edges: [u32; 4],
}

fn main() {}
