//! The workloads, the same for gpumem and its peers: copies, frames, and many downloads at once.

use crate::common::Failure;
use crate::common::turns::{each, middle, over, us};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The source or the target of a copy on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To memory that the device writes.
    Guard,
    /// To a `Vec` that the call makes.
    Fresh,
    /// To an existing slice.
    Slice,
    /// To the device, from a slice.
    Upload,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Guard, Self::Fresh, Self::Slice, Self::Upload];

    /// The data on the host before the copy, if the copy needs it.
    pub(crate) fn on_host(self, bytes: usize) -> Vec<u8> {
        if matches!(self, Self::Slice | Self::Upload) { vec![1; bytes] } else { Vec::new() }
    }
}

/// The median GB/s of attempts. An attempt copies `bytes`, and returns the microseconds that this took.
pub(crate) fn rate(
    bytes: usize,
    times: usize,
    attempt: impl FnMut() -> Result<f64, Failure>,
) -> Result<[f64; 1], Failure> {
    let [time] = repeat(times, attempt)?;
    Ok([over(bytes, 1_usize) / time / 1e3])
}

/// The time after which attempts end. A slow operation is measured less often, so that all cases get time.
const LONGEST_ATTEMPTS: Duration = Duration::from_millis(60);

/// The median time of at most `times` attempts, after some attempts that do not count.
pub(crate) fn repeat(
    times: usize,
    mut attempt: impl FnMut() -> Result<f64, Failure>,
) -> Result<[f64; 1], Failure> {
    attempts(times.div_ceil(10), LONGEST_ATTEMPTS / 10, &mut attempt)?;
    Ok([middle(attempts(times, LONGEST_ATTEMPTS, &mut attempt)?)])
}

/// Makes one attempt or more, and begins no more of them after `longest`.
fn attempts(
    times: usize,
    longest: Duration,
    attempt: &mut impl FnMut() -> Result<f64, Failure>,
) -> Result<Vec<f64>, Failure> {
    let began = Instant::now();
    let mut taken = vec![attempt()?];
    while taken.len() < times && began.elapsed() < longest {
        taken.push(attempt()?);
    }
    Ok(taken)
}

/// The number and the size of downloads, and the time for which the device is busy before the first.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    pub(crate) behind: Duration,
}

/// The time for which the device works in a frame.
pub(crate) const FRAME_WORK: Duration = Duration::from_micros(700);
/// The bytes of each buffer of a frame.
pub(crate) const FRAME_BYTES: usize = 12 << 20;
/// The number of buffers that are read in a frame.
pub(crate) const FRAME_BUFFERS: usize = 3;

/// The time after which frames end, for slow contestants.
const LONGEST_FRAMES: Duration = Duration::from_millis(600);

/// The number of frames, and the time between two of them.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) frames: usize,
    pub(crate) period: Duration,
}

/// Plays frames. Each returns the time at which the copies that it has read were started. Milliseconds per
/// frame, and the median age of the copies in microseconds.
pub(crate) fn play(
    pace: Pace,
    mut frame: impl FnMut() -> Result<Option<Instant>, Failure>,
) -> Result<[f64; 2], Failure> {
    for _ in 0..5 {
        frame()?;
    }
    let began = Instant::now();
    let mut next = began;
    let (mut ages, mut frames) = (Vec::new(), 0);
    while frames < pace.frames && began.elapsed() < LONGEST_FRAMES {
        frames += 1;
        if let Some(started) = frame()? {
            ages.push(us(started));
        }
        // A late frame does not shorten the next ones.
        next = (next + pace.period).max(Instant::now());
        wait_until(next);
    }
    Ok([each(us(began) / 1e3, frames), middle(ages)])
}

/// Sleeps, except for the last moments, since a sleep ends some tens of microseconds late.
fn wait_until(moment: Instant) {
    let left = moment.saturating_duration_since(Instant::now());
    if let Some(sleep) = left.checked_sub(Duration::from_micros(200)) {
        std::thread::sleep(sleep);
    }
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
}

/// Reads the first and the last byte.
pub(crate) fn read(bytes: &[u8]) {
    black_box((bytes.first(), bytes.last()));
}

/// Keeps a core busy for `time`.
pub(crate) fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}
