use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(min = "1GiB", max = "512MiB")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
