use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffer(growth = 1.3)]
#[buffers(skip)]
struct Graph {
    #[buffers(crate = gpumem)]
    positions: Vec<[f32; 2]>,
    #[buffer(crate = gpumem)]
    edges: Vec<[u32; 2]>,
}

fn main() {}
