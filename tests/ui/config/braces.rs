use gpumem::{BufferSpec, GpuBuffers};

struct Of<const N: usize>;

impl<const N: usize> Of<N> {
    const SPEC: BufferSpec = BufferSpec::new("of").asynchronous();
}

const N: usize = 3;

#[derive(GpuBuffers)]
#[allow(unused_braces)]
struct Graph {
    #[buffer(config = Of::<{ 3 }>::SPEC)]
    positions: Vec<[f32; 2]>,
    #[buffer(max = 8)]
    edges: Vec<[u32; { N }]>,
    none: Vec<[u32; { N - 3 }]>,
}

fn main() {}
