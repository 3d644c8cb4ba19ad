//! The frames: the positions after each step, on their way to the host.

use std::{ops::Deref, sync::Arc, time::Instant};

use gpumem::{Device, DeviceStats, Download, KernelBackend, Result};

use crate::graph::{Graph, GraphBuffers};

/// The transfers after each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Frames {
    /// None.
    None,
    /// An async download of the positions.
    Positions,
    /// An async download of positions and velocities.
    Both,
    /// Blocking downloads of positions and velocities, each into a new `Vec`.
    Blocking,
}

/// The positions after a step, in the memory that the download wrote. They are not copied.
pub type Positions = Arc<dyn Deref<Target = [[f32; 2]]> + Send + Sync>;

/// A frame that has arrived.
#[cfg_attr(not(feature = "watch"), expect(dead_code, reason = "only the page shows all of it"))]
pub struct Shown {
    /// The step, counted from 1.
    pub step: u32,
    /// The positions after it.
    pub positions: Positions,
    /// The moment when the step was queued. So the positions are younger than that.
    pub since: Instant,
    /// The counts of the device.
    pub stats: DeviceStats,
}

/// Reads the frames as they arrive.
pub type Show<'a> = &'a mut dyn FnMut(&Graph, Shown);

/// One frame is downloaded while the previous one is read.
pub struct Arrivals<'a, B: KernelBackend> {
    frames: Frames,
    show: Show<'a>,
    step: u32,
    coming: Option<Coming<B>>,
    latest: Option<Positions>,
}

/// A frame that is being downloaded.
struct Coming<B: KernelBackend> {
    step: u32,
    since: Instant,
    velocities: Option<Download<[f32; 2], B>>,
    positions: Download<[f32; 2], B>,
}

impl<'a, B: KernelBackend> Arrivals<'a, B> {
    /// Shows the frames of [`Frames::Positions`] and [`Frames::Both`] to `show`.
    pub fn new(frames: Frames, show: Show<'a>) -> Self {
        Arrivals { frames, show, step: 0, coming: None, latest: None }
    }

    /// Starts the downloads after the step that was just queued, and returns at once if they are async. Then
    /// waits for the previous frame, and shows it.
    pub fn next(&mut self, graph: &Graph, set: &GraphBuffers<B>, since: Instant) -> Result<()> {
        self.step += 1;
        match self.frames {
            Frames::None => {}
            Frames::Blocking => drop((set.velocities().download()?, set.positions().download()?)),
            Frames::Positions | Frames::Both => {
                let both = self.frames == Frames::Both;
                // The velocities come first, since the next step writes them first.
                let velocities = if both { Some(set.velocities().start_download()?) } else { None };
                let positions = set.positions().start_download()?;
                let coming = Coming { step: self.step, since, velocities, positions };
                if let Some(previous) = self.coming.replace(coming) {
                    self.show(graph, set.device(), previous)?;
                }
            }
        }
        Ok(())
    }

    /// Waits for the last frame, and shows it.
    pub fn last(&mut self, graph: &Graph, device: &Device<B>) -> Result<()> {
        self.coming.take().map_or(Ok(()), |coming| self.show(graph, device, coming))
    }

    fn show(&mut self, graph: &Graph, device: &Device<B>, coming: Coming<B>) -> Result<()> {
        let Coming { step, since, velocities, positions } = coming;
        velocities.map(Download::wait).transpose()?;
        let positions: Positions = Arc::new(positions.wait()?);
        self.latest = Some(Arc::clone(&positions));
        (self.show)(graph, Shown { step, positions, since, stats: device.stats() });
        Ok(())
    }

    /// Writes the positions of the latest frame to `positions`. Without frames it waits for a download.
    pub fn latest(&self, set: &GraphBuffers<B>, positions: &mut Vec<[f32; 2]>) -> Result<()> {
        match &self.latest {
            Some(latest) => positions.copy_from_slice(latest),
            None => set.positions().download_into_vec(positions)?,
        }
        Ok(())
    }
}
