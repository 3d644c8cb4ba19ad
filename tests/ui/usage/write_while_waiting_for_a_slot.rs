use gpumem::{Async, Buffer, Device, Host};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let mut edges: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "edges", &[1, 2, 3])?.into_async();
    let when_free = edges.start_download_when_free();
    edges.fill(0)?;
    when_free.wait()?.wait()?;
    Ok(())
}
