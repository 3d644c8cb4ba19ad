use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(stable)]
struct Graph {
    #[buffer(stable, growth = 1.3)]
    positions: Vec<[f32; 2]>,
}

fn main() {}
