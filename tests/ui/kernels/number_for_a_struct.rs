#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn advance(positions: &mut [f32], velocities: &[f32], step: f64);
}

fn main() {}
