#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn advance(positions: &mut [f32], velocities: &[f32]);
    pub(super) fn scale(weights: &mut [f32], factor: f32, offset: f32);
    pub(super) fn tick(time: f32);
    pub(super) fn set();
}

fn main() {}
