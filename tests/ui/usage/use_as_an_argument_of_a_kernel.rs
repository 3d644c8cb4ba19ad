use gpumem::{Buffer, Device};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let stream = device.create_stream()?;
    let edges: Buffer<u32> = Buffer::from_slice(&device, "edges", &[1, 2, 3])?;
    let used = edges.use_on(&stream)?;
    device.launch_on(&stream, (&used,), |_| {})
}
