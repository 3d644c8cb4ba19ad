use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async)]
    positions: Vec<[f32; 2]>,
}

fn main() -> Result<(), gpumem::Error> {
    let mut gpu = GraphBuffers::new(&gpumem::Device::host())?;
    let device = gpu.device().clone();
    let stream = device.create_stream()?;
    let bound = gpu.positions_mut().bind(&stream)?;
    gpu.start_download()?.wait()?;
    bound.finish()
}
