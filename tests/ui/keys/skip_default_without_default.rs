use gpumem::GpuBuffers;

struct Layout {
    _spacing: f32,
}

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
    #[buffer(skip(default))]
    layout: Layout,
}

fn main() {}
