use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(min = "1MiB")]
struct Graph {
    #[buffer(max = "64KiB")]
    positions: Vec<[f32; 2]>,
}

fn main() {}
