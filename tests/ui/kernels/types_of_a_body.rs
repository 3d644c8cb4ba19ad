#[gpumem::kernels]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: u32) {
        weights.iter_mut().for_each(|weight| *weight = factor);
    }
    pub(super) fn unknown(weights: &mut [f32], step: Stepp) {
        weights.fill(step.dt);
    }
}

fn main() {}
