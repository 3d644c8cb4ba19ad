use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(asynchronous)]
    positions: Vec<[f32; 2]>,
    #[buffer(maximum = "1GiB")]
    a: Vec<f32>,
    #[buffer(minimum = 64)]
    b: Vec<f32>,
    #[buffer(factor = 2)]
    c: Vec<f32>,
    #[buffer(Growth = 2)]
    d: Vec<f32>,
    #[buffer(stable_address)]
    e: Vec<f32>,
}

fn main() {}
