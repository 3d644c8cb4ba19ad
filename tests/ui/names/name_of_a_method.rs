use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(name = "close")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
