#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn scale(weights: *mut f32, factor: f32);
    pub(super) fn count(elements: *const [u32; 2], most: u32);
}

fn main() {}
