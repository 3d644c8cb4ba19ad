use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer((growth = 1.5), [async], {max = 5})]
    positions: Vec<[f32; 2]>,
}

fn main() {}
