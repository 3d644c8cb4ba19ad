#[gpumem::kernels]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: f32) {
        weights.iter_mut().for_each(|weight| *weight *= factor);
    }
    pub(super) fn scale(weights: &mut [f64], factor: f64) {
        weights.iter_mut().for_each(|weight| *weight *= factor);
    }
}

fn main() -> gpumem::Result<()> {
    let device = gpumem::Device::host();
    let mut buffer = gpumem::Buffer::from_slice(&device, "buffer", &[1.0_f32])?;
    kernels::Kernels::load(&device)?.scale(gpumem::Launch::over(1), &mut buffer, 1.0)
}
