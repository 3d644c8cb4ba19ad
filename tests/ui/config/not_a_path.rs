use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(config = "SPEC")]
    positions: Vec<[f32; 2]>,
    #[buffer(config = BufferSpec::new("a"))]
    a: Vec<f32>,
    #[buffer(config = Self::SPEC)]
    b: Vec<f32>,
    #[buffer(config = Of::<Self>::SPEC)]
    c: Vec<f32>,
}

fn main() {}
