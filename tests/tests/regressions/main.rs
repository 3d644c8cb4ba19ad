//! Faults that are fixed: each test failed before a fix, and its comment names the fault. All tests run on
//! the host.

use gpumem::{Buffer, Device, Error, Host};
use std::sync::mpsc;
use std::time::Duration;

mod ends;
mod limits;
mod memory;
mod pressure;
mod transfers;

const MIB: usize = 1 << 20;

/// Longer than any wait that ends.
const PATIENCE: Duration = Duration::from_secs(10);

fn block(device: &Device<Host>, bytes: usize) -> Result<Buffer<u8>, Error> {
    Buffer::with_capacity(device, "block", bytes)
}

/// Runs `work` on another thread. Returns whether it ended in time.
fn ends(work: impl FnOnce() + Send + 'static) -> bool {
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        let _ = send.send(());
    });
    ended.recv_timeout(PATIENCE).is_ok()
}
