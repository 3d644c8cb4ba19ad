//! A task's interest in the end of a transfer, and the calls to wakers; `wake_thread` has the protocol.

use crate::backend::{Backend, Fault};
use crate::log_safely::event;
use crate::memory::locks::lock;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Poll, Waker};

thread_local! {
    // Nothing to drop, so it is there until the thread has ended.
    static IS_WAKE_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Marks the calling thread as one that wakes tasks.
pub(super) fn this_is_a_wake_thread() {
    IS_WAKE_THREAD.set(true);
}

/// A fault where the calling thread cannot sleep until a wake thread wakes it: in a host kernel of the
/// device, and on a wake thread. The wake thread of another lane counts too, since its wakers may wait for
/// this one.
pub(crate) fn may_sleep<B: Backend>(backend: &B) -> Result<(), Fault> {
    if !backend.may_wait() || IS_WAKE_THREAD.get() {
        return Err(Fault::would_deadlock(B::NAME));
    }
    Ok(())
}

/// A watch to be told of an end, and the end.
pub(crate) type Ended = (Weak<Watch>, Result<(), Fault>);

/// A task's interest in the end of a transfer.
pub(crate) struct Watch {
    seen: Mutex<Seen>,
    /// How many watches of the lane have not been told; this one counts until it is told or dropped.
    awaited: Arc<AtomicUsize>,
}

enum Seen {
    /// Not yet: the waker of the last poll.
    Nothing(Waker),
    End(Result<(), Fault>),
}

impl Watch {
    pub(crate) fn new(waker: Waker, awaited: &Arc<AtomicUsize>) -> Arc<Self> {
        awaited.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { seen: Mutex::new(Seen::Nothing(waker)), awaited: awaited.clone() })
    }

    /// The end, once it was told. Until then `waker` is the one that will be woken.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<(), Fault>> {
        // Foreign code, as is dropping the one that is left over: neither runs under the lock.
        let mut spare = waker.clone();
        let mut seen = lock(&self.seen);
        let poll = match &mut *seen {
            Seen::End(result) => Poll::Ready(result.clone()),
            Seen::Nothing(same) if same.will_wake(waker) => Poll::Pending,
            Seen::Nothing(former) => {
                std::mem::swap(former, &mut spare);
                Poll::Pending
            }
        };
        drop(seen);
        drop(spare);
        poll
    }

    pub(super) fn end(&self, result: Result<(), Fault>) {
        let former = std::mem::replace(&mut *lock(&self.seen), Seen::End(result));
        let Seen::Nothing(waker) = former else { return };
        self.awaited.fetch_sub(1, Ordering::Relaxed);
        wake(waker);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if matches!(self.seen.get_mut().unwrap_or_else(PoisonError::into_inner), Seen::Nothing(_)) {
            self.awaited.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Wakes a task. A panic of the waker, which is foreign code, is logged.
pub(crate) fn wake(waker: Waker) {
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        event!(ERROR, "failed", "the waker of a transfer panicked");
        // Dropping the payload could panic again.
        std::mem::forget(panic);
    }
}
