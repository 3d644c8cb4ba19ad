use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph<'a> {
    queue: std::collections::VecDeque<u32>,
    slice: &'a [f32],
    boxed: Box<[f32]>,
    maybe: Option<Vec<f32>>,
    shared: std::sync::Arc<Vec<f32>>,
}

fn main() {}
