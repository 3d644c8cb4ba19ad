use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
    #[buffer(skip(defualt))]
    title: String,
    #[buffer(skip(none))]
    subtitle: String,
    #[buffer(skip())]
    author: String,
}

fn main() {}
