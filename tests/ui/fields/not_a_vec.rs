use gpumem::GpuBuffers;

type Points = Vec<[f32; 2]>;
type Title = &'static str;

#[derive(GpuBuffers)]
struct Graph {
    title: String,
    positions: Points,
    subtitle: Title,
    edges: [u32; 4],
}

fn main() {}
