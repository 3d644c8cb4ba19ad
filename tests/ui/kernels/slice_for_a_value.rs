#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factors: &[f32]);
    pub(super) fn count(elements: &mut [u32], counts: &mut [u32]);
    pub(super) fn advance(positions: &mut [f32], velocities: &[f32], steps: &[[f64; 3]]);
    pub(super) fn share(elements: &mut [u32]);
}

fn main() {}
