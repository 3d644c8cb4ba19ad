use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(gro)]
    positions: Vec<[f32; 2]>,
    #[buffer(asy)]
    a: Vec<f32>,
    #[buffer(pre = )]
    b: Vec<f32>,
    #[buffer(m)]
    c: Vec<f32>,
    d: Vec<f32>,
    #[buffer(sta)]
    e: Vec<f32>,
}

fn main() {
    let graph = GraphBuffers::new(&gpumem::Device::host()).unwrap();
    let _ = (graph.positions().len(), graph.a().len(), graph.b().len(), graph.c().len(), graph.d().len());
}
