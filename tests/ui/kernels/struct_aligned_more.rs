#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct Step {
    dt: [f32; 4],
    gravity: [f32; 4],
}

unsafe impl bytemuck::NoUninit for Step {}

#[gpumem::kernels(unsafe(ptx = "aligned.ptx"))]
mod kernels {
    pub(super) fn advance(step: super::Step);
}

fn main() {}
