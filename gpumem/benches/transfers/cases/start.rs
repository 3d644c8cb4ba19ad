//! The call that starts a download, by itself.

use super::Session;
use crate::common::Failure;
use crate::common::report::size;
use crate::common::turns::{Contestant, us};
use crate::subject::{Subject, on_device};
use crate::workload::repeat;
use gpumem::{Async, Buffer};
use std::hint::black_box;
use std::time::{Duration, Instant};

const BYTES: usize = 12 << 20;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let times = session.options.share(300);
    let busy = Duration::from_micros(200);
    for (behind, what) in [(Duration::ZERO, "an idle device"), (busy, "behind work")] {
        let own = Contestant::new("gpumem", move || start::<B>(behind, times));
        let case = format!("start a download of {}, {what}", size(BYTES));
        session.compare(&case, [("", "us")], own, B::starters(BYTES, behind, times));
    }
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
