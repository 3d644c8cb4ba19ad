use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(config = SPEC)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
