use gpumem::GpuBuffers;

const SPEC: gpumem::BufferSpec = gpumem::BufferSpec::new("spec").asynchronous();

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(config = SPEC)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
