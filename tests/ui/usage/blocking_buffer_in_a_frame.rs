use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async)]
    positions: Vec<[f32; 2]>,
    edges: Vec<[u32; 2]>,
}

fn main() {
    let graph = Graph { positions: Vec::new(), edges: Vec::new() };
    let gpu = graph.upload(&gpumem::Device::host()).unwrap();
    let frame = gpu.start_download().unwrap().wait().unwrap();
    println!("{:?}", frame.edges());
}
