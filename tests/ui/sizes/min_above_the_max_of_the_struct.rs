use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(max = "1MiB")]
struct Graph {
    #[buffer(min = "1GiB")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
