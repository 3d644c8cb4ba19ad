use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<(f32, f32)>,
    edges: Vec<(u32, u32, f32)>,
    empty: Vec<()>,
}

fn main() {}
