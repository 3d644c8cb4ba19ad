//! Logging in code that must not unwind. An application's logger is foreign code. If it panicked in the
//! middle of a drop, or between the end of one transfer and the next, memory would be freed that a device
//! still uses.

use crate::threads;
use std::panic::{self, AssertUnwindSafe};

/// Runs `log`, one call of a macro of `log`, and ignores a panic in it. A thread of this
/// crate's own logs nothing while the process ends: the memory that it cannot give back any more is no loss.
pub(crate) fn safely(log: impl FnOnce()) {
    if threads::is_cut_off() {
        return;
    }
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(log)) {
        // Dropping the payload could panic again.
        std::mem::forget(panic);
    }
}
