use gpumem::GpuBuffers;

#[derive(Clone, Copy)]
struct Vertex {
    position: [f32; 3],
}

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async)]
    vertices: Vec<Vertex>,
    edges: Vec<[u32; 2]>,
}

// What uses the manager is no further mistake.
fn main() {
    let graph = Graph { vertices: Vec::new(), edges: Vec::new() };
    let mut gpu = graph.upload(&gpumem::Device::host()).unwrap();
    gpu.vertices_mut().clear();
    let _ = gpu.download().unwrap().vertices.len() + gpu.start_download().unwrap().wait().unwrap().vertices().len();
    gpu.close().unwrap();
}
