//! A loop of frames, at some rates, and as fast as it can. In each frame the device works for a while, and
//! the host reads the contents of three buffers.
//!
//! The copies of a frame are read in the next frame, so that the device works while they are under way. Their
//! age is the time from the call that started them until they were read. The data is a little younger: it is
//! as of the end of the frame's work. The difference is the same for all contestants.

use super::Session;
use crate::common::Failure;
use crate::common::report::size;
use crate::common::turns::Contestant;
use crate::subject::{Subject, on_device};
use crate::workload::{FRAME_BUFFERS, FRAME_BYTES, FRAME_WORK, Pace, play, read};
use gpumem::{Async, Buffer, Device, Download};
use std::time::{Duration, Instant};

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let what = format!("0.7 ms of work and {FRAME_BUFFERS} x {} down", size(FRAME_BYTES));
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
        // At a fixed rate every frame takes the same time, so fewer rounds are enough.
        let rounds = if hertz.is_some() { 3 } else { usize::MAX };
        session.compare_rounds(rounds, &format!("frames, {at}, {what}"), columns, own, peers);
    }
}

fn buffers<B: Subject>(device: &Device<B>) -> Result<Vec<Buffer<u8, B, Async>>, Failure> {
    let make = |_| {
        let mut buffer = Buffer::with_capacity(device, "frame", FRAME_BYTES)?;
        buffer.resize(FRAME_BYTES)?;
        Ok(buffer.into_async())
    };
    (0..FRAME_BUFFERS).map(make).collect()
}

fn asynchronous<B: Subject>(pace: Pace) -> Result<[f64; 2], Failure> {
    on_device::<B, _>(|device| {
        let kernel = B::load(device)?;
        let buffers = buffers(device)?;
        let mut last: Option<(Instant, Vec<Download<u8, B>>)> = None;
        play(pace, || {
            B::occupy(device, &kernel, FRAME_WORK)?;
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
        let mut target = vec![1; FRAME_BYTES];
        play(pace, || {
            B::occupy(device, &kernel, FRAME_WORK)?;
            let started = Instant::now();
            for buffer in &buffers {
                buffer.download_into_slice(&mut target)?;
                read(&target);
            }
            Ok(Some(started))
        })
    })
}
