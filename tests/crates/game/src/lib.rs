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

/// Uses what is generated.
pub fn run() -> Result<()> {
    let device = Device::host();
    let gpu: ParticlesBuffers = Particles::default().upload(&device)?;
    gpu.close()?;
    CellsBuffers::new(&device)?.close()
}
