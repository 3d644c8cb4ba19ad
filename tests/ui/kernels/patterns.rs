#![allow(unused_variables)]

#[gpumem::kernels]
mod kernels {
    pub(super) struct Step {
        pub(super) dt: f32,
    }

    pub(super) fn pair((a, b): (f32, f32), elements: &mut [f32]) {
        elements.fill(a + b);
    }
    pub(super) fn fields(Step { dt }: Step, kernels::Step { dt: other }: Step) {}
    pub(super) fn nameless(_: u32, elements: &mut [f32]) {}
    pub(super) fn reference(&factor: &f32) {}
    pub(super) fn taken(__launch: u32) {}
}

fn main() -> gpumem::Result<()> {
    let device = gpumem::Device::host();
    let mut buffer = gpumem::Buffer::from_slice(&device, "buffer", &[1.0])?;
    kernels::Kernels::load(&device)?.pair(gpumem::Launch::over(1), (1.0, 1.0), &mut buffer)
}
