#![forbid(unsafe_code)]

#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: f32);
}

fn main() {}
