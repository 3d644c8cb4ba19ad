use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
    #[buffer(skip = true)]
    title: String,
    #[buffer(skip(""))]
    subtitle: String,
}

fn main() {}
