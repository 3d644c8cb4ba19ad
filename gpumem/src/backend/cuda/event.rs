//! Events, kept for reuse: making one costs the driver far more than recording it.

use super::context::{Context, log_failure};
use super::driver::{self, EVENT_DISABLE_TIMING, EventHandle, StreamHandle, code};
use super::error::{check, fault};
use super::stream::{self, Stream};
use crate::backend::Fault;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// A point in a stream. The runtime clones and drops these freely, from any thread, so dropping the last one of a point
/// makes no call for the event: that goes back to the context's list. With the last event of a context that nothing else
/// holds the context ends, which makes calls, and none that waits on this thread (see `Context`'s drop).
///
/// It may go back before the device has reached it, and be recorded anew at once: work that waits for an event waits for
/// what had been recorded when the wait was queued, whatever is recorded afterwards.
///
/// Once a point was seen to be past, it is known for good, and the driver's event and the context are let go
/// of: what a ticket of long ago refers to keeps no context.
#[derive(Debug)]
pub struct RecordedEvent(RwLock<Point>);

#[derive(Debug)]
enum Point {
    /// Not seen to be past.
    Ahead(Recorded),
    /// How it came to pass.
    Past(Result<(), Fault>),
}

/// An event of the driver's, recorded or about to be. It goes back to the context's list whatever happens.
#[derive(Debug)]
struct Recorded {
    handle: EventHandle,
    context: Arc<Context>,
}

impl Recorded {
    /// The point that `stream` has been filled to now. The context is current.
    fn now(stream: &Stream) -> Result<Self, Fault> {
        let context = stream.context();
        let event = Self { handle: take(context)?, context: Arc::clone(context) };
        // SAFETY: both are of this context, which is current, and are alive (the driver's contract).
        check("cuEventRecord", unsafe { driver::cuEventRecord(event.handle, stream.handle()) })?;
        Ok(event)
    }

    /// Keeps what is queued on `stream` from now on until this is done. The stream's context is current.
    fn hold(&self, stream: &Stream) -> Result<(), Fault> {
        // SAFETY: both are alive. That the event may be recorded anew soon after does not matter: see
        // `RecordedEvent` (the driver's contract).
        check("cuStreamWaitEvent", unsafe { driver::cuStreamWaitEvent(stream.handle(), self.handle, 0) })
    }

    /// Gives the event up: to be recorded by others, or destroyed.
    fn into_handle(self) -> (EventHandle, Arc<Context>) {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so its reference to the context is read out once (Rust's
        // contract).
        (this.handle, unsafe { std::ptr::read(&raw const this.context) })
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.context.spare_events().push(self.handle);
    }
}

/// Events behind all that is queued now on these streams, which are alive and of the context; it is current. A stream that takes none is
/// left out.
fn ends_of(context: &Arc<Context>, streams: impl Iterator<Item = StreamHandle>) -> Vec<EventHandle> {
    let mut recorded = Vec::new();
    for stream in streams {
        let Ok(event) = take(context) else { break };
        // SAFETY: the caller's promise (the driver's contract).
        if check("cuEventRecord", unsafe { driver::cuEventRecord(event, stream) }).is_ok() {
            recorded.push(event);
        } else {
            context.spare_events().push(event);
        }
    }
    recorded
}

/// Keeps the calling thread until all that is queued now on the streams of all devices of this context is done. The context is current.
///
/// Not by `cuCtxSynchronize`: while another library captures a stream of the context, in whatever mode, that ruins the capture.
pub(super) fn wait_for_all_streams(context: &Arc<Context>) {
    // Recorded under the lock, since no stream is destroyed meanwhile; waited for without.
    let ends = stream::with_all(context, |streams| ends_of(context, streams));
    for end in ends {
        // SAFETY: the event is alive and of the context (the driver's contract).
        log_failure("cuEventSynchronize", unsafe { driver::cuEventSynchronize(end) });
        context.spare_events().push(end);
    }
}

/// Remembers when a stream that is being dropped has come to its end, if it has not: see
/// [`Context::stream_ended`]. The context is current.
pub(super) fn note_end(stream: &Stream) -> Result<(), Fault> {
    if stream.is_idle()? {
        return Ok(());
    }
    let (end, context) = Recorded::now(stream)?.into_handle();
    context.stream_ended(end);
    Ok(())
}

impl RecordedEvent {
    /// The point that `stream` has been filled to now.
    pub(super) fn record(stream: &Stream) -> Result<Arc<Self>, Fault> {
        let _bound = stream.context().bind()?;
        Ok(Arc::new(Self(RwLock::new(Point::Ahead(Recorded::now(stream)?)))))
    }

    /// The same, or where an event is refused (there is no memory for it, say) a point that is past: the calling thread waits for it.
    pub(super) fn record_queued(stream: &Stream) -> Result<Arc<Self>, Fault> {
        match Self::record(stream) {
            Err(fault) if !fault.is_failure() => {
                let _bound = stream.context().bind()?;
                stream.synchronize()?;
                Ok(Arc::new(Self(RwLock::new(Point::Past(Ok(()))))))
            }
            recorded => recorded,
        }
    }

    /// Keeps what is queued on `stream` from now on until all that is queued on `before` now is done: by an event that is nobody
    /// else's between being recorded and being waited for, so that no other point can be taken for this one.
    pub(super) fn order(stream: &Stream, before: &Stream) -> Result<(), Fault> {
        let _bound = before.context().bind()?;
        Recorded::now(before)?.hold(stream)
    }

    /// Keeps what is queued on `stream` from now on until the event is done.
    pub(super) fn hold(&self, stream: &Stream) -> Result<(), Fault> {
        match &*self.point() {
            Point::Ahead(event) => {
                let _bound = stream.context().bind()?;
                event.hold(stream)
            }
            Point::Past(end) => end.clone(),
        }
    }

    pub(super) fn is_done(&self) -> Result<bool, Fault> {
        let answer = match &*self.point() {
            Point::Ahead(event) => {
                let _bound = event.context.bind()?;
                // SAFETY: the event is alive and its context current (the driver's contract).
                unsafe { driver::cuEventQuery(event.handle) }
            }
            Point::Past(end) => return end.clone().map(|()| true),
        };
        match answer {
            code::NOT_READY => Ok(false),
            code::SUCCESS => self.passed(Ok(())).map(|()| true),
            answer => self.passed(Err(fault("cuEventQuery", answer))).map(|()| true),
        }
    }

    /// Keeps the calling thread until the event is done. On a failed context the driver returns the failure at once.
    pub(super) fn synchronize(&self) -> Result<(), Fault> {
        let end = match &*self.point() {
            Point::Ahead(event) => {
                let _bound = event.context.bind()?;
                // SAFETY: the event is alive, and stays so while the point is locked; its context is current
                // (the driver's contract).
                check("cuEventSynchronize", unsafe { driver::cuEventSynchronize(event.handle) })
            }
            Point::Past(end) => return end.clone(),
        };
        self.passed(end)
    }

    fn point(&self) -> RwLockReadGuard<'_, Point> {
        // Nothing in here panics half way.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how the point came to pass, if it did: a refused call says nothing of it.
    fn passed(&self, end: Result<(), Fault>) -> Result<(), Fault> {
        if end.as_ref().map_or_else(Fault::is_failure, |()| true) {
            // Another thread that is still in `synchronize` notes it by itself; nobody waits for that here.
            if let Ok(mut point) = self.0.try_write() {
                let former = std::mem::replace(&mut *point, Point::Past(end.clone()));
                drop(point);
                drop(former);
            }
        }
        end
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
    // SAFETY: the pointer is valid for a write; the caller has made the context current (the driver's
    // contract).
    check("cuEventCreate", unsafe { driver::cuEventCreate(&raw mut handle, EVENT_DISABLE_TIMING) })?;
    Ok(handle)
}
