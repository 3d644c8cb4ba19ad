use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() -> Result<(), gpumem::Error> {
    let gpu = GraphBuffers::new(&gpumem::Device::host())?;
    let mut frames = gpu.frame_queue();
    let frame = frames.push(gpu.start_download_when_free().wait()?)?;
    println!("{:?}", frame.map(|frame| frame.positions().len()));
    Ok(())
}
