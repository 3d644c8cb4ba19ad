//! Wakes those who await transfers.
//!
//! A driver has no wait with a timeout and no wait that an executor could take part in, and a callback of the driver may not
//! call the driver. So each lane whose flights are awaited has one thread, the *wake thread*, that waits in their place: that of the download
//! lane for async downloads, that of the compute lane for staged uploads.
//!
//! ```text
//!            number:   7     8     9     10    11
//!                    .-----.-----.-----.-----.-----.
//!   leaves (sweep) <-|  F  |  F  |  F  |  F  |  F  |<- enters (launching)
//!                    '-----'--+--'-----'-----'--+--'
//!     watches:             W  W                 W    <- a first poll puts a watch here
//!                       ^
//!                       seen = 8: the wake thread waits for flight 8, whether or not it is awaited
//! ```
//!
//! * The thread is started by the first await ([`Queue::watch`]) and ended with the device. It sleeps on a condition variable while nothing
//!   is awaited.
//! * A first poll makes a [`Watch`], which holds the waker of the last poll. The ticket has it; at the flight in the lane's queue there is
//!   a weak reference, so dropping the future ends the matter, at any time and without asking the thread. A poll costs the same
//!   however many flights there are.
//! * While anything is awaited (a count of the watches that have not been told), the thread takes the *oldest flight of the lane that it has not
//!   seen to end*, awaited or not, waits for it, tells the watches there, and goes on with the next. So each flight costs it one
//!   wait, and a flight is woken as soon as it has ended: the lane is in order, so the oldest ends first, and the thread is never
//!   in a wait for a later one. For that the numbers of flights that are awaited are in the order of their events: a flight gets its number and its
//!   event under one lock ([`Lane::launching`](crate::memory::Lane::launching)), and those that do not
//!   ([`Lane::launch`](crate::memory::Lane::launch)) have an event that is older than their number, which ends no later.
//! * A flight whose end another thread sees first leaves the queue. Its watches stay in a list (`left`), which the thread reads before
//!   anything else. It alone wakes: a thread that comes across an end while it starts a transfer may be in the middle of anything.
//! * No end is missed, and a poll looks at the event only once, before. Once the watch is in the queue the flight either leaves, which puts the
//!   watch in the list, or the thread comes to it, since it goes on while the count is above 0; and what the thread has passed
//!   (`seen`) or what has left takes no watch, and shows its end to whoever looks at the event.
//! * A fault from a wait is that of the device: everything that is awaited is woken, with the fault.
//! * How it waits is the backend's matter ([`BackendOps::synchronize_asleep`](crate::backend::BackendOps::synchronize_asleep)): on the host it
//!   sleeps until the lane's thread wakes it; on a card it asks, at first at once and then after pauses that grow with the time waited, since the
//!   driver's own wait takes a whole core.
//! * The thread never has the device state: it keeps no device alive and is not counted as a handle. When the device state goes, no flight is left, so whatever
//!   the thread waits for is over. It has the backend, and an event, only while it waits, and lets go of them before it wakes anybody: a
//!   device that is closed afterwards gives back all that it has, and leaves nothing to a thread that the end of the program may cut off.
//!
//! Wakers are foreign code: they run, and are dropped, while nothing is locked, and one that panics is logged. One that runs its task in place
//! may poll again, but must not sleep until the wake thread wakes it: that is refused ([`may_sleep`]).

use super::queue::{Next, Queue};
use crate::backend::{Backend, Fault};
use crate::memory::lock;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Poll, Waker};

thread_local! {
    // Nothing to drop, so it is there until the thread has ended.
    static IS_WAKE_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// A fault where the calling thread cannot sleep until a wake thread wakes it: in a host kernel of the device, and on a wake thread,
/// that of another lane included, whose wakers may wait for this one.
pub(crate) fn may_sleep<B: Backend>(backend: &B) -> Result<(), Fault> {
    if !backend.may_wait() || IS_WAKE_THREAD.get() {
        return Err(Fault::would_deadlock(B::NAME));
    }
    Ok(())
}

/// Who is to be told of an end, and how it was.
pub(crate) type Ended = (Weak<Watch>, Result<(), Fault>);

/// Interest in the end of a flight.
pub(crate) struct Watch {
    seen: Mutex<Seen>,
    /// How many watches of the lane have not been told: this one is counted until it is told or dropped.
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

    /// What became of the flight; while there is nothing to tell, `waker` is the one that will be woken.
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

    fn end(&self, result: Result<(), Fault>) {
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
        crate::log_safely::safely(|| {
            log::error!("gpumem: the waker of a transfer panicked");
        });
        // Dropping the payload could panic again.
        std::mem::forget(panic);
    }
}

/// The wake thread of a queue.
pub(crate) fn run<B: Backend>(queue: &Queue<B>) {
    IS_WAKE_THREAD.set(true);
    while let Some(next) = queue.next() {
        let ended = match next {
            Next::Tell(ended) => ended,
            Next::Wait(number, event) => wait(queue, number, event),
        };
        for (watch, end) in ended {
            if let Some(watch) = watch.upgrade() {
                watch.end(end);
            }
        }
    }
}

/// Waits for flight `number`. Returns who is to be told.
// By value: the event is let go of here.
#[allow(clippy::needless_pass_by_value)]
fn wait<B: Backend>(queue: &Queue<B>, number: u64, event: B::Event) -> Vec<Ended> {
    let Some(backend) = queue.backend() else {
        // The core is going, and with it all flights: this only comes a moment earlier.
        queue.close();
        return Vec::new();
    };
    let end = backend.synchronize_asleep(&event);
    queue.has_ended(number, &end)
}

#[cfg(test)]
mod tests {
    use crate::{Async, Buffer, Device, Host};
    use std::sync::Arc;
    use std::time::Duration;

    // The thread kept the backend, on a card the context, until it had a turn after the device was closed: the program ended in between.
    #[test]
    fn a_closed_device_leaves_nothing_to_the_thread() {
        let mut left = 0;
        for _ in 0..50 {
            let device = Device::host();
            let backend = Arc::downgrade(&device.state().backend);
            let buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap();
            device.launch((), |()| std::thread::sleep(Duration::from_millis(2))).unwrap();
            let mut ticket = buffer.start_download().unwrap();
            assert!(ticket.wait_timeout(Duration::from_secs(60)).unwrap().is_some());
            drop((ticket, buffer));
            device.close().unwrap();
            left += backend.strong_count();
        }
        // Where a machine is busy the kernel may end before the thread is asked, and the thread with it a little later.
        assert!(left < 25, "{left} of 50 were left");
    }
}
