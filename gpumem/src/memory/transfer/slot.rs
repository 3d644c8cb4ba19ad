//! A download slot, and the threads and tasks that wait for one of a buffer.
//!
//! A waiter reads the number of changes before it looks for slots, and sleeps only if it is the same
//! afterwards, so it misses no change. Wakers of tasks are foreign code, and run wherever a slot comes back;
//! so a slot is dropped only while the thread holds no lock.

use super::watch::wake;
use crate::ledger::{HeldKind, Listed};
use crate::memory::locks::lock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Wake, Waker};

/// One taken slot. Dropping it gives it back.
pub(crate) struct Slot {
    taken: Arc<Taken>,
    /// The ledger's record of the ticket or guard that has the slot. `None` before the download starts, and
    /// after the ticket was dropped.
    listed: Option<Listed>,
}

impl Slot {
    /// A slot that was counted in `taken`.
    pub(super) fn new(taken: Arc<Taken>) -> Self {
        Self { taken, listed: None }
    }

    /// Gives it the record of its ticket.
    pub(crate) fn list(&mut self, listed: Listed) {
        self.listed = Some(listed);
    }

    /// Its ticket was dropped: the application does not hold it any more.
    pub(super) fn let_go(&mut self) {
        self.listed = None;
    }

    /// Whether the application holds it.
    pub(super) fn is_listed(&self) -> bool {
        self.listed.is_some()
    }

    /// It is now a guard's.
    pub(super) fn guards(&self) {
        if let Some(listed) = &self.listed {
            listed.becomes(HeldKind::Guard);
        }
    }

    /// Notes the end of the download that has the slot.
    pub(super) fn download_ended(&self, taken: bool) {
        let SlotTotals { finished, dropped, .. } = &self.taken.totals;
        if taken { finished } else { dropped }.fetch_add(1, Relaxed);
    }
}

/// How many slots are taken, for the threads and tasks that wait for one. It guards no memory; the payload's
/// own lock does.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) count: Mutex<Count>,
    pub(super) changed: Condvar,
    /// For the statistics.
    pub(super) totals: SlotTotals<AtomicU64>,
}

/// The ends of the downloads of a buffer.
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
        // Before a thread that waits for the slot goes on.
        self.let_go();
        self.taken.change(|taken| *taken -= 1);
    }
}
