#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Step {
    dt: f32,
    damping: f32,
    gravity: [f32; 3],
}

#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod kernels {
    use super::Step;

    pub(super) fn advance(positions: &mut [f32], velocities: &[f32], step: Step);
    pub(super) fn count(elements: &mut [u32], step: Step);
}

fn main() {}
