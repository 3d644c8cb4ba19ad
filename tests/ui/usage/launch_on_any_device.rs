use gpumem::{Backend, Buffer, Device};

fn step<B: Backend>(device: &Device<B>, positions: &mut Buffer<f32, B>) -> Result<(), gpumem::Error> {
    device.launch((positions,), |(positions,)| positions[0] += 1.0)
}

fn main() {}
