//! Logging where nothing may unwind: an application's logger is foreign code, and a panic of its own in the middle of a drop, or
//! between the end of one transfer and the next, would let go of memory that a device still uses.

use std::panic::{self, AssertUnwindSafe};

/// Runs `log`, one call of a macro of `log`, and ignores a panic in it.
pub(crate) fn safely(log: impl FnOnce()) {
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(log)) {
        // Dropping the payload could panic again.
        std::mem::forget(panic);
    }
}
