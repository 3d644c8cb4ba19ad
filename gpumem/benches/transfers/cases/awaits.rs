//! A small download, from the call that starts it until the `async fn` that awaits it resumes.

use super::Session;
use crate::common::Failure;
use crate::common::report::size;
use crate::common::turns::{Contestant, us};
use crate::subject::{Subject, on_device};
use crate::workload::repeat;
use gpumem::{Async, Buffer, Download, DownloadGuard};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

const BYTES: usize = 4 << 10;

type Arrived<B> = Result<DownloadGuard<u8, B>, Failure>;

pub(crate) fn run<B: Subject>(session: &mut Session) {
    let times = session.options.share(1_000);
    let own = Contestant::new("gpumem", move || under_tokio::<B>(times, false));
    let peers = vec![
        Contestant::new("spawn_blocking", move || under_tokio::<B>(times, true)),
        Contestant::new("wait, without a runtime", move || {
            round_trips::<B>(times, |download| Ok(download.wait()?))
        }),
    ];
    session.compare(&format!("await a download of {} under tokio", size(BYTES)), [("", "us")], own, peers);

    let own = Contestant::new("gpumem", move || round_trips::<B>(times, |download| Ok(block_on(download)?)));
    let mut peers =
        vec![Contestant::new("wait", move || round_trips::<B>(times, |download| Ok(download.wait()?)))];
    peers.extend(B::round_trips(BYTES, times));
    session.compare(&format!("await a download of {} in block_on", size(BYTES)), [("", "us")], own, peers);
}

fn under_tokio<B: Subject>(times: usize, on_a_thread: bool) -> Result<[f64; 1], Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    round_trips::<B>(times, |download| {
        runtime.block_on(async {
            if on_a_thread {
                Ok(tokio::task::spawn_blocking(|| download.wait()).await??)
            } else {
                Ok(download.await?)
            }
        })
    })
}

fn round_trips<B: Subject>(
    times: usize,
    end: impl Fn(Download<u8, B>) -> Arrived<B>,
) -> Result<[f64; 1], Failure> {
    on_device::<B, _>(|device| {
        let mut buffer: Buffer<u8, B, Async> = Buffer::with_capacity(device, "awaited", BYTES)?.into_async();
        buffer.resize(BYTES)?;
        device.synchronize()?;
        repeat(times, || {
            let began = Instant::now();
            let guard = end(buffer.start_download()?)?;
            let time = us(began);
            black_box(guard.first());
            Ok(time)
        })
    })
}

/// A minimal executor.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}
