use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    c: Vec<fn(f32)>,
    d: Vec<*const f32>,
}

fn main() {}
