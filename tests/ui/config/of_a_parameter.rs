use gpumem::{BufferSpec, GpuBuffers};

trait Settings {
    const SPEC: BufferSpec;
}

#[derive(GpuBuffers)]
struct Graph<S: Settings> {
    #[buffer(config = S::SPEC)]
    positions: Vec<[f32; 2]>,
    #[buffer(skip)]
    settings: S,
}

fn main() {}
