use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async)]
    positions: Vec<[f32; 2]>,
    edges: Vec<[u32; 2]>,
}

fn main() -> Result<(), gpumem::Error> {
    let gpu = GraphBuffers::new(&gpumem::Device::host())?;
    let (positions, edges) = gpu.device().start_downloads((gpu.positions(), gpu.edges()))?.wait()?;
    println!("{} {}", positions.len(), edges.len());
    Ok(())
}
