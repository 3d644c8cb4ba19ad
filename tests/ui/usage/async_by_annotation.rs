use gpumem::{Async, Buffer, Device, Host};

fn main() -> gpumem::Result<()> {
    let device = Device::host();
    let edges: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "edges", &[1, 2, 3])?;
    edges.start_download()?;
    Ok(())
}
