#[gpumem::kernels(unsafe(ptx = "address32.ptx"))]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: f32);
}

fn main() {}
