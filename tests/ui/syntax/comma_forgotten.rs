use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth = 1 max = "lots" async(slots = 0) min = 5)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
