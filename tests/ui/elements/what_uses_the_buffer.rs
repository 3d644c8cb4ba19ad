use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    edges: Vec<(u32, u32)>,
    flags: Vec<bool>,
}

fn main() {
    let graph = Graph { edges: vec![(0, 1)], flags: Vec::new() };
    let mut gpu = graph.upload(&gpumem::Device::host()).unwrap();
    gpu.edges_mut().resize(5).unwrap();
    gpu.resize(GraphLengths { edges: 7, flags: 2 }).unwrap();
    assert_eq!(gpu.flags().len(), 2);
    let _ = gpu.download().unwrap().edges;
}
