//! A transfer in flight, and the memory that it holds.
//!
//! A lane holds an [`InFlight`] per transfer until the transfer's event is done. It owns the transfer's
//! payload: the pinned memory, and the buffer's download slot where there is one.
//!
//! ```text
//!                            the lane sees the end
//!   Claimed (async download) ----------------------> Claimed, until the ticket takes it or is dropped ---> Taken
//!      | abandoned
//!      v                     the lane sees the end
//!   Unclaimed (the others) ------------------------> Taken: the memory goes back to the pinned pool
//! ```
//!
//! The ticket of an async download has a second reference: redeeming it takes the payload out, and otherwise
//! the payload goes with the last reference. An upload's or a blocking transfer's payload is unclaimed, and
//! goes when the lane sees the end. How the transfer ended is noted here, so that a ticket can tell when the
//! device is gone.

use super::pinned::PinnedBlock;
use super::slot::Slot;
use crate::backend::{Backend, Fault};
use crate::memory::locks::lock;
use crate::timeline::Bar;
use std::sync::{Mutex, PoisonError};

/// A transfer that is under way, or whose result has not been taken.
pub(crate) struct InFlight<B: Backend> {
    /// How many transfers the lane had before.
    number: u64,
    event: B::Event,
    progress: Mutex<Progress<B>>,
}

struct Progress<B: Backend> {
    payload: Payload<B>,
    /// How the transfer ended, once the lane has seen it and released it.
    end: Option<Result<(), Fault>>,
    /// Its bar in the timeline, until the host has seen the end.
    bar: Bar,
}

/// The memory that a transfer holds.
pub(super) enum Payload<B: Backend> {
    /// For a ticket. The slot is only held: it comes back when it is dropped.
    Claimed(PinnedBlock<B>, Slot),
    /// No ticket will ask for it; it goes when the transfer has ended.
    Unclaimed(PinnedBlock<B>),
    Taken,
}

impl<B: Backend> Payload<B> {
    pub(super) fn new(pinned: PinnedBlock<B>, slot: Option<Slot>) -> Self {
        match slot {
            Some(slot) => Self::Claimed(pinned, slot),
            None => Self::Unclaimed(pinned),
        }
    }
}

impl<B: Backend> InFlight<B> {
    pub(super) fn new(number: u64, event: B::Event, payload: Payload<B>) -> Self {
        let progress = Progress { payload, end: None, bar: Bar::default() };
        Self { number, event, progress: Mutex::new(progress) }
    }

    /// Shows the transfer in the timeline. `bar` began when it was queued.
    pub(crate) fn show(&self, bar: Bar) {
        lock(&self.progress).bar = bar;
    }

    /// A thread has seen the event done.
    pub(super) fn seen(&self) {
        lock(&self.progress).bar.end();
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn event(&self) -> &B::Event {
        &self.event
    }

    /// How the transfer ended, if its lane has seen it.
    pub(super) fn end(&self) -> Option<Result<(), Fault>> {
        lock(&self.progress).end.clone()
    }

    /// Takes the result. The caller has seen the event done. `None` when it was given up: abandoned, or lost
    /// when the device failed.
    pub(super) fn take(&self) -> Option<(PinnedBlock<B>, Slot)> {
        let mut progress = lock(&self.progress);
        progress.bar.end();
        match std::mem::replace(&mut progress.payload, Payload::Taken) {
            Payload::Claimed(pinned, slot) => {
                count(&pinned, &slot, true);
                Some((pinned, slot))
            }
            other => {
                progress.payload = other;
                None
            }
        }
    }

    /// The ticket was dropped: the application does not hold the transfer any more.
    pub(super) fn let_go(&self) {
        if let Payload::Claimed(_, slot) = &mut lock(&self.progress).payload {
            slot.let_go();
        }
    }

    /// Bytes of its pinned memory, if the application does not hold them by a ticket.
    pub(super) fn bytes_in_flight(&self) -> u64 {
        match &lock(&self.progress).payload {
            Payload::Claimed(pinned, slot) if !slot.is_listed() => pinned.bytes() as u64,
            Payload::Unclaimed(pinned) => pinned.bytes() as u64,
            Payload::Claimed(..) | Payload::Taken => 0,
        }
    }

    /// Whether the payload is gone.
    pub(super) fn is_taken(&self) -> bool {
        matches!(lock(&self.progress).payload, Payload::Taken)
    }

    /// Gives the slot back although a ticket may exist. Memory that the copy may still write stays until the
    /// lane has seen the end of it.
    pub(super) fn abandon(&self) {
        let mut progress = lock(&self.progress);
        let gone = match std::mem::replace(&mut progress.payload, Payload::Taken) {
            Payload::Claimed(pinned, slot) => {
                count(&pinned, &slot, false);
                if progress.end.is_some() {
                    (Some(pinned), Some(slot))
                } else {
                    progress.payload = Payload::Unclaimed(pinned);
                    (None, Some(slot))
                }
            }
            other => {
                progress.payload = other;
                (None, None)
            }
        };
        drop(progress);
        drop(gone);
    }

    /// The lane has seen the end of the transfer, or the failure of the device.
    pub(super) fn ended(&self, end: Result<(), Fault>) {
        let failed = end.is_err();
        let payload = {
            let mut progress = lock(&self.progress);
            progress.end = Some(end);
            progress.bar.end();
            // A ticket may still ask for it; without one this was the last reference, and the payload goes
            // with it.
            if !failed && matches!(progress.payload, Payload::Claimed(..)) {
                return;
            }
            std::mem::replace(&mut progress.payload, Payload::Taken)
        };
        // Outside the lock: it is logged, or goes back to a pool with a lock of its own.
        match payload {
            Payload::Claimed(pinned, slot) => {
                count(&pinned, &slot, false);
                pinned.lose();
            }
            Payload::Unclaimed(pinned) if failed => pinned.lose(),
            other => drop(other),
        }
    }
}

impl<B: Backend> Drop for InFlight<B> {
    /// The ticket of a download was dropped, and its copy has ended.
    fn drop(&mut self) {
        let progress = self.progress.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Payload::Claimed(pinned, slot) = &progress.payload {
            count(pinned, slot, false);
        }
    }
}

/// Counts the end of an async download: whether a ticket has taken its data, or nothing ever will.
fn count<B: Backend>(pinned: &PinnedBlock<B>, slot: &Slot, taken: bool) {
    pinned.counters().download_ended(taken);
    slot.download_ended(taken);
}
