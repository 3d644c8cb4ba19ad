//! The pipeline: while one frame is drawn, the next one is downloaded, and the device computes the third.
//!
//! ```text
//! device    step 2 | step 3 | step 4 |
//! copies    copy 1 | copy 2 | copy 3 |
//! drawing   draw 0 | draw 1 | draw 2 |
//! ```
//!
//! One task runs the pipeline, on a thread that only ever waits. Each round queues a step, awaits the
//! previous frame, hands that frame to a thread that draws, and starts the download of the step. So each
//! buffer needs two slots, one for the frame that is downloaded and one for the frame that is drawn. It has
//! two by default.

use std::time::Instant;

use anyhow::Result;
use gpumem::{Backend, Device, DeviceStats, GpuBuffers, KernelBackend};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{
    galaxies::{Galaxies, GalaxiesFrame},
    physics::Story,
    step::{Kernels, clock, step},
    timeline::{FrameTimes, Timeline, nanoseconds},
};

/// Draws frames, on threads that may block.
pub trait Draw: Send + 'static {
    fn draw(&mut self, positions: &[[f32; 2]], velocities: &[[f32; 2]]) -> Result<()>;
}

/// The result of a run.
pub struct Outcome<D> {
    pub drawing: D,
    pub timeline: Timeline,
    /// The counts of the device.
    pub stats: DeviceStats,
}

/// Computes and draws all frames of `story`, then gives all memory back and closes the device. With
/// `one_by_one` a step is queued only after the previous frame was drawn, so that nothing overlaps.
pub async fn run<B: KernelBackend, D: Draw>(
    device: Device<B>,
    galaxies: &Galaxies,
    story: Story,
    drawing: D,
    one_by_one: bool,
) -> Result<Outcome<D>> {
    // The driver of a card compiles the kernels.
    let kernels = Kernels::load(&device)?;
    let mut set = galaxies.upload(&device)?;
    // Reading the clock of the device takes a while, which is not part of the film.
    let (looked, clock) = clock(&kernels, &device)?;
    let start = Instant::now();

    let mut film = spawn_blocking(|| Ok(Film { drawing, times: Vec::new() }));
    let mut frames = set.frame_queue();
    let mut asked = start;
    for index in 0..story.frames {
        let stars = u32::try_from(set.positions().len())?;
        step(&kernels, &mut set, story.step(index, stars))?;
        // The device computes this step while the previous frame arrives and is drawn.
        if let Some(frame) = frames.next().await {
            film = Film::draw_next(film, frame?, asked).await?;
        }
        asked = Instant::now();
        frames.push(set.start_download()?)?;
        if one_by_one && let Some(frame) = frames.next().await {
            film = Film::draw_next(film, frame?, asked).await?;
            let drawn = film.await??;
            film = spawn_blocking(|| Ok(drawn));
        }
    }
    while let Some(frame) = frames.next().await {
        film = Film::draw_next(film, frame?, asked).await?;
    }
    let Film { drawing, times } = film.await??;
    let clock = clock + nanoseconds(start - looked);
    let timeline = Timeline::new(B::NAME, start, clock, &times);

    // All buffers are freed, or an error lists those that are not.
    set.check_leaks()?;
    set.close()?;
    let stats = device.stats();
    device.close()?;
    Ok(Outcome { drawing, timeline, stats })
}

/// The frames drawn so far. It moves to the thread that draws a frame, and comes back from there.
struct Film<D> {
    drawing: D,
    times: Vec<FrameTimes>,
}

impl<D: Draw> Film<D> {
    /// Starts to draw a frame that has just arrived, after the previous frame was drawn.
    async fn draw_next<B: Backend>(
        film: JoinHandle<Result<Self>>,
        frame: GalaxiesFrame<B>,
        asked: Instant,
    ) -> Result<JoinHandle<Result<Self>>> {
        let arrived = Instant::now();
        let film = film.await??;
        // Drawing takes a while, and the runtime's thread has tasks to wake. The drawing thread drops the
        // frame, which frees its slots.
        Ok(spawn_blocking(move || film.draw(&frame, asked, arrived)))
    }

    fn draw<B: Backend>(
        mut self,
        frame: &GalaxiesFrame<B>,
        asked: Instant,
        arrived: Instant,
    ) -> Result<Self> {
        let begun = Instant::now();
        self.drawing.draw(frame.positions(), frame.velocities())?;
        let step = frame.times()[self.times.len()];
        self.times.push(FrameTimes { step, asked, arrived, drawn: [begun, Instant::now()] });
        Ok(self)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::{step::move_stars, timeline::Span};
    use anyhow::bail;

    /// Keeps the frames.
    #[derive(Default)]
    pub struct Album(pub Vec<[Vec<[f32; 2]>; 2]>);

    impl Draw for Album {
        fn draw(&mut self, positions: &[[f32; 2]], velocities: &[[f32; 2]]) -> Result<()> {
            self.0.push([positions.to_vec(), velocities.to_vec()]);
            Ok(())
        }
    }

    /// Fails after this many frames.
    struct Broken(u32);

    impl Draw for Broken {
        fn draw(&mut self, _: &[[f32; 2]], _: &[[f32; 2]]) -> Result<()> {
            let Some(left) = self.0.checked_sub(1) else { bail!("the pencil broke") };
            self.0 = left;
            Ok(())
        }
    }

    fn streamed<D: Draw>(device: Device, frames: u32, drawing: D) -> Result<Outcome<D>> {
        streamed_with(device, frames, drawing, false)
    }

    fn streamed_with<D: Draw>(
        device: Device,
        frames: u32,
        drawing: D,
        one_by_one: bool,
    ) -> Result<Outcome<D>> {
        let story = Story::of(frames);
        let galaxies = Galaxies::new(3_000, story, 5);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(run(device, &galaxies, story, drawing, one_by_one))
    }

    #[test]
    fn every_frame_is_what_plain_vectors_give() {
        let story = Story::of(24);
        let mut galaxies = Galaxies::new(3_000, story, 5);
        let Outcome { drawing: Album(frames), .. } = streamed(Device::host(), 24, Album::default()).unwrap();
        assert_eq!(frames.len(), 24);
        for (index, [positions, velocities]) in (0..).zip(&frames) {
            let step = story.step(index, 3_000);
            move_stars(step, &galaxies.cores, &mut galaxies.positions, &mut galaxies.velocities);
            // The frames are in order and whole: the step writes all stars, in both buffers.
            let same = (positions, velocities) == (&galaxies.positions, &galaxies.velocities);
            assert!(same, "frame {index} is not that of its step");
        }
    }

    #[test]
    fn there_is_one_download_a_frame_and_buffer_and_nothing_stays() {
        let Outcome { stats, .. } = streamed(Device::host(), 17, Album::default()).unwrap();
        assert_eq!((stats.async_downloads, stats.live_buffers, stats.live_bytes), (3 * 17, 0, 0));
    }

    #[test]
    fn times_are_in_their_order() {
        let Outcome { timeline, .. } = streamed(Device::host(), 12, Album::default()).unwrap();
        assert_eq!(timeline.frames.len(), 12);
        for frame in &timeline.frames {
            let moments = [frame.step, frame.copy, frame.draw].map(|Span { from, to }| [from, to]);
            assert!(moments.as_flattened().is_sorted(), "{frame:?}");
        }
        // Neither a step nor a drawing begins before the previous one has ended.
        for pair in timeline.frames.windows(2) {
            assert!(pair[0].step.to <= pair[1].step.from && pair[0].draw.to <= pair[1].draw.from, "{pair:?}");
        }
    }

    #[test]
    fn one_by_one_nothing_overlaps() {
        let outcome = streamed_with(Device::host(), 12, Album::default(), true).unwrap();
        let spans = outcome.timeline.frames.iter().flat_map(|frame| [frame.step, frame.copy, frame.draw]);
        let moments: Vec<_> = spans.flat_map(|Span { from, to }| [from, to]).collect();
        assert!(moments.len() == 6 * 12 && moments.is_sorted(), "{moments:?}");
        assert!(outcome.timeline.overlap() <= 1.0);
    }

    #[test]
    fn a_drawing_that_fails_ends_the_stream() {
        let device = Device::host();
        let error = streamed(device.clone(), 100, Broken(3)).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "the pencil broke");
        // The steps and downloads that were under way no longer have an owner.
        device.synchronize().unwrap();
        device.check_leaks().unwrap();
        assert!(device.stats().async_downloads < 3 * 10);
    }

    /// The error of a film that is longer than the uploaded times of its frames.
    fn too_long(device: Device) -> anyhow::Error {
        let galaxies = Galaxies::new(100, Story::of(10), 5);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let run = run(device, &galaxies, Story::of(11), Album::default(), false);
        runtime.block_on(run).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_step_that_is_refused_ends_the_stream() {
        let device = Device::host();
        let error = too_long(device.clone());
        assert!(matches!(error.downcast_ref(), Some(gpumem::Error::KernelRefused { .. })), "{error}");
        assert!(error.to_string().contains("`advance` requires `times.len() > step.frame"), "{error}");
        device.synchronize().unwrap();
        device.check_leaks().unwrap();
    }

    #[test]
    fn a_device_that_fails_ends_the_stream() {
        let device = Device::host();
        device.launch((), |()| panic!("a kernel before the film")).unwrap();
        let error = too_long(device);
        assert!(matches!(error.downcast_ref(), Some(gpumem::Error::DeviceFailed { .. })), "{error}");
    }
}
