use gpumem::{Buffer, Device};

#[gpumem::kernels]
mod kernels {
    pub(super) fn clear(weights: &mut [f32]) {
        weights.fill(0.0);
    }
}

fn main() -> gpumem::Result<()> {
    let device = Device::host();
    let mut weights = Buffer::from_slice(&device, "weights", &[1.0_f32])?;
    let kernels = kernels::Kernels::load(&device)?;
    kernels.clear(weights.len(), &mut weights)?;
    kernels.clear((32, 256), &mut weights)?;
    kernels.clear(&mut weights)
}
