//! Peers whose copies block: from and to the program's own memory, one after the other.

use crate::common::Failure;
use crate::common::context::{Context, Stream, check};
use crate::common::driver::cuCtxSynchronize;
use crate::common::turns::us;
use crate::handles::{Memory, Occupy};
use crate::workload::{FRAME_BUFFERS, FRAME_WORK, Pace, Way, play, rate};
use std::hint::black_box;
use std::time::Instant;

/// Device memory with blocking copies from and to the program's memory.
pub(crate) trait Blocking {
    fn fetch(&self) -> Result<Vec<u8>, Failure>;

    fn fetch_into(&self, target: &mut [u8]) -> Result<(), Failure>;

    fn send(&mut self, source: &[u8]) -> Result<(), Failure>;
}

/// The driver's blocking copies.
impl Blocking for Memory {
    fn fetch(&self) -> Result<Vec<u8>, Failure> {
        self.to_vec()
    }

    fn fetch_into(&self, target: &mut [u8]) -> Result<(), Failure> {
        self.copy_to(target)
    }

    fn send(&mut self, source: &[u8]) -> Result<(), Failure> {
        self.copy_from(source)
    }
}

pub(crate) fn copy_blocking(
    mut memory: impl Blocking,
    way: Way,
    bytes: usize,
    times: usize,
) -> Result<[f64; 1], Failure> {
    let mut host = way.on_host(bytes);
    rate(bytes, times, || {
        let began = Instant::now();
        match way {
            Way::Fresh => {
                let fresh = memory.fetch()?;
                let time = us(began);
                black_box(&fresh);
                return Ok(time);
            }
            Way::Guard | Way::Slice => memory.fetch_into(black_box(&mut host))?,
            Way::Upload => {
                memory.send(black_box(&host))?;
                // The call may return when the data is staged, before it has arrived.
                legacy_stream_is_idle()?;
            }
        }
        Ok(us(began))
    })
}

/// Waits for the stream on which the driver does blocking copies.
fn legacy_stream_is_idle() -> Result<(), Failure> {
    // SAFETY: a context is current.
    check("cuCtxSynchronize", unsafe { cuCtxSynchronize() })
}

/// Frames whose buffers are fetched one after the other, after the work has ended.
pub(crate) fn play_blocking(
    pace: Pace,
    context: Context,
    compute: &Stream,
    mut fetch: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<[f64; 2], Failure> {
    let occupy = Occupy::load(context)?;
    play(pace, || {
        occupy.launch(compute, FRAME_WORK)?;
        let started = Instant::now();
        compute.synchronize()?;
        (0..FRAME_BUFFERS).try_for_each(&mut fetch)?;
        Ok(Some(started))
    })
}
