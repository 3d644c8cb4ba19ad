//! Streams, and the ends of the work that is queued on them.

use super::context::Context;
use super::driver::{self, EventHandle, STREAM_NON_BLOCKING, StreamHandle, code};
use super::error::{check, log_failure};
use crate::backend::Fault;
use crate::log_safely::event;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The streams of all devices of the process, each with its context. A stream is listed from its creation
/// until just before it is destroyed.
static ALL: Mutex<Vec<(Weak<Context>, StreamHandle)>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<(Weak<Context>, StreamHandle)>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream of this crate's own. It is non-blocking. A blocking stream would wait for the legacy stream, and
/// with it for all other work in the process. (`cust` loses the flag without a word.)
#[derive(Debug)]
pub struct Stream {
    handle: StreamHandle,
    context: Arc<Context>,
}

impl Stream {
    pub(super) fn create(context: &Arc<Context>) -> Result<Self, Fault> {
        let _current = context.enter()?;
        let mut handle = StreamHandle::NULL;
        // SAFETY: the pointer is valid for a write, and the context is current (the driver's contract).
        check("cuStreamCreate", unsafe { driver::cuStreamCreate(&raw mut handle, STREAM_NON_BLOCKING) })?;
        context.stream_made(handle);
        all().push((Arc::downgrade(context), handle));
        Ok(Self { handle, context: Arc::clone(context) })
    }

    pub(super) fn handle(&self) -> StreamHandle {
        self.handle
    }

    /// The driver's handle, for other libraries.
    pub(crate) fn as_raw(&self) -> *mut c_void {
        self.handle.to_raw()
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Whether all queued work is done. The driver answers at once. An event that is recorded now would need
    /// some microseconds, even on an idle card.
    pub(super) fn is_idle(&self) -> Result<bool, Fault> {
        let _current = self.context.enter()?;
        // SAFETY: the stream is alive, and its context current (the driver's contract).
        match unsafe { driver::cuStreamQuery(self.handle) } {
            code::NOT_READY => Ok(false),
            answer => check("cuStreamQuery", answer).map(|()| true),
        }
    }

    /// Keeps the calling thread until all queued work is done. The context is current.
    pub(super) fn synchronize(&self) -> Result<(), Fault> {
        // SAFETY: the stream is alive (the driver's contract).
        check("cuStreamSynchronize", unsafe { driver::wait_for_stream(self.handle) })
    }

    /// An event after all work that is queued now. The context is current.
    pub(super) fn record_end(&self) -> Result<EventHandle, Fault> {
        let event = self.context.take_event()?;
        // SAFETY: the event was just taken, and the stream is alive (the driver's contract).
        unsafe { record(&self.context, event, self.handle) }
    }

    /// Remembers an event at the end of a stream that is being dropped, if the stream is still busy: see
    /// [`Context::stream_ended`]. The context is current.
    fn note_end(&self) -> Result<(), Fault> {
        if self.is_idle()? {
            return Ok(());
        }
        self.context.stream_ended(self.record_end()?);
        Ok(())
    }
}

/// Records an event after all work that is queued now on a stream. If the driver refuses, the event goes back
/// to the context's list.
///
/// # Safety
///
/// The event and the stream are alive and of this context, which is current. No other code has the event (the
/// driver's contract).
unsafe fn record(context: &Context, event: EventHandle, stream: StreamHandle) -> Result<EventHandle, Fault> {
    // SAFETY: the caller's promise (the driver's contract).
    let recorded = check("cuEventRecord", unsafe { driver::cuEventRecord(event, stream) });
    if recorded.is_err() {
        context.spare_events().push(event);
    }
    recorded.map(|()| event)
}

/// Keeps the calling thread until all work that is queued now on the streams of this context is done, those
/// of other opened devices of the same context included. The context is current.
///
/// `cuCtxSynchronize` is not used. While another library captures a stream of the context, in any mode, that
/// call ruins the capture.
pub(super) fn wait_for_all_streams(context: &Arc<Context>) {
    for end in ends_of_all(context) {
        // SAFETY: the event is alive and of the context (the driver's contract).
        log_failure("cuEventSynchronize", unsafe { driver::wait_for_event(end) });
        context.spare_events().push(end);
    }
}

/// Events after all work that is queued now on the streams of this context. A stream whose event the driver
/// refuses is left out. The context is current.
fn ends_of_all(context: &Arc<Context>) -> Vec<EventHandle> {
    let (mut ends, mut contexts) = (Vec::new(), Vec::new());
    // Locked, so that no stream is destroyed meanwhile.
    let streams = all();
    for (of, stream) in streams.iter() {
        let Some(of) = of.upgrade() else { continue };
        let is_same = of.handle() == context.handle() && of.is_alive();
        // Dropped after the lock: it may be the last reference.
        contexts.push(of);
        if !is_same {
            continue;
        }
        let Ok(event) = context.take_event() else { break };
        // SAFETY: the event was just taken. The stream is alive, since it is listed, and of a context with
        // the same handle (the driver's contract).
        ends.extend(unsafe { record(context, event, *stream) });
    }
    drop(streams);
    ends
}

impl Drop for Stream {
    /// Does not wait. The driver finishes the queued work and frees the stream then.
    fn drop(&mut self) {
        all().retain(|(_, stream)| *stream != self.handle);
        let Ok(_current) = self.context.enter() else {
            self.context.stream_ended_unseen();
            return self.context.stream_gone(self.handle);
        };
        if let Err(fault) = self.note_end() {
            self.context.stream_ended_unseen();
            event!(WARN, "refused", "while dropping a stream: {fault}");
        }
        self.context.stream_gone(self.handle);
        // SAFETY: made in `create` and destroyed once; no other code has its handle any more (the driver's
        // contract).
        let answer = unsafe { driver::cuStreamDestroy_v2(self.handle) };
        log_failure("cuStreamDestroy", answer);
    }
}
