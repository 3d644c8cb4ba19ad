//! `gpumem` under another name in Cargo.toml: there is no `::gpumem` here.
#![deny(warnings)]

use gpu_memory::{Device, GpuBuffers, Result};

/// A graph.
#[derive(GpuBuffers, Default)]
#[buffers(crate = gpu_memory)]
pub struct Graph<T> {
    /// Positions.
    #[buffer(growth = 1.3, max = "512MiB", async)]
    pub positions: Vec<[f32; 2]>,
    /// Weights.
    pub weights: Vec<T>,
    /// Stays on the host.
    #[buffer(skip)]
    pub title: String,
}

/// Kernels.
#[gpu_memory::kernels(unsafe(ptx = "../../../src/kernels.ptx"), slices = "pointer, length", crate = gpu_memory)]
pub mod kernels {
    /// Adds 1 to each element.
    #[requires(!elements.is_empty())]
    pub fn add_one(elements: &mut [u32]) {
        elements.iter_mut().for_each(|element| *element += 1);
    }
}

/// Uses the generated items.
pub fn run() -> Result<()> {
    let graph: Graph<u32> = Graph::default();
    let mut gpu = graph.upload(&Device::host())?;
    gpu.resize(GraphLengths { positions: 4, weights: 2 })?;
    let kernels: kernels::Kernels = kernels::Kernels::load(&Device::host())?;
    kernels.add_one(gpu_memory::Launch::over(2), gpu.weights_mut())?;
    let _frame: GraphFrame<u32> = gpu.start_download()?.wait()?;
    gpu.close()
}
