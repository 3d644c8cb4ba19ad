use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(name = Engine, lengths = Engine::Counts)]
struct Graph {
    #[buffer(name = points)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
