//! The workloads, the same for gpumem and its peers: copies, frames, and many downloads at once.

use crate::common::Failure;
use crate::common::turns::{each, middle, over, us};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Where the data goes or comes from on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To where the device puts it.
    Guard,
    /// To a `Vec` that the call makes.
    Fresh,
    /// To a slice that there is.
    Slice,
    /// To the device, from a slice.
    Upload,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Guard, Self::Fresh, Self::Slice, Self::Upload];

    /// The data on the host before the copy, if it needs some.
    pub(crate) fn on_host(self, bytes: usize) -> Vec<u8> {
        if matches!(self, Self::Slice | Self::Upload) { vec![1; bytes] } else { Vec::new() }
    }
}

/// GB/s of an attempt that copies so many bytes and says how many microseconds that took; the median.
pub(crate) fn rate(
    bytes: usize,
    times: usize,
    attempt: impl FnMut() -> Result<f64, Failure>,
) -> Result<[f64; 1], Failure> {
    let [time] = repeat(times, attempt)?;
    Ok([over(bytes, 1_usize) / time / 1e3])
}

/// How long attempts go on. A slow operation is measured less often, so that all cases have their time.
const LONGEST_ATTEMPTS: Duration = Duration::from_millis(60);

/// The median time of at most `times` attempts, after some that are not counted.
pub(crate) fn repeat(
    times: usize,
    mut attempt: impl FnMut() -> Result<f64, Failure>,
) -> Result<[f64; 1], Failure> {
    attempts(times.div_ceil(10), LONGEST_ATTEMPTS / 10, &mut attempt)?;
    Ok([middle(attempts(times, LONGEST_ATTEMPTS, &mut attempt)?)])
}

/// One attempt at least, and no more when they have taken so long.
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

/// How many downloads of how many bytes, and for how long the device is busy before the first.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    pub(crate) behind: Duration,
}

/// How long the device works in a frame.
pub(crate) const FRAME_WORK: Duration = Duration::from_micros(700);
/// Bytes of each buffer of a frame.
pub(crate) const FRAME_BYTES: usize = 12 << 20;
/// How many buffers are read in a frame.
pub(crate) const FRAME_BUFFERS: usize = 3;

/// How long frames go on, for slow contestants.
const LONGEST_FRAMES: Duration = Duration::from_millis(600);

/// How many frames are played, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) frames: usize,
    pub(crate) period: Duration,
}

/// Plays frames. Each says when the copies that it has read were started.
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
        // A frame that is late does not hurry the next ones.
        next = (next + pace.period).max(Instant::now());
        wait_until(next);
    }
    Ok([each(us(began) / 1e3, frames), middle(ages)])
}

/// Sleeps, but not to the last moment, since that ends some tens of microseconds late.
fn wait_until(moment: Instant) {
    let left = moment.saturating_duration_since(Instant::now());
    if let Some(sleep) = left.checked_sub(Duration::from_micros(200)) {
        std::thread::sleep(sleep);
    }
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
}

/// Looks at what has arrived.
pub(crate) fn read(bytes: &[u8]) {
    black_box((bytes.first(), bytes.last()));
}

/// Keeps a core busy.
pub(crate) fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}
