#[gpumem::kernels(unsafe(ptx = "damaged.txt"))]
mod kernels {
    pub(super) fn advance(positions: &mut [f32], velocities: &[f32]);
}

#[gpumem::kernels(unsafe(ptx = "damaged_file.rs"))]
mod no_ptx {
    pub(super) fn advance(positions: &mut [f32], velocities: &[f32]);
}

fn main() {}
