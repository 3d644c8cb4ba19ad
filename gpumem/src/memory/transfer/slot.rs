//! A download slot, and the threads and tasks that wait for one of a buffer.
//!
//! A waiter reads the number of changes before it looks for slots, and sleeps only if it is the same
//! afterwards, so it misses no change. Wakers of tasks are foreign code, and run wherever a slot comes back;
//! so a slot is dropped only while the thread holds no lock.

use super::watch::wake;
use crate::memory::locks::lock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Wake, Waker};

/// One taken slot. Dropping it gives it back.
pub(crate) struct Slot(pub(super) Arc<Taken>);

/// How many slots are taken, for the threads and tasks that wait for one. It guards no memory; the payload's
/// own lock does.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) count: Mutex<Count>,
    pub(super) changed: Condvar,
    /// For the statistics.
    pub(super) totals: SlotTotals<AtomicU64>,
}

/// What has happened to the downloads of a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SlotTotals<N = u64> {
    /// Downloads whose data was taken.
    pub(crate) finished: N,
    /// Downloads whose data will not be taken.
    pub(crate) dropped: N,
    /// How often a thread or a task had to wait for a slot.
    pub(crate) waits: N,
}

#[derive(Default)]
pub(super) struct Count {
    pub(super) taken: usize,
    /// Events so far that may let a waiter have a slot.
    pub(super) changes: u64,
    /// How many threads sleep until there is a change. To notify a condition variable takes a system call
    /// even where no thread sleeps.
    pub(super) sleepers: usize,
    /// The tasks that wait until there is a change, by their numbers.
    pub(super) tasks: Vec<(u64, Waker)>,
}

impl Slot {
    /// Notes the end of the download that has the slot.
    pub(super) fn download_ended(&self, taken: bool) {
        let SlotTotals { finished, dropped, .. } = &self.0.totals;
        if taken { finished } else { dropped }.fetch_add(1, Relaxed);
    }
}

impl Taken {
    pub(super) fn change(&self, change: impl FnOnce(&mut usize)) {
        let mut count = lock(&self.count);
        change(&mut count.taken);
        count.changes += 1;
        // A thread that is about to sleep holds the lock until it does, and looks at the changes before.
        let asleep = count.sleepers > 0;
        let tasks = std::mem::take(&mut count.tasks);
        drop(count);
        if asleep {
            self.changed.notify_all();
        }
        tasks.into_iter().for_each(|(_, waker)| wake(waker));
    }
}

impl Wake for Taken {
    fn wake(self: Arc<Self>) {
        self.change(|_| ());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.change(|taken| *taken -= 1);
    }
}
