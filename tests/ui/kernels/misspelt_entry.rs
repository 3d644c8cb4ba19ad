#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn advence(positions: &mut [f32], velocities: &[f32], step: [f64; 3]);
}

fn main() -> gpumem::Result<()> {
    let device = gpumem::Device::host();
    let mut buffer = gpumem::Buffer::from_slice(&device, "buffer", &[1.0])?;
    let other = gpumem::Buffer::from_slice(&device, "other", &[1.0])?;
    kernels::Kernels::load(&device)?.advence(gpumem::Launch::over(1), &mut buffer, &other, [0.0; 3])
}
