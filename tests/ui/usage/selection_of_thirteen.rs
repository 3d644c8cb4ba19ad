use gpumem::{Async, Buffer, Device, Host};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let a: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "a", &[1, 2, 3])?.into_async();
    device.start_downloads((&a, &a, &a, &a, &a, &a, &a, &a, &a, &a, &a, &a, &a))?;
    Ok(())
}
