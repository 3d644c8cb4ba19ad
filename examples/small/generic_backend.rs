//! Code that is generic over the backend: its buffers are on the host or on a card, and so are its kernels.
//! `cargo run --example generic_backend`, or on a card with `-p gpumem-examples-small --features cuda`

use gpumem::{AnySet, Device, GpuBuffers, KernelBackend, Launch, Result, on_device};

#[derive(GpuBuffers)]
struct Heat {
    cells: Vec<f32>,
    next: Vec<f32>,
}

/// The kernels: on the host these functions, on a card the entries of the PTX with the same names.
#[gpumem::kernels(
    // SAFETY: the kernels of `kernels.cu` stay below the lengths that they are given.
    unsafe(ptx = "kernels.ptx"), slices = "pointer, length"
)]
mod kernels {
    pub(super) fn spread(cells: &[f32], next: &mut [f32]) {
        for (index, next) in next.iter_mut().enumerate() {
            let (left, right) = (index.saturating_sub(1), (index + 1).min(cells.len() - 1));
            *next = 0.5 * cells[index] + 0.25 * (cells[left] + cells[right]);
        }
    }
}

/// Runs on any backend that has kernels.
fn simulate<B: KernelBackend>(device: &Device<B>, cells: usize, steps: usize) -> Result<HeatBuffers<B>> {
    let (kernels, mut set) = (kernels::Kernels::load(device)?, HeatBuffers::new(device)?);
    set.resize(HeatLengths::all(cells))?;
    set.cells_mut().write(cells / 2, &[1.0])?;
    for _ in 0..steps {
        let HeatBuffersMut { cells, next } = set.split_mut();
        kernels.spread(Launch::over(cells.len()), &*cells, &mut *next)?;
        cells.swap_contents(next)?;
    }
    Ok(set)
}

/// The bytes of sets of any structs and backends.
fn bytes(sets: &[Box<dyn AnySet>]) -> u64 {
    sets.iter().map(|set| set.stats().live_bytes()).sum()
}

fn run<B: KernelBackend>(device: &Device<B>) -> Result<()> {
    let (small, large) = (simulate(&Device::host(), 9, 1)?, simulate(device, 1_001, 100)?);
    println!("after 100 steps the middle has {:.3} of the heat", large.cells().download()?[500]);
    println!("both sets take {} bytes", bytes(&[Box::new(small), Box::new(large)]));
    Ok(())
}

fn main() -> Result<()> {
    on_device!(Device::auto()?, |device| run(&device))
}

#[test]
fn heat_spreads_and_stays() {
    let set = simulate(&Device::host(), 9, 1).unwrap();
    assert_eq!(set.cells().download().unwrap(), [0.0, 0.0, 0.0, 0.25, 0.5, 0.25, 0.0, 0.0, 0.0]);
    assert_eq!(bytes(&[Box::new(set)]), 2 * 9 * 4);
}
