use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer("growth" = 1.5, 1.3, async)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
