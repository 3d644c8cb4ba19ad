use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth = 1.3)]
    #[buffer(async, growth = 2)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
