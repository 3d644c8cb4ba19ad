use gpumem::{Buffer, Device, Launch};

#[gpumem::kernels]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factors: &[f32], by: f32) {
        weights.iter_mut().zip(factors).for_each(|(weight, factor)| *weight *= factor * by);
    }
}

fn main() -> gpumem::Result<()> {
    let device = Device::host();
    let kernels = kernels::Kernels::load(&device)?;
    let mut weights = Buffer::from_slice(&device, "weights", &[1.0_f32])?;
    let mut on_the_host = vec![1.0_f32];
    kernels.scale(Launch::over(1), &mut weights, 2.0, 1.0)?;
    kernels.scale(Launch::over(1), &mut on_the_host, &[1.0], 1.0)?;
    kernels.scale(Launch::over(1), weights, &weights, 1)
}
