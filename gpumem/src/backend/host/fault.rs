//! Faults of this backend.

use crate::backend::Fault;
use std::io;

/// The backend's name.
pub(super) const NAME: &str = "host";

pub(super) fn out_of_memory() -> Fault {
    Fault::out_of_memory(NAME)
}

/// The operating system refused this one call.
pub(super) fn call_refused(operation: &'static str, error: &io::Error) -> Fault {
    Fault::call_refused(NAME, operation, error.to_string())
}

pub(super) fn failed(operation: &'static str, reason: String) -> Fault {
    Fault::failed(NAME, operation, reason)
}

pub(super) fn would_deadlock() -> Fault {
    Fault::would_deadlock(NAME)
}
