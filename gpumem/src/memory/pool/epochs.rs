//! Which frees the compute stream has passed.
//!
//! Freed memory carries no event of its own. It carries the number of the *epoch* in which it was freed. An
//! epoch ends when a thread wants to unmap memory or to give it back to the driver: then one event is
//! recorded on the compute stream, for everything that was freed before.
//!
//! ```text
//!   compute stream:  ..work..  E0  ..work..  E1  ..work..          an event per end of an epoch
//!   epoch:                 0  |          1  |       2 (now)
//! ```
//!
//! Memory freed in epoch 0 is unused by the compute stream once E0 is done.

use crate::backend::{Backend, Fault};
use std::collections::VecDeque;

pub(crate) struct Epochs<B: Backend> {
    /// The current epoch.
    now: u64,
    /// The ends of earlier epochs that were not done at the last look, oldest first.
    ends: VecDeque<(u64, B::Event)>,
    /// The compute stream has passed the epochs before this one.
    first_open: u64,
    /// Something was freed in the current epoch.
    used: bool,
}

/// When memory was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u64);

impl<B: Backend> Epochs<B> {
    pub(crate) fn new() -> Self {
        Self { now: 0, ends: VecDeque::new(), first_open: 0, used: false }
    }

    /// The epoch for memory that is freed now.
    pub(crate) fn current(&mut self) -> Epoch {
        self.used = true;
        Epoch(self.now)
    }

    /// Ends the epoch, if anything was freed in it, and looks which epochs are past: all of them when the
    /// compute stream is idle.
    pub(crate) fn advance(
        &mut self,
        is_idle: impl FnOnce() -> Result<bool, Fault>,
        record: impl FnOnce() -> Result<B::Event, Fault>,
        is_done: impl Fn(&B::Event) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        if !self.used && self.ends.is_empty() {
            return Ok(());
        }
        if is_idle()? {
            self.now += 1;
            self.first_open = self.now;
            self.used = false;
            self.ends.clear();
            return Ok(());
        }
        if self.used {
            self.ends.push_back((self.now, record()?));
            self.now += 1;
            self.used = false;
        }
        while let Some((number, end)) = self.ends.front() {
            if !is_done(end)? {
                break;
            }
            self.first_open = number + 1;
            self.ends.pop_front();
        }
        Ok(())
    }

    /// Whether the compute stream has passed all uses of the memory that was freed then.
    pub(crate) fn is_past(&self, epoch: Epoch) -> bool {
        epoch.0 < self.first_open
    }
}
