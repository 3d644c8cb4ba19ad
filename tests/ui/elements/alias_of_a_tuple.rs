use gpumem::GpuBuffers;

type Pair = (u32, u32);

#[derive(GpuBuffers)]
struct Graph {
    edges: Vec<Pair>,
}

fn main() {}
