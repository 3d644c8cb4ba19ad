//! The pipeline: while chunk n is computed, chunk n+1 goes up to the device, and the features of chunk n-1
//! come down.
//!
//! ```text
//! up          up 1 | up 2 | up 3 |
//! kernels          |  1   |  2   |  3   |
//! down                    |  1   |  2   | down 3
//! ```
//!
//! A device uploads and computes on one stream, so these two take turns on it. Hence two devices, on one card
//! or on the host's cores, take the chunks in turn: one has the chunks with even numbers, the other those
//! with odd ones. Downloads have a stream of their own.
//!
//! Each chunk has new buffers. They come from the pool of the device, which has the memory of an earlier
//! chunk. Four threads share the work: one reads and sorts chunks, this one fills the memory that uploads
//! read and queues everything, one waits for downloads, and one takes the features.

pub mod one_by_one;
pub mod overlap;

use std::{
    borrow::Borrow,
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use gpumem::{Buffer, Device, DeviceStats, Error, KernelBackend, Launch, Result as GpuResult};
use rayon::prelude::*;

use crate::{
    cloud::{
        CloudBuffers, CloudLengths, Colours, FeaturesBuffers, FeaturesDownload, FeaturesFrame,
        FeaturesLengths,
    },
    step::Kernels,
    tile::chunks::Plan,
};
use overlap::{ChunkTimes, Overlap};

pub use crate::{cloud::Columns, tile::chunks::Chunk};

/// The moments that a device notes per chunk: before the upload, after it, and after the kernels.
const MOMENTS: usize = 3;
/// The most chunks at a time whose features are computed, come down or are taken: two per device.
const UNDER_WAY: usize = 4;
/// The number of reads of the device's clock. The quickest read is the most exact one.
const LOOKS: usize = 20;

/// The sizes and the ground that all chunks of a tile share.
#[derive(Clone)]
pub struct Work {
    pub chunks: usize,
    pub cloud: CloudLengths,
    pub features: FeaturesLengths,
    pub colours: Colours,
    pub ground: Vec<f32>,
}

impl Work {
    pub fn of(plan: &Plan) -> Self {
        let (cloud, features) = plan.capacities();
        Self {
            chunks: plan.count,
            cloud,
            features,
            colours: plan.colours(),
            ground: plan.ground.heights.clone(),
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// From the first upload to the last feature.
    pub duration: Duration,
    pub overlap: Overlap,
    /// The counts of both devices, from the first chunk on.
    pub reused: u64,
    pub allocations: u64,
    /// Calls to the driver for device memory, from the first chunk on.
    pub driver_calls: u64,
    /// The most bytes of all buffers at a time, of both devices together.
    pub peak_bytes: u64,
    pub downloads: u64,
}

impl Outcome {
    fn new(duration: Duration, overlap: Overlap, stats: &[DeviceStats]) -> Self {
        let sum = |count: fn(&DeviceStats) -> u64| stats.iter().map(count).sum();
        Self {
            duration,
            overlap,
            reused: sum(|stats| stats.reused),
            allocations: sum(|stats| stats.allocations),
            driver_calls: sum(|stats| stats.driver_calls),
            peak_bytes: sum(|stats| stats.peak_bytes),
            downloads: sum(|stats| stats.downloads),
        }
    }
}

/// Computes all chunks on two devices that take turns, and gives each with its features to `take`, in order.
pub fn run<B: KernelBackend, C: Borrow<Chunk> + Send>(
    devices: [Device<B>; 2],
    work: &Work,
    chunks: impl Iterator<Item = Result<C>> + Send,
    mut take: impl FnMut(&Chunk, Columns<'_>) -> Result<()> + Send,
) -> Result<Outcome> {
    let mut lanes = Vec::new();
    for device in devices {
        lanes.push(Lane::open(device, work)?);
    }
    let start = Instant::now();
    let (to_queue, read) = sync_channel(1);
    let (to_wait, queued) = channel();
    let (to_take, arrived) = channel();
    // A chunk has a place here until its features were taken.
    let (under_way, done) = sync_channel(UNDER_WAY);
    let (read, queued, taken) = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut chunks = chunks;
            chunks.try_for_each(|chunk| to_queue.send(chunk?).map_err(gone))
        });
        let waiter =
            scope.spawn(move || wait::<B, C>(&queued, |arrival| to_take.send(arrival).map_err(gone)));
        let taker = scope.spawn(move || -> Result<()> {
            for (chunk, frame) in arrived {
                let (chunk, frame): (C, FeaturesFrame<B>) = (chunk, frame);
                take(chunk.borrow(), columns(&frame))?;
                drop(frame);
                done.recv()?;
            }
            Ok(())
        });
        // These ends of the channels go with this call, so that the other threads see its end.
        let queued = queue_all(&mut lanes, read, under_way, to_wait);
        let times = waiter.join().unwrap_or_else(|_| Err(anyhow!("the thread that waits panicked")));
        let taken = taker.join().unwrap_or_else(|_| Err(anyhow!("the thread that takes features panicked")));
        let read = reader.join().unwrap_or_else(|_| Err(anyhow!("the thread that reads panicked")));
        (read, queued.and(times), taken)
    });
    let duration = start.elapsed();
    let arrivals = first_cause([read.map(|()| Vec::new()), taken.map(|()| Vec::new()), queued])?;
    let (mut times, mut stats) = (Vec::new(), Vec::new());
    for (turn, lane) in lanes.into_iter().enumerate() {
        let arrivals: Vec<Instant> = arrivals.iter().skip(turn).step_by(2).copied().collect();
        let (lane_times, lane_stats) = lane.close(&arrivals)?;
        times.extend(lane_times);
        stats.push(lane_stats);
    }
    Ok(Outcome::new(duration, Overlap::of(times, duration), &stats))
}

/// Queues each chunk on the device whose turn it is.
#[expect(clippy::needless_pass_by_value, reason = "the channels end with this call")]
fn queue_all<B: KernelBackend, C: Borrow<Chunk>>(
    lanes: &mut [Lane<'_, B>],
    read: Receiver<C>,
    under_way: SyncSender<()>,
    to_wait: Sender<Queued<B, C>>,
) -> Result<()> {
    for (index, chunk) in read.into_iter().enumerate() {
        under_way.send(()).map_err(gone)?;
        let download = lanes[index % 2].queue(chunk.borrow(), index / 2)?;
        to_wait.send((chunk, download)).map_err(gone)?;
    }
    Ok(())
}

/// A channel has no receiver any more, because its thread ended with an error. That error is the one to tell.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("another thread has ended")
    }
}

impl std::error::Error for Gone {}

fn gone<T>(_: std::sync::mpsc::SendError<T>) -> anyhow::Error {
    Gone.into()
}

/// The result of the threads: the last one's, or the error of the one that failed first.
fn first_cause<T>(results: impl IntoIterator<Item = Result<T>>) -> Result<T> {
    let (mut value, mut error) = (None, None::<anyhow::Error>);
    for result in results {
        match result {
            Ok(result) => value = Some(result),
            Err(new) if error.as_ref().is_none_or(anyhow::Error::is::<Gone>) => error = Some(new),
            Err(_) => {}
        }
    }
    match error {
        Some(error) => Err(error),
        None => value.ok_or_else(|| anyhow!("there was no thread")),
    }
}

/// A chunk, and the download of its features.
type Queued<B, C> = (C, FeaturesDownload<B>);

/// Waits for each download, and hands it on. Returns when each arrived.
fn wait<B: KernelBackend, C>(
    queued: &Receiver<Queued<B, C>>,
    mut hand_on: impl FnMut((C, FeaturesFrame<B>)) -> Result<()>,
) -> Result<Vec<Instant>> {
    let mut arrivals = Vec::new();
    for (chunk, download) in queued {
        let frame = download.wait()?;
        arrivals.push(Instant::now());
        hand_on((chunk, frame))?;
    }
    Ok(arrivals)
}

fn columns<B: KernelBackend>(frame: &FeaturesFrame<B>) -> Columns<'_> {
    Columns {
        normals: frame.normals(),
        scalars: [
            frame.curvature(),
            frame.planarity(),
            frame.linearity(),
            frame.sphericity(),
            frame.density(),
            frame.height(),
            frame.brightness(),
            frame.saturation(),
            frame.greenness(),
            frame.ndvi(),
        ],
    }
}

/// One of the two devices.
struct Lane<'a, B: KernelBackend> {
    device: Device<B>,
    kernels: Kernels<B>,
    work: &'a Work,
    ground: Buffer<f32, B>,
    times: Buffer<u64, B>,
    /// A moment, and the time that the device's clock showed then, in nanoseconds.
    clock: (Instant, u64),
    before: DeviceStats,
}

impl<'a, B: KernelBackend> Lane<'a, B> {
    fn open(device: Device<B>, work: &'a Work) -> Result<Self> {
        // The driver of a card compiles the kernels.
        let kernels = Kernels::load(&device)?;
        let ground = Buffer::from_slice(&device, "ground", &work.ground)?;
        let moments = MOMENTS * work.chunks.div_ceil(2).max(1);
        let mut times = Buffer::zeroed(&device, "times", moments)?;
        let clock = clock(&kernels, &device, &mut times)?;
        // The pool takes the memory of two chunks from the driver before the first one: one comes down while
        // the next is computed. Near the limit one is enough, and the second waits for it.
        let two = [(); 2].map(|()| buffers(&device, work));
        let [first, second] = two;
        first?;
        if !matches!(second, Ok(_) | Err(Error::DeviceLimit { .. } | Error::OutOfMemory { .. })) {
            second?;
        }
        let before = device.stats();
        Ok(Self { device, kernels, work, ground, times, clock, before })
    }

    /// Queues a chunk, which is this device's `turn`th. Waits for nothing but memory.
    fn queue(&mut self, chunk: &Chunk, turn: usize) -> Result<FeaturesDownload<B>> {
        let (mut cloud, mut features) = buffers(&self.device, self.work)?;
        let buffers = cloud.split_mut();
        let mut positions = buffers.positions.stage(chunk.cloud.positions.len())?;
        let mut row_starts = buffers.row_starts.stage(chunk.cloud.row_starts.len())?;
        let mut colours = buffers.colours.stage(chunk.cloud.colours.len())?;
        copy(&mut positions, &chunk.cloud.positions);
        copy(&mut row_starts, &chunk.cloud.row_starts);
        copy(&mut colours, &chunk.cloud.colours);
        let moment = u32::try_from(MOMENTS * turn)?;
        note_time(&self.kernels, moment, &mut self.times)?;
        positions.commit()?;
        row_starts.commit()?;
        colours.commit()?;
        note_time(&self.kernels, moment + 1, &mut self.times)?;
        features.resize(self.work.colours.lengths(chunk.step.count as usize))?;
        compute(&self.kernels, chunk, &cloud, &self.ground, &mut features)?;
        note_time(&self.kernels, moment + 2, &mut self.times)?;
        // The buffers may be dropped: the pool gives their memory to a later chunk once the kernels and the
        // download are done with it.
        Ok(features.start_download()?)
    }

    /// Gives all memory back. Returns the times of its chunks, and its counts since it was opened.
    fn close(self, arrivals: &[Instant]) -> Result<(Vec<ChunkTimes>, DeviceStats)> {
        let stats = self.device.stats().since(&self.before);
        let times = self.times.download()?;
        let (looked, clock) = self.clock;
        let chunks = times.chunks_exact(MOMENTS).zip(arrivals).map(|(moments, arrival)| {
            let arrival = arrival.saturating_duration_since(looked).as_nanos();
            let arrival = clock.saturating_add(u64::try_from(arrival).unwrap_or(u64::MAX));
            // The clocks may differ by some microseconds.
            ChunkTimes { moments: [moments[0], moments[1], moments[2], arrival.max(moments[2])] }
        });
        let chunks = chunks.collect();
        drop((self.times, self.ground, self.kernels));
        self.device.check_leaks()?;
        self.device.close()?;
        Ok((chunks, stats))
    }
}

/// Copies on several cores: one does not keep up with a card.
fn copy<T: Copy + Send + Sync>(to: &mut [T], from: &[T]) {
    const PART: usize = 1 << 16;
    let parts = to.par_chunks_mut(PART).zip(from.par_chunks(PART));
    parts.for_each(|(to, from)| to.copy_from_slice(from));
}

/// New buffers for a chunk, of the size of the largest one.
fn buffers<B: KernelBackend>(
    device: &Device<B>,
    work: &Work,
) -> GpuResult<(CloudBuffers<B>, FeaturesBuffers<B>)> {
    Ok((
        CloudBuffers::with_capacity(device, work.cloud)?,
        FeaturesBuffers::with_capacity(device, work.features)?,
    ))
}

/// Queues the kernels of a chunk.
fn compute<B: KernelBackend>(
    kernels: &Kernels<B>,
    chunk: &Chunk,
    cloud: &CloudBuffers<B>,
    ground: &Buffer<f32, B>,
    features: &mut FeaturesBuffers<B>,
) -> GpuResult<()> {
    let (step, over_points) = (chunk.step, Launch::over(chunk.step.count as usize));
    let features = features.split_mut();
    kernels.shape(
        over_points,
        step,
        cloud.positions(),
        cloud.row_starts(),
        features.normals,
        features.curvature,
        features.planarity,
        features.linearity,
        features.sphericity,
        features.density,
    )?;
    kernels.heights(over_points, step, cloud.positions(), ground, features.height)?;
    if cloud.colours().is_empty() {
        return Ok(());
    }
    kernels.colours(
        over_points,
        step,
        cloud.colours(),
        features.brightness,
        features.saturation,
        features.greenness,
        features.ndvi,
    )
}

fn note_time<B: KernelBackend>(
    kernels: &Kernels<B>,
    place: u32,
    times: &mut Buffer<u64, B>,
) -> GpuResult<()> {
    kernels.note_time(Launch::grid(1).block(1), place, times)
}

/// A moment, and the time that the device's clock showed then. The error is at most half the time of a launch
/// with the wait for it, some microseconds.
fn clock<B: KernelBackend>(
    kernels: &Kernels<B>,
    device: &Device<B>,
    times: &mut Buffer<u64, B>,
) -> Result<(Instant, u64)> {
    let mut quickest: Option<(Duration, Instant, u64)> = None;
    for _ in 0..LOOKS {
        let before = Instant::now();
        note_time(kernels, 0, times)?;
        device.synchronize()?;
        let took = before.elapsed();
        if quickest.is_none_or(|(quickest, ..)| took < quickest) {
            quickest = Some((took, before + took / 2, times.view(..1)?.download()?[0]));
        }
    }
    let (_, moment, time) = quickest.ok_or_else(|| anyhow!("the clock was never read"))?;
    Ok((moment, time))
}

#[cfg(test)]
pub mod tests;
