use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph;

fn main() {}
