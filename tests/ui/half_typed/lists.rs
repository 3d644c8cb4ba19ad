use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async())]
    positions: Vec<[f32; 2]>,
    #[buffer(async(slots))]
    a: Vec<f32>,
    #[buffer(async(slots = ))]
    b: Vec<f32>,
    #[buffer(async(sl))]
    c: Vec<f32>,
    #[buffer(skip(d))]
    d: String,
}

fn main() {
    let graph = GraphBuffers::new(&gpumem::Device::host()).unwrap();
    let _ = graph.start_download().unwrap().wait().unwrap().c();
}
