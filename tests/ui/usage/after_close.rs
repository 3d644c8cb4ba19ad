use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() -> Result<(), gpumem::Error> {
    let graph = Graph { positions: Vec::new() };
    let mut gpu = graph.upload(&gpumem::Device::host())?;
    gpu.close()?;
    gpu.positions_mut().resize(10)
}
