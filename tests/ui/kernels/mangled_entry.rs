#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn blur(image: &mut [f32], radius: u32);
}

fn main() {}
