#[gpumem::kernels(unsafe(ptx = "kernels.ptx"), slices = "pointer, length")]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: f32);
    pub(super) fn advance(positions: &mut [f32], velocities: &[f32]);
}

fn main() {}
