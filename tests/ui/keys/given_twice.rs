use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async, growth = 1.3, async)]
    positions: Vec<[f32; 2]>,
    #[buffer(max = "1KiB")]
    #[buffer(max = "2KiB")]
    edges: Vec<[u32; 2]>,
    #[buffer(stable, stable = false)]
    weights: Vec<f32>,
}

fn main() {}
