use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(grwoth = 1.3)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
