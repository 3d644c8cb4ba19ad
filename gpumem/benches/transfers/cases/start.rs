//! The call that starts a download of one buffer, or of several together, by itself.

use super::Session;
use crate::common::Failure;
use crate::common::report::size;
use crate::common::turns::{Contestant, us};
use crate::subject::{Subject, on_device};
use crate::workload::repeat;
use gpumem::{Async, Buffer, Device, Selection};
use std::hint::black_box;
use std::time::{Duration, Instant};

const BYTES: usize = 12 << 20;

/// The bytes of each of several buffers.
const SMALL: usize = 64 << 10;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let times = session.options.share(300);
    let busy = Duration::from_micros(200);
    for (behind, what) in [(Duration::ZERO, "an idle device"), (busy, "behind work")] {
        let own = Contestant::new("gpumem", move || start::<B>(behind, times));
        let case = format!("start a download of {}, {what}", size(BYTES));
        session.compare(&case, [("", "us")], own, B::starters(BYTES, behind, times));
    }
    several::<B, 3>(session, times, |device, [a, b, c], times| together(device, times, || (a, b, c)));
    several::<B, 10>(session, times, |device, [a, b, c, d, e, f, g, h, i, j], times| {
        together(device, times, || (a, b, c, d, e, f, g, h, i, j))
    });
}

type Bytes<B> = Buffer<u8, B, Async>;

/// Measures one start of the downloads of `N` buffers.
type Start<B, const N: usize> = fn(&Device<B>, &[Bytes<B>; N], usize) -> Result<[f64; 1], Failure>;

/// Compares one start of `N` downloads with `N` starts.
fn several<B: Subject, const N: usize>(session: &mut Session, times: usize, start: Start<B, N>) {
    let own = Contestant::new("gpumem", move || {
        on_device::<B, _>(|device| start(device, &buffers(device)?, times))
    });
    let mut peers = vec![Contestant::new("gpumem, one by one", move || one_by_one::<B, N>(times))];
    peers.extend(B::starters_together::<N>(SMALL, times));
    session.compare(&format!("start a frame of {N} x {}", size(SMALL)), [("", "us")], own, peers);
}

fn buffers<B: Subject, const N: usize>(device: &Device<B>) -> Result<[Bytes<B>; N], Failure> {
    let make = |_| Ok(Buffer::zeroed(device, "started", SMALL)?.into_async());
    let buffers: Vec<Bytes<B>> = (0..N).map(make).collect::<Result<_, Failure>>()?;
    Ok(buffers.try_into().map_err(|_| "as many buffers as were made")?)
}

fn together<B: Subject, S: Selection<B>>(
    device: &Device<B>,
    times: usize,
    selection: impl Fn() -> S,
) -> Result<[f64; 1], Failure> {
    repeat(times, || {
        let began = Instant::now();
        let download = device.start_downloads(black_box(selection()))?;
        let time = us(began);
        black_box(download.wait()?);
        Ok(time)
    })
}

fn one_by_one<B: Subject, const N: usize>(times: usize) -> Result<[f64; 1], Failure> {
    on_device::<B, _>(|device| {
        let buffers: [Bytes<B>; N] = buffers(device)?;
        repeat(times, || {
            let began = Instant::now();
            let mut downloads = Vec::with_capacity(N);
            for buffer in black_box(&buffers) {
                downloads.push(buffer.start_download()?);
            }
            let time = us(began);
            for download in downloads {
                black_box(download.wait()?);
            }
            Ok(time)
        })
    })
}

fn start<B: Subject>(behind: Duration, times: usize) -> Result<[f64; 1], Failure> {
    on_device::<B, _>(|device| {
        let kernel = B::load(device)?;
        let mut buffer: Buffer<u8, B, Async> = Buffer::with_capacity(device, "started", BYTES)?.into_async();
        buffer.resize(BYTES)?;
        repeat(times, || {
            if !behind.is_zero() {
                B::occupy(device, &kernel, behind)?;
            }
            let began = Instant::now();
            let download = black_box(&buffer).start_download()?;
            let time = us(began);
            black_box(download.wait()?.first());
            Ok(time)
        })
    })
}
