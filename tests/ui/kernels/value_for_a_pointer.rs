#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn scale(weight: u64, factor: f32);
    pub(super) fn advance(position: [f32; 2], velocities: &[f32], step: [f64; 3]);
}

fn main() {}
