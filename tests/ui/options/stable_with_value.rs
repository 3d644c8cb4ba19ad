use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(stable = "yes")]
struct Graph {
    #[buffer(stable = 3)]
    positions: Vec<[f32; 2]>,
    #[buffer(stable(max = "1GiB"))]
    a: Vec<f32>,
}

fn main() {}
