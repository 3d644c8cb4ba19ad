use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = "16777216TiB")]
    positions: Vec<[f32; 2]>,
    #[buffer(max = 18446744073709551616)]
    edges: Vec<[u32; 2]>,
}

fn main() {}
