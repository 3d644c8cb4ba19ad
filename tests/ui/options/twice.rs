use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async(slots = 2, slots = 3, snapshot, snapshot))]
    positions: Vec<[f32; 2]>,
}

fn main() {}
