use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(gpumem::growth = 1.5, async)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
