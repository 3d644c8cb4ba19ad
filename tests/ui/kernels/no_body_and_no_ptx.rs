#[gpumem::kernels]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: f32);
}

fn main() -> gpumem::Result<()> {
    let device = gpumem::Device::host();
    let mut buffer = gpumem::Buffer::from_slice(&device, "buffer", &[1.0])?;
    kernels::Kernels::load(&device)?.scale(gpumem::Launch::over(1), &mut buffer, 1.0)
}
