use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
    previous: Vec<[f32; 2]>,
}

fn main() -> Result<(), gpumem::Error> {
    let graph = Graph { positions: Vec::new(), previous: Vec::new() };
    let mut gpu = graph.upload(&gpumem::Device::host())?;
    let positions = gpu.positions_mut();
    gpu.previous_mut().copy_from(positions)
}
