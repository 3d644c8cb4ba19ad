#[gpumem::kernels]
mod kernels {
    fn scale(weights: &mut [f32], factor: f32) {
        weights.iter_mut().for_each(|weight| *weight *= factor);
    }
}

fn main() {
    kernels::Kernels::load(&gpumem::Device::host()).unwrap();
}
