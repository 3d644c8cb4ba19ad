use gpumem::GpuBuffers;

struct Layout {
    width: f32,
}

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
    #[buffer(skip)]
    layout: Layout,
}

fn main() -> Result<(), gpumem::Error> {
    let graph = Graph { positions: Vec::new(), layout: Layout { width: 1.0 } };
    let gpu = graph.upload(&gpumem::Device::host())?;
    gpu.download()?;
    Ok(())
}
