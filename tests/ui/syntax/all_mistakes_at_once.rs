use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(grwoth = 1.3, max = "lots", async = 1)]
    positions: Vec<[f32; 2]>,
    edges: Vec<(u32, u32)>,
    weights: Vec<f32>,
}

// What can be generated is there, so that what uses it is no mistake.
fn main() {
    let graph = Graph { positions: Vec::new(), edges: Vec::new(), weights: Vec::new() };
    let mut gpu = graph.upload(&gpumem::Device::host()).unwrap();
    gpu.weights_mut().clear();
    let _ = gpu.positions().download().unwrap();
    let _ = gpu.download().unwrap().edges;
}
