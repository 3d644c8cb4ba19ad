//! Wakes those who await transfers.
//!
//! A driver has no wait with a timeout and no wait that an executor could take part in, and a callback of the driver may not
//! call the driver. So each lane whose flights are awaited has one thread, the *poller*, that waits in their place: that of the download
//! lane for async downloads, that of the compute lane for staged uploads.
//!
//! * It is started by the first await ([`Poller::watch`]) and ended with the device. While nothing is awaited it sleeps on a
//!   condition variable; else it is inside [`Driver::synchronize`](crate::backend::Driver::synchronize). It has no loop of its
//!   own; but how the driver waits is the driver's matter, and CUDA's default is to spin, so a core may be busy while something is awaited on a
//!   card. (Events for waiting asleep, `CU_EVENT_BLOCKING_SYNC`, cost 10 us more to record on an H200, and a download of 128 MiB 15 % of its
//!   rate.)
//! * Whoever awaits makes a [`Watch`], which holds the waker of the last poll, and keeps it. The poller has weak references only,
//!   so dropping the future ends the matter, at any time and without asking the poller.
//! * It waits for the *oldest flight of the lane*, awaited or not, up to the last one that is awaited. The lane is in order, so the oldest
//!   ends first, and no wait for a later one stands before the wake-up of an earlier one. For that the numbers of flights that are awaited are in the
//!   order of their events: a flight gets its number and its event under one lock ([`Lane::launching`](super::Lane::launching)), and
//!   those that do not ([`Lane::launch`](super::Lane::launch)) have an event that is older than their number, which ends no later.
//!   Hence a watch brings the events of all flights before its own: whoever awaits one of these later finds the poller at an event
//!   that is not behind it.
//! * An event is looked at once more when its watch is in the list, so that an end in between is not missed: the end is seen
//!   either by that look or by the poller.
//! * A fault from a wait is that of the device: everything that is awaited is woken, with the fault.
//! * The thread never has the core: it keeps no device alive and is nobody's handle. When the core goes, no flight is left, so whatever the
//!   thread waits for is over. It has the backend, and an event, only while it waits, and lets go of them before it wakes anybody: a device
//!   that is closed afterwards gives back all that it has, and leaves nothing to a thread that the end of the program may cut off.
//!
//! Wakers are foreign code: they run, and are dropped, while nothing is locked, and one that panics is logged. One that runs its task in place
//! may poll again, but must not sleep until the poller wakes it: that is refused ([`may_sleep`]).

use super::lock;
use crate::backend::{Backend, Fault};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::task::{Poll, Waker};

thread_local! {
    static IS_POLLER: Cell<bool> = const { Cell::new(false) };
}

/// A fault where the calling thread cannot sleep until a poller wakes it: in a host kernel of the device, and on the thread of a poller,
/// that of another lane included, whose wakers may wait for this one.
pub(crate) fn may_sleep<B: Backend>(backend: &B) -> Result<(), Fault> {
    if !backend.may_wait() || IS_POLLER.get() {
        return Err(Fault::WouldDeadlock);
    }
    Ok(())
}

/// The awaited flights of a lane.
pub(super) struct Poller<B: Backend>(Arc<Shared<B>>);

struct Shared<B: Backend> {
    /// The core's.
    backend: Weak<B>,
    state: Mutex<State<B>>,
    /// Something is awaited that was not, or the device has ended.
    changed: Condvar,
}

struct State<B: Backend> {
    runs: bool,
    ended: bool,
    /// By the flights' numbers: in the order of the lane.
    waits: BTreeMap<u64, Wait<B>>,
}

struct Wait<B: Backend> {
    event: B::Event,
    watches: Vec<Weak<Watch>>,
}

/// Who is to be told of an end, and how it was.
type Ended = (Weak<Watch>, Result<(), Fault>);

/// Somebody's interest in the end of a flight.
pub(crate) struct Watch(Mutex<Seen>);

enum Seen {
    /// Not yet: the waker of the last poll.
    Nothing(Waker),
    End(Result<(), Fault>),
}

impl Watch {
    /// What became of the flight; while there is nothing to tell, `waker` is the one that will be woken.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<(), Fault>> {
        // Foreign code, as is dropping the one that is left over: neither runs under the lock.
        let mut spare = waker.clone();
        let mut seen = lock(&self.0);
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
        let former = std::mem::replace(&mut *lock(&self.0), Seen::End(result));
        let Seen::Nothing(waker) = former else { return };
        wake(waker);
    }
}

/// Wakes a task. A panic of the waker, which is foreign code, is logged.
pub(super) fn wake(waker: Waker) {
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        crate::log_safely::safely(|| {
            log::error!("gpumem: the waker of a transfer panicked");
        });
        // Dropping the payload could panic again.
        std::mem::forget(panic);
    }
}

impl<B: Backend> Poller<B> {
    pub(super) fn new(backend: &Arc<B>) -> Self {
        let state = State { runs: false, ended: false, waits: BTreeMap::new() };
        let backend = Arc::downgrade(backend);
        Self(Arc::new(Shared { backend, state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// Lets `waker` be woken when a flight with this number and event has ended. `before` are the flights in front of it.
    pub(super) fn watch(
        &self,
        before: Vec<(u64, B::Event)>,
        (number, event): (u64, &B::Event),
        waker: &Waker,
    ) -> Result<Arc<Watch>, Fault> {
        let watch = Arc::new(Watch(Mutex::new(Seen::Nothing(waker.clone()))));
        let mut state = lock(&self.0.state);
        if !state.runs {
            let (shared, name) = (self.0.clone(), "gpumem-poller".into());
            let thread = std::thread::Builder::new().name(name).spawn(move || shared.run());
            let operation = "start the thread that wakes those who await transfers";
            thread.map_err(|error| Fault::Denied { operation, reason: error.to_string() })?;
            state.runs = true;
        }
        for (number, event) in before {
            state.waits.entry(number).or_insert(Wait { event, watches: Vec::new() });
        }
        let own = || Wait { event: event.clone(), watches: Vec::new() };
        let wait = state.waits.entry(number).or_insert_with(own);
        wait.watches.retain(|watch| watch.strong_count() > 0);
        wait.watches.push(Arc::downgrade(&watch));
        drop(state);
        self.0.changed.notify_one();
        Ok(watch)
    }
}

impl<B: Backend> Drop for Poller<B> {
    fn drop(&mut self) {
        lock(&self.0.state).ended = true;
        self.0.changed.notify_one();
    }
}

impl<B: Backend> Shared<B> {
    /// The thread.
    fn run(&self) {
        IS_POLLER.set(true);
        while let Some((number, event)) = self.next() {
            for (watch, result) in self.wait(number, event) {
                if let Some(watch) = watch.upgrade() {
                    watch.end(result);
                }
            }
        }
    }

    /// Waits for flight `number`, and takes out what has ended then.
    // By value: the event is let go of here.
    #[allow(clippy::needless_pass_by_value)]
    fn wait(&self, number: u64, event: B::Event) -> Vec<Ended> {
        let Some(backend) = self.backend.upgrade() else {
            // The core has gone, and with it all flights. Each knows how it ended, so this is only a reason to look.
            let waits = std::mem::take(&mut lock(&self.state).waits);
            let watches = waits.into_values().flat_map(|wait| wait.watches);
            return watches.map(|watch| (watch, Ok(()))).collect();
        };
        let result = backend.synchronize(&event);
        self.ended(&*backend, number, &result)
    }

    /// The next event to wait for, once there is one; `None` at the end of the device.
    fn next(&self) -> Option<(u64, B::Event)> {
        let mut state = lock(&self.state);
        loop {
            // Those behind the last that is awaited concern nobody.
            while let Some(last) = state.waits.last_entry() {
                if last.get().watches.iter().any(|watch| watch.strong_count() > 0) {
                    break;
                }
                last.remove();
            }
            if let Some((number, wait)) = state.waits.first_key_value() {
                return Some((*number, wait.event.clone()));
            }
            if state.ended {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes out what has ended now that flight `number` has been waited for.
    fn ended(&self, backend: &B, number: u64, result: &Result<(), Fault>) -> Vec<Ended> {
        let mut state = lock(&self.state);
        let mut ended = Vec::new();
        let mut take = |wait: Wait<B>, result: &Result<(), Fault>| {
            ended.extend(wait.watches.into_iter().map(|watch| (watch, result.clone())));
        };
        if result.is_ok()
            && let Some(wait) = state.waits.remove(&number)
        {
            take(wait, result);
        }
        let mut fault = result.clone().err();
        while let Some(first) = state.waits.first_entry() {
            if fault.is_none() {
                match backend.is_done(&first.get().event) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => fault = Some(error),
                }
            }
            take(first.remove(), &fault.clone().map_or(Ok(()), Err));
        }
        ended
    }
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
            let backend = Arc::downgrade(&device.core().backend);
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
