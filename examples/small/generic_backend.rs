//! Code that is generic over the backend: its buffers are on the host or on a card. Only the kernels differ,
//! so they are a trait.
//!
//! `cargo run --example generic_backend`

use gpumem::{AnySet, Backend, Device, GpuBuffers, Host, Result};

#[derive(GpuBuffers)]
struct Heat {
    cells: Vec<f32>,
    next: Vec<f32>,
}

/// The code that differs per backend. An implementation for `gpumem::Cuda` would launch a kernel of a module.
trait Kernels: Backend {
    fn spread(device: &Device<Self>, set: &mut HeatBuffers<Self>) -> Result<()>;
}

impl Kernels for Host {
    fn spread(device: &Device, set: &mut HeatBuffers) -> Result<()> {
        let HeatBuffersMut { cells, next } = set.split_mut();
        device.launch((cells, next), |(cells, next)| {
            for (index, next) in next.iter_mut().enumerate() {
                let (left, right) = (index.saturating_sub(1), (index + 1).min(cells.len() - 1));
                *next = 0.5 * cells[index] + 0.25 * (cells[left] + cells[right]);
            }
            cells.copy_from_slice(next);
        })
    }
}

/// Runs on any backend that has the kernels.
fn simulate<B: Kernels>(device: &Device<B>, cells: usize, steps: usize) -> Result<HeatBuffers<B>> {
    let mut set = HeatBuffers::new(device)?;
    set.resize(HeatLengths::all(cells))?;
    set.cells_mut().write(cells / 2, &[1.0])?;
    (0..steps).try_for_each(|_| B::spread(device, &mut set))?;
    Ok(set)
}

/// The bytes of sets of any structs and backends.
fn bytes(sets: &[Box<dyn AnySet>]) -> u64 {
    sets.iter().map(|set| set.stats().live_bytes()).sum()
}

fn main() -> Result<()> {
    let small = simulate(&Device::host(), 9, 1)?;
    let large = simulate(&Device::host(), 1_001, 100)?;
    println!("after 100 steps the middle has {:.3} of the heat", large.cells().download()?[500]);
    println!("both sets take {} bytes", bytes(&[Box::new(small), Box::new(large)]));
    Ok(())
}

#[test]
fn heat_spreads_and_stays() {
    let set = simulate(&Device::host(), 9, 1).unwrap();
    assert_eq!(set.cells().download().unwrap(), [0.0, 0.0, 0.0, 0.25, 0.5, 0.25, 0.0, 0.0, 0.0]);
    assert_eq!(bytes(&[Box::new(set)]), 2 * 9 * 4);
}
