use gpumem::GpuBuffers;

mod specs {
    const SPEC: gpumem::BufferSpec = gpumem::BufferSpec::new("spec");
}

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(config = specs::SPEC)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
