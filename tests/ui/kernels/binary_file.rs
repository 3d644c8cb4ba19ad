#[gpumem::kernels(unsafe(ptx = "kernels.cubin"))]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: f32);
}

fn main() {}
