use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async(slots = "3"))]
    positions: Vec<[f32; 2]>,
    #[buffer(async(slots = MANY))]
    a: Vec<f32>,
    #[buffer(async(slots = 2.5))]
    b: Vec<f32>,
    #[buffer(async(3))]
    c: Vec<f32>,
}

fn main() {}
