use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
    #[buffer(skip, growth = 2.0)]
    title: String,
    #[buffer(stable, skip)]
    subtitle: String,
}

fn main() {}
