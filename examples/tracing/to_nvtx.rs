//! A few steps for a profiler: `nsys profile --trace=nvtx,cuda target/debug/to-nvtx`. Without a profiler
//! NVTX does nothing.

use gpumem::Device;
use gpumem_example_tracing::{step, to_nvtx};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    tracing::subscriber::set_global_default(to_nvtx())?;
    let device = Device::host(); // or `Device::cuda(0)?`
    for _ in 0..3 {
        step(&device)?;
    }
    Ok(())
}
