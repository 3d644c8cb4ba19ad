//! A loop of frames, each of which has the device work for a while and reads what three buffers held: at some rates, and as fast
//! as it goes.
//!
//! The copies of a frame are read in the next one, so that the device works while they are under way. Their age is the time from
//! the call that started them until they were read: that is a little more than the age of what they show, which is the end of the
//! frame's work, and what is between the two is the same for all who are compared.

use super::Session;
use crate::Failure;
use crate::report::size;
use crate::subject::{Subject, on_device};
use crate::turns::{Contestant, each, middle, us};
use gpumem::{Async, Buffer, Device, Download};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// What the device does in a frame.
pub(crate) const WORK: Duration = Duration::from_micros(700);
/// Bytes of each buffer.
pub(crate) const BYTES: usize = 12 << 20;
/// How many of these are read.
pub(crate) const COUNT: usize = 3;

/// How long frames go on, for those who are slow.
const LONGEST: Duration = Duration::from_millis(600);

/// How many frames are played, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    frames: usize,
    period: Duration,
}

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let what = format!("0.7 ms of work and {COUNT} x {} down", size(BYTES));
    for (hertz, frames) in [(None, 300), (Some(60), 30), (Some(144), 72)] {
        let pace = Pace {
            frames: session.options.share(frames),
            period: hertz.map_or(Duration::ZERO, |hertz| Duration::from_secs(1) / hertz),
        };
        let at = hertz.map_or("unlimited".into(), |hertz| format!("{hertz} Hz"));
        let mut peers = vec![Contestant::new("gpumem, blocking", move || blocking::<B>(pace))];
        peers.extend(B::players(pace));
        let own = Contestant::new("gpumem", move || asynchronous::<B>(pace));
        let columns = [("a frame", "ms"), ("age of the copies", "us")];
        // At a rate every frame takes the same time, so there is less to see in a round.
        let rounds = if hertz.is_some() { 3 } else { usize::MAX };
        session.compare_rounds(rounds, &format!("frames, {at}, {what}"), columns, own, peers);
    }
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
    while frames < pace.frames && began.elapsed() < LONGEST {
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

fn buffers<B: Subject>(device: &Device<B>) -> Result<Vec<Buffer<u8, B, Async>>, Failure> {
    let make = |_| {
        let mut buffer = Buffer::with_capacity(device, "frame", BYTES)?;
        buffer.resize(BYTES)?;
        Ok(buffer)
    };
    (0..COUNT).map(make).collect()
}

fn asynchronous<B: Subject>(pace: Pace) -> Result<[f64; 2], Failure> {
    on_device::<B, _>(|device| {
        let kernel = B::load(device)?;
        let buffers = buffers(device)?;
        let mut last: Option<(Instant, Vec<Download<u8, B>>)> = None;
        play(pace, || {
            B::occupy(device, &kernel, WORK)?;
            let started = Instant::now();
            let downloads = buffers.iter().map(Buffer::start_download).collect::<Result<_, _>>()?;
            let Some((started, downloads)) = last.replace((started, downloads)) else { return Ok(None) };
            for download in downloads {
                read(&download.wait()?);
            }
            Ok(Some(started))
        })
    })
}

fn blocking<B: Subject>(pace: Pace) -> Result<[f64; 2], Failure> {
    on_device::<B, _>(|device| {
        let kernel = B::load(device)?;
        let buffers = buffers(device)?;
        let mut target = vec![1; BYTES];
        play(pace, || {
            B::occupy(device, &kernel, WORK)?;
            let started = Instant::now();
            for buffer in &buffers {
                buffer.download_into(&mut target)?;
                read(&target);
            }
            Ok(Some(started))
        })
    })
}
