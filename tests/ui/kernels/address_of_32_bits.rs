#[gpumem::kernels(unsafe(ptx = "address32.txt"))]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: f32);
}

fn main() {}
