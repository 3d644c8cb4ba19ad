//! A crate that knows `gpumem` by way of `engine` alone.
#![deny(warnings)]

use engine::gpumem::{Device, GpuBuffers, Result};

/// By the short way.
#[derive(GpuBuffers, Default)]
#[buffers(crate = engine::gpumem)]
pub struct Particles {
    /// Where they are.
    #[buffer(async)]
    pub positions: Vec<[f32; 3]>,
    /// How long they live.
    #[buffer(max = "1MiB")]
    pub ages: Vec<f32>,
}

/// By the long way, from the root.
#[derive(engine::gpu::memory::GpuBuffers, Default)]
#[buffers(crate = ::engine::gpu::memory)]
pub struct Cells {
    /// What is in them.
    pub counts: Vec<u32>,
}

/// Kernels.
#[engine::gpu::memory::kernels(crate = ::engine::gpu::memory)]
pub mod kernels {
    use super::Age;

    /// Makes all older.
    #[requires(by.0 >= 0.0)]
    pub fn age(ages: &mut [f32], by: Age) {
        ages.iter_mut().for_each(|age| *age += by.0);
    }
}

/// A number of years.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Age(pub f32);

// SAFETY: a number.
unsafe impl engine::gpumem::bytemuck::Zeroable for Age {}
// SAFETY: a number.
unsafe impl engine::gpumem::bytemuck::Pod for Age {}

engine::engine_kernels!(pub mod wheels);

/// Uses the generated items.
pub fn run() -> Result<()> {
    let device = Device::host();
    let mut gpu: ParticlesBuffers = Particles::default().upload(&device)?;
    kernels::Kernels::load(&device)?.age(engine::gpumem::Launch::over(1), gpu.ages_mut(), Age(1.0))?;
    wheels::Kernels::load(&device)?.turn(engine::gpumem::Launch::over(1), gpu.ages_mut(), 1.0)?;
    gpu.close()?;
    CellsBuffers::new(&device)?.close()
}
