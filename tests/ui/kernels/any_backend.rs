use gpumem::{Backend, Buffer, Device, Launch};

#[gpumem::kernels]
mod kernels {
    pub(super) fn clear(weights: &mut [f32]) {
        weights.fill(0.0);
    }
}

fn clear<B: Backend>(device: &Device<B>, weights: &mut Buffer<f32, B>) -> gpumem::Result<()> {
    let kernels = kernels::Kernels::load(device)?;
    kernels.clear(Launch::over(weights.len()), weights)
}

fn main() {}
