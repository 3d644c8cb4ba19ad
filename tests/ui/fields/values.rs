use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    count: usize,
    name: &'static str,
    nothing: (),
    pair: (Vec<f32>, Vec<f32>),
    call: fn(f32),
}

fn main() {}
