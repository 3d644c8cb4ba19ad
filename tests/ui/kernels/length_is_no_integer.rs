#[gpumem::kernels(unsafe(ptx = "kernels.ptx"), slices = "pointer, length")]
mod kernels {
    pub(super) fn scale(weights: &mut [f32]);
    pub(super) fn mix(left: &mut [f32], right: &[f32]);
}

fn main() {}
