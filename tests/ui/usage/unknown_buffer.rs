use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() -> Result<(), gpumem::Error> {
    let gpu = GraphBuffers::new(&gpumem::Device::host())?;
    gpu.postions().download().map(drop)
}
