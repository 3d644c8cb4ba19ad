//! Events, which are used again: to make one costs the driver far more than to record it.

use super::context::Context;
use super::driver::{self, EventHandle, code};
use super::error::{check, fault};
use super::stream::Stream;
use crate::backend::Fault;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// A point in a stream.
///
/// The runtime clones and drops these freely, on any thread. To drop the last clone makes no driver call for
/// the event, which goes back to the context's list. If the event holds the last reference to the context,
/// the context ends then. That makes driver calls, none of which keeps this thread waiting (see `Context`'s
/// drop).
///
/// An event may go back before the device has reached it, and be recorded again at once. Work that waits for
/// an event waits for the point that was recorded when the wait was queued, and a later recording changes
/// nothing.
///
/// A point that was once seen to be past is known for good, and lets go of the driver's event and the
/// context. So an old ticket keeps no context alive.
#[derive(Debug)]
pub struct RecordedEvent(RwLock<Point>);

#[derive(Debug)]
enum Point {
    /// Not seen to be past.
    Ahead(Recorded),
    /// The result of the work before it.
    Past(Result<(), Fault>),
}

/// A recorded event of the driver's. It goes back to the context's list in any case.
#[derive(Debug)]
struct Recorded {
    handle: EventHandle,
    context: Arc<Context>,
}

impl Recorded {
    /// The point after all work that is queued on `stream` now. The context is current.
    fn now(stream: &Stream) -> Result<Self, Fault> {
        Ok(Self { handle: stream.record_end()?, context: Arc::clone(stream.context()) })
    }

    /// Lets work that is queued on `stream` from now on wait for this. The stream's context is current.
    fn hold(&self, stream: &Stream) -> Result<(), Fault> {
        // SAFETY: both are alive. That the event may be recorded again soon after does not matter: see
        // `RecordedEvent` (the driver's contract).
        check("cuStreamWaitEvent", unsafe { driver::cuStreamWaitEvent(stream.handle(), self.handle, 0) })
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.context.spare_events().push(self.handle);
    }
}

impl RecordedEvent {
    /// The point after all work that is queued on `stream` now.
    pub(super) fn record(stream: &Stream) -> Result<Arc<Self>, Fault> {
        let _current = stream.context().enter()?;
        Ok(Arc::new(Self(RwLock::new(Point::Ahead(Recorded::now(stream)?)))))
    }

    /// The same. If the driver refuses an event (it has no memory for it, say), the calling thread waits for
    /// the stream, and the point is past.
    pub(super) fn record_queued(stream: &Stream) -> Result<Arc<Self>, Fault> {
        match Self::record(stream) {
            Err(fault) if !fault.is_failure() => {
                let _current = stream.context().enter()?;
                stream.synchronize()?;
                Ok(Arc::new(Self(RwLock::new(Point::Past(Ok(()))))))
            }
            recorded => recorded,
        }
    }

    /// Lets work that is queued on `stream` from now on wait for all work that is queued on `before` now.
    /// Between the recording and the wait no other thread has the event, so no other point can be taken for
    /// this one.
    pub(super) fn order(stream: &Stream, before: &Stream) -> Result<(), Fault> {
        let _current = before.context().enter()?;
        Recorded::now(before)?.hold(stream)
    }

    /// Lets work that is queued on `stream` from now on wait for the event.
    pub(super) fn hold(&self, stream: &Stream) -> Result<(), Fault> {
        match &*self.point() {
            Point::Ahead(event) => {
                let _current = stream.context().enter()?;
                event.hold(stream)
            }
            Point::Past(end) => end.clone(),
        }
    }

    pub(super) fn is_done(&self) -> Result<bool, Fault> {
        let answer = match &*self.point() {
            Point::Ahead(event) => {
                let _current = event.context.enter()?;
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

    /// Keeps the calling thread until the event is done. On a failed context the driver returns the failure
    /// at once.
    pub(super) fn synchronize(&self) -> Result<(), Fault> {
        let end = match &*self.point() {
            Point::Ahead(event) => {
                let _current = event.context.enter()?;
                // SAFETY: the event is alive, and stays alive while the point is locked; its context is
                // current (the driver's contract).
                check("cuEventSynchronize", unsafe { driver::wait_for_event(event.handle) })
            }
            Point::Past(end) => return end.clone(),
        };
        self.passed(end)
    }

    fn point(&self) -> RwLockReadGuard<'_, Point> {
        // No code under the lock panics half way.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the result of the work before the point. A refused call says nothing of it, and is not noted.
    fn passed(&self, end: Result<(), Fault>) -> Result<(), Fault> {
        if end.as_ref().map_or_else(Fault::is_failure, |()| true) {
            // Another thread that is still in `synchronize` notes the result by itself. This thread does not
            // wait for it.
            if let Ok(mut point) = self.0.try_write() {
                let former = std::mem::replace(&mut *point, Point::Past(end.clone()));
                drop(point);
                drop(former);
            }
        }
        end
    }
}
