use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() {
    let graph = Graph { positions: Vec::new() };
    let gpu = graph.upload(&gpumem::Device::host()).unwrap();
    let frame = gpu.start_download().unwrap().wait().unwrap();
    println!("{:?}", frame.positions());
}
