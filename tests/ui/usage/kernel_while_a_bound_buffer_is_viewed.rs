use gpumem::{Async, Buffer, Device, Host};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let stream = device.create_stream()?;
    let mut edges: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "edges", &[1, 2, 3])?.into_async();
    let mut bound = edges.bind(&stream)?;
    let view = bound.view(1..)?;
    device.launch_on(&stream, (&mut bound,), |(edges,)| edges.fill(0))?;
    view.start_download()?.wait()?;
    Ok(())
}
