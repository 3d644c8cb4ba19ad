#![allow(unused_variables)]

#[derive(Clone, Copy)]
struct Step {
    dt: f32,
}

#[gpumem::kernels]
mod kernels {
    use super::Step;

    pub(super) fn advance(positions: &mut [f32], step: Step) {
        positions.iter_mut().for_each(|position| *position += step.dt);
    }
    pub(super) fn pair(positions: &mut [f32], pair: (f32, f32)) {}
    pub(super) fn name(positions: &mut [f32], name: String) {}
    pub(super) fn maybe(positions: &mut [f32], maybe: Option<u32>) {}
}

#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
mod of_ptx {
    pub(super) fn advance(positions: &mut [f32], velocities: &[f32], step: super::Step);
}

fn main() {}
