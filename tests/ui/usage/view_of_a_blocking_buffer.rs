use gpumem::{Buffer, Device};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let edges: Buffer<u32> = Buffer::from_slice(&device, "edges", &[1, 2, 3])?;
    device.start_downloads((edges.view(1..)?,))?.wait()?;
    Ok(())
}
