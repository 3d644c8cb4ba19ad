use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(growth = 0.5, lable = "g")]
struct Graph {
    #[buffer(growth = 13, max = "512mb", asnyc)]
    positions: Vec<[f32; 2]>,
    #[buffer(preset = "edge", min = 1.5)]
    edges: Vec<[u32; 2]>,
    #[buffer(skip, async)]
    title: String,
    weights: Vec<(f32, f32)>,
}

fn main() {
    let gpu = GraphBuffers::new(&gpumem::Device::host()).unwrap();
    let _ = (gpu.positions().len(), gpu.edges().len(), gpu.weights().len(), gpu.download().unwrap().title);
}
