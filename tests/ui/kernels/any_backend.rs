use gpumem::{Backend, Buffer, Device, Launch};

#[gpumem::kernels]
mod kernels {
    pub(super) fn clear(weights: &mut [f32]) {
        weights.fill(0.0);
    }
}

fn load<B: Backend>(device: &Device<B>) {
    let _ = kernels::Kernels::load(device);
}

fn clear<B: Backend>(kernels: &kernels::Kernels<B>, weights: &mut Buffer<f32, B>) {
    let _ = kernels.clear(Launch::over(weights.len()), weights);
}

fn main() {}
