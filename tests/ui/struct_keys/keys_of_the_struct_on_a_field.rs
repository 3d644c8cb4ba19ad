use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(limit = "1GiB", lengths = "Counts", label = "a")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
