#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    pub(super) fn count(elements: &mut [u32]);
}

fn main() {}
