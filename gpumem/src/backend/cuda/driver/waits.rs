//! Waits for the device.
//!
//! A thread of the application waits inside the driver. A thread of this crate's own polls: at the end of the
//! process it must be out of the driver soon (`threads::process_end`).

use super::{Code, EventHandle, StreamHandle, code};
use crate::backend::pauses::Pauses;
use crate::threads;

/// Keeps the calling thread until the device has reached an event.
///
/// # Safety
///
/// The event is alive and its context is current (the driver's contract).
pub(in super::super) unsafe fn wait_for_event(event: EventHandle) -> Code {
    if threads::is_own() {
        // SAFETY: the caller's part (the driver's contract).
        return poll(|| unsafe { super::cuEventQuery(event) });
    }
    // SAFETY: the caller's part (the driver's contract).
    unsafe { super::cuEventSynchronize(event) }
}

/// Keeps the calling thread until all work that is queued on a stream is done.
///
/// # Safety
///
/// The stream is alive and its context is current (the driver's contract).
pub(in super::super) unsafe fn wait_for_stream(stream: StreamHandle) -> Code {
    if threads::is_own() {
        // SAFETY: the caller's part (the driver's contract).
        return poll(|| unsafe { super::cuStreamQuery(stream) });
    }
    // SAFETY: the caller's part (the driver's contract).
    unsafe { super::cuStreamSynchronize(stream) }
}

fn poll(ask: impl Fn() -> Code) -> Code {
    let mut pauses = Pauses::begin();
    loop {
        match ask() {
            code::NOT_READY => pauses.pause(),
            answer => return answer,
        }
    }
}
