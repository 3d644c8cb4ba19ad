use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = "1.3MiB")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
