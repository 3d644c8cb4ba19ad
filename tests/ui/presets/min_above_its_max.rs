use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(preset = "positions", min = "1GiB")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
