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

/// Uses what is generated.
pub fn run() -> Result<()> {
    let graph: Graph<u32> = Graph::default();
    let mut gpu = graph.upload(&Device::host())?;
    gpu.resize(GraphLengths { positions: 4, weights: 2 })?;
    let _frame: GraphFrame<u32> = gpu.start_download()?.wait()?;
    gpu.close()
}
