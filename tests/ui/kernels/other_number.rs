#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn scale(weights: &mut [f32], factor: u32);
    pub(super) fn count(elements: &mut [u32], most: f32);
    pub(super) fn set(a: f64, b: u64, c: f32, d: u32, e: u32);
}

fn main() {}
