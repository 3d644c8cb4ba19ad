use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async(slot = 3))]
    positions: Vec<[f32; 2]>,
    #[buffer(async(snapshots))]
    a: Vec<f32>,
    #[buffer(async(depth = 2))]
    b: Vec<f32>,
}

fn main() {}
