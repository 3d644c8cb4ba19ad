use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(limit = )]
#[buffers(la)]
#[buffers]
struct Graph {
    #[buffer]
    positions: Vec<[f32; 2]>,
    #[buffer()]
    a: Vec<f32>,
    #[buffer(,)]
    b: Vec<f32>,
    #[buffer(async,)]
    c: Vec<f32>,
    #[buffer(growth = 1.3, )]
    d: Vec<f32>,
    #[buffer(=)]
    e: Vec<f32>,
}

fn main() {
    let graph = GraphBuffers::new(&gpumem::Device::host()).unwrap();
    let _ = (graph.positions().len(), graph.e().len());
}
