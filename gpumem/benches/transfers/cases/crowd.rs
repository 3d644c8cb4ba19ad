//! Many downloads in flight at once.

use super::Session;
use crate::common::Failure;
use crate::common::report::size;
use crate::common::turns::{Contestant, each, us};
use crate::subject::{Subject, on_device};
use crate::workload::Crowd;
use gpumem::{Async, Buffer, BufferSpec, Device};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The downloads of one buffer that may be under way at once.
const SLOTS: usize = 40;
const SPEC: BufferSpec = BufferSpec::new("crowd").asynchronous().slots(SLOTS);

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let crowd = Crowd {
        count: session.options.share(1_000).next_multiple_of(SLOTS),
        bytes: 16 << 10,
        behind: Duration::from_millis(10),
    };
    let case = format!("{} downloads of {} in flight", crowd.count, size(crowd.bytes));
    let own = Contestant::new("gpumem", move || in_flight::<B>(crowd));
    session.compare(&case, [("start each", "us"), ("finish each", "us")], own, B::crowds(crowd));
}

fn in_flight<B: Subject>(crowd: Crowd) -> Result<[f64; 2], Failure> {
    on_device::<B, _>(|device| {
        let kernel = B::load(device)?;
        let make = |_| {
            let mut buffer = Buffer::with_capacity(device, SPEC, crowd.bytes)?;
            buffer.resize(crowd.bytes)?;
            Ok(buffer.into_async())
        };
        let buffers: Vec<Buffer<u8, B, Async>> =
            (0..crowd.count / SLOTS).map(make).collect::<Result<_, Failure>>()?;
        // In the first run there is no pinned memory yet, so it does not count.
        once(device, &kernel, crowd, &buffers)?;
        once(device, &kernel, crowd, &buffers)
    })
}

fn once<B: Subject>(
    device: &Device<B>,
    kernel: &B::Kernel,
    crowd: Crowd,
    buffers: &[Buffer<u8, B, Async>],
) -> Result<[f64; 2], Failure> {
    let mut downloads = Vec::with_capacity(crowd.count);
    B::occupy(device, kernel, crowd.behind)?;
    let began = Instant::now();
    for _ in 0..SLOTS {
        for buffer in buffers {
            downloads.push(buffer.start_download()?);
        }
    }
    let start = us(began);
    // The rest of the work is measured after all copies have arrived.
    if let Some(last) = downloads.last() {
        while !last.is_ready()? {
            std::thread::yield_now();
        }
    }
    let began = Instant::now();
    for download in downloads {
        black_box(download.wait()?.first());
    }
    Ok([each(start, crowd.count), each(us(began), crowd.count)])
}
