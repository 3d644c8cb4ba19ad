use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
    #[buffer(name = "positions")]
    points: Vec<[f32; 2]>,
}

fn main() {}
