use gpumem::GpuBuffers;

const LIMIT: u64 = 64;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(config = LIMIT)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
