use gpumem::GpuBuffers;

#[derive(GpuBuffers)]
struct Graph {
    positions: Vec<[f32; 2]>,
}

fn main() -> Result<(), gpumem::Error> {
    let mut gpu = GraphBuffers::new(&gpumem::Device::host())?;
    gpu.positions_mut().upload(&[[1.0_f64, 2.0]])
}
