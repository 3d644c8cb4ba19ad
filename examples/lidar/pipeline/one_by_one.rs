//! The same work without a pipeline, for comparison: memory from the driver for each chunk, copies that
//! block, and one thing after the other.

use std::{
    borrow::Borrow,
    time::{Duration, Instant},
};

use anyhow::Result;
use gpumem::{Buffer, Device, GpuBuffers, KernelBackend};

use super::{Outcome, Work, compute, overlap::Overlap};
use crate::{
    cloud::{Columns, Features, FeaturesBuffers},
    step::Kernels,
    tile::chunks::Chunk,
};

/// Computes all chunks, and gives each with its features to `take`, in order. The device should retain no
/// memory (`DeviceBuilder::retain`): then each chunk gets its memory from the driver.
pub fn run<B: KernelBackend, C: Borrow<Chunk>>(
    device: Device<B>,
    work: &Work,
    chunks: impl Iterator<Item = Result<C>>,
    mut take: impl FnMut(&Chunk, Columns<'_>) -> Result<()>,
) -> Result<Outcome> {
    let kernels = Kernels::load(&device)?;
    let ground = Buffer::from_slice(&device, "ground", &work.ground)?;
    let (before, start) = (device.stats(), Instant::now());
    let mut busy = [Duration::ZERO; 3];
    let mut features = Features::default();
    for chunk in chunks {
        let chunk = chunk?;
        let chunk = chunk.borrow();
        let times = one(&device, &kernels, &ground, work, chunk, &mut features)?;
        for (busy, times) in busy.iter_mut().zip(times.windows(2)) {
            *busy += times[1] - times[0];
        }
        take(chunk, features.columns())?;
    }
    let duration = start.elapsed();
    let stats = device.stats().since(&before);
    drop((kernels, ground));
    device.check_leaks()?;
    device.close()?;
    Ok(Outcome::new(duration, Overlap { busy, hidden: Duration::ZERO, duration }, &[stats]))
}

/// One chunk. Returns when its upload, its kernels and its downloads began, and when the last ones ended.
fn one<B: KernelBackend>(
    device: &Device<B>,
    kernels: &Kernels<B>,
    ground: &Buffer<f32, B>,
    work: &Work,
    chunk: &Chunk,
    features: &mut Features,
) -> Result<[Instant; 4]> {
    let began = Instant::now();
    let cloud = chunk.cloud.upload(device)?;
    device.synchronize()?;
    let uploaded = Instant::now();
    let mut on_device = FeaturesBuffers::new(device)?;
    on_device.resize(work.colours.lengths(chunk.step.count as usize))?;
    compute(kernels, chunk, &cloud, ground, &mut on_device)?;
    device.synchronize()?;
    let computed = Instant::now();
    on_device.download_into(features)?;
    Ok([began, uploaded, computed, Instant::now()])
}
