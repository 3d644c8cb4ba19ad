#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], #[cfg(all())] factor: f32);

    // Errors of a kernel that is not there are none.
    #[cfg(any())]
    pub(super) fn scael(weights: *mut f32) -> f32;

    #[cfg(all())]
    pub(super) fn cuont(weights: &mut [f32]);
}

fn main() {}
