//! Events, kept for reuse: making one costs the driver far more than recording it.

use super::context::Context;
use super::driver::{self, EVENT_DISABLE_TIMING, EventHandle, code};
use super::error::{check, fault};
use super::stream::Stream;
use crate::backend::Fault;
use std::sync::Arc;

/// A point in a stream. The runtime clones and drops these freely, from any thread, so dropping the last one of a point
/// makes no driver call: the driver's event goes back to the context's list.
///
/// It may go back before the device has reached it, and be recorded anew at once: work that waits for an event waits for
/// what had been recorded when the wait was queued, whatever is recorded afterwards.
#[derive(Debug)]
pub struct RecordedEvent {
    handle: EventHandle,
    context: Arc<Context>,
}

impl RecordedEvent {
    /// The point that `stream` has been filled to now.
    pub(super) fn record(stream: &Stream) -> Result<Arc<Self>, Fault> {
        let context = stream.context();
        let _bound = context.bind()?;
        // From here on the event goes back to the list whatever happens.
        let event = Self { handle: take(context)?, context: Arc::clone(context) };
        // SAFETY: both are of this context, which is current, and are alive.
        check("cuEventRecord", unsafe { driver::cuEventRecord(event.handle, stream.handle()) })?;
        Ok(Arc::new(event))
    }

    /// Keeps what is queued on `stream` from now on until all that is queued on `before` now is done: by an event that is nobody
    /// else's between being recorded and being waited for, so that no other point can be taken for this one.
    pub(super) fn order(stream: &Stream, before: &Stream) -> Result<(), Fault> {
        let context = before.context();
        let _bound = context.bind()?;
        let event = Self { handle: take(context)?, context: Arc::clone(context) };
        // SAFETY: event and streams are of this context, which is current, and are alive.
        check("cuEventRecord", unsafe { driver::cuEventRecord(event.handle, before.handle()) })?;
        // SAFETY: as above. That the event may be recorded anew soon after does not matter: see `RecordedEvent`.
        check("cuStreamWaitEvent", unsafe { driver::cuStreamWaitEvent(stream.handle(), event.handle, 0) })
    }

    /// Keeps what is queued on `stream` from now on until the event is done.
    pub(super) fn hold(&self, stream: &Stream) -> Result<(), Fault> {
        let _bound = stream.context().bind()?;
        // SAFETY: both are alive, and the stream's context is current. That the event may be recorded anew soon after
        // does not matter: see above.
        check("cuStreamWaitEvent", unsafe { driver::cuStreamWaitEvent(stream.handle(), self.handle, 0) })
    }

    pub(super) fn is_done(&self) -> Result<bool, Fault> {
        let _bound = self.context.bind()?;
        // SAFETY: the event is alive and its context current.
        match unsafe { driver::cuEventQuery(self.handle) } {
            code::SUCCESS => Ok(true),
            code::NOT_READY => Ok(false),
            answer => Err(fault("cuEventQuery", answer)),
        }
    }

    /// Keeps the calling thread until the event is done. On a failed context the driver returns the failure at once.
    pub(super) fn synchronize(&self) -> Result<(), Fault> {
        let _bound = self.context.bind()?;
        // SAFETY: the event is alive and its context current.
        check("cuEventSynchronize", unsafe { driver::cuEventSynchronize(self.handle) })
    }
}

/// An event of the context, which is current: one that is spare, or a new one.
pub(super) fn take(context: &Context) -> Result<EventHandle, Fault> {
    // A statement of its own: the list is not locked during the driver call.
    let spare = context.spare_events().pop();
    if let Some(handle) = spare {
        return Ok(handle);
    }
    let mut handle = EventHandle::NULL;
    // SAFETY: the pointer is valid for a write; the caller has made the context current.
    check("cuEventCreate", unsafe { driver::cuEventCreate(&raw mut handle, EVENT_DISABLE_TIMING) })?;
    Ok(handle)
}

impl Drop for RecordedEvent {
    fn drop(&mut self) {
        self.context.spare_events().push(self.handle);
    }
}
