use gpumem::{Async, Buffer, Device, Host};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let edges: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "edges", &[1, 2, 3])?.into_async();
    device.start_downloads(&edges)?;
    Ok(())
}
