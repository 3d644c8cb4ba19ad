use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(colour = "red")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
