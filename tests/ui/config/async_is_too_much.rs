use gpumem::GpuBuffers;

const SPEC: gpumem::BufferSpec = gpumem::BufferSpec::new("spec");

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(config = SPEC, async)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
