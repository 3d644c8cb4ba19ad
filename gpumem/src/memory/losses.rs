//! Memory that could not be given back: counted at once, and logged later.
//!
//! A loss is found under locks, or in the middle of an operation. The application's logger is foreign code
//! that may use the device, so the loss is only noted there. The operation logs it at its end, when the
//! thread holds no lock.

use super::locks::lock;
use crate::backend::Fault;
use crate::log_safely::event;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The losses of a device.
#[derive(Default)]
pub(crate) struct Losses {
    bytes: AtomicU64,
    unlogged: Mutex<Vec<Loss>>,
    /// Whether `unlogged` may hold something, so that an operation without losses takes no lock.
    any: AtomicBool,
}

/// One piece of memory that could not be given back.
pub(crate) struct Loss {
    bytes: usize,
    of: &'static str,
    fault: Fault,
}

impl Losses {
    /// Bytes that were lost since the device was opened.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts a loss that the caller logs itself.
    pub(crate) fn count(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a loss, to be logged by the next [`log`](Self::log). The caller may hold locks.
    pub(crate) fn note(&self, bytes: usize, of: &'static str, fault: Fault) {
        self.count(bytes);
        lock(&self.unlogged).push(Loss { bytes, of, fault });
        self.any.store(true, Ordering::Release);
    }

    /// Takes the losses that are not logged yet, for a caller that logs them elsewhere.
    pub(crate) fn take(&self) -> Vec<Loss> {
        if !self.any.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut *lock(&self.unlogged))
    }

    /// Logs the losses that are not logged yet. Every operation that may lose memory calls this at its end,
    /// when the thread holds no lock.
    pub(crate) fn log(&self) {
        if self.any.load(Ordering::Relaxed) {
            log(self.take());
        }
    }
}

/// Logs losses. The application's logger may do anything, use the device too, so the thread holds no lock.
pub(crate) fn log(losses: Vec<Loss>) {
    for Loss { bytes, of, fault } in losses {
        event!(ERROR, "lost", bytes, "{bytes} bytes of {of} are lost: {fault}");
    }
}
