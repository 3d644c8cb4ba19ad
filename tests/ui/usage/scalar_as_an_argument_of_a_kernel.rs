use gpumem::{Buffer, Device};

fn main() -> Result<(), gpumem::Error> {
    let device = Device::host();
    let mut positions: Buffer<f32> = Buffer::from_slice(&device, "positions", &[1.0])?;
    let step = 0.5_f32;
    device.launch((&mut positions, step), |(positions, step)| positions[0] += step)
}
