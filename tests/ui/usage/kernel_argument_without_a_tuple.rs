use gpumem::{Buffer, Device};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let mut edges: Buffer<u32> = Buffer::from_slice(&device, "edges", &[1, 2, 3])?;
    device.launch(&mut edges, |_| {})
}
