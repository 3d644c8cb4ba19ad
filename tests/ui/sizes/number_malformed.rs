use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(max = "1.2.3MiB")]
    positions: Vec<[f32; 2]>,
    #[buffer(max = ".5GiB")]
    a: Vec<f32>,
    #[buffer(max = "1,5GiB")]
    b: Vec<f32>,
    #[buffer(min = "")]
    c: Vec<f32>,
}

fn main() {}
