use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
#[buffers(async)]
struct Graph {
    #[buffer(async = false)]
    positions: Vec<[f32; 2]>,
    velocities: Vec<[f32; 2]>,
}

fn main() {
    let graph = Graph { positions: Vec::new(), velocities: Vec::new() };
    let gpu = graph.upload(&gpumem::Device::host()).unwrap();
    let _ = gpu.velocities().start_download();
    let _ = gpu.positions().start_download();
}
