use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(crate = "gpumem", crat = gpumem)]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {}
