use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(name = Engine, lens = Engine::Counts)]
struct Graph {
    #[buffer(name = points)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
