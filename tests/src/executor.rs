//! The simplest executor.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Longer than any wait that ends.
pub const NEVER: Duration = Duration::from_secs(30);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on the calling thread. It polls only after a wake-up, so a lost wake-up fails the test.
///
/// # Panics
///
/// If no wake-up comes within [`NEVER`].
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let began = Instant::now();
        thread::park_timeout(NEVER);
        assert!(began.elapsed() < NEVER, "the task was never woken");
    }
}
