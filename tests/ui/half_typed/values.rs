use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(growth = )]
    positions: Vec<[f32; 2]>,
    #[buffer(max =, async)]
    a: Vec<f32>,
    #[buffer(preset = )]
    b: Vec<f32>,
    #[buffer(config)]
    c: Vec<f32>,
    #[buffer(name =)]
    d: Vec<f32>,
    #[buffer(min = -)]
    e: Vec<f32>,
    #[buffer(growth = 1.)]
    g: Vec<f32>,
    #[buffer(stable = )]
    h: Vec<f32>,
}

fn main() {
    let graph = GraphBuffers::new(&gpumem::Device::host()).unwrap();
    let _ = (graph.positions().len(), graph.a().start_download(), graph.lengths().g);
}
