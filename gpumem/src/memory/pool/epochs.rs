//! When the compute lane has passed the last use of what was let go.
//!
//! Freed memory carries no event of its own. It carries the number of the *epoch* in which it was freed, and an epoch ends
//! when somebody wants memory back from under the lane: then one event is recorded, for all that was freed before.

use crate::backend::{Backend, Fault};
use std::collections::VecDeque;

pub(crate) struct Epochs<B: Backend> {
    /// The epoch that is now.
    now: u64,
    /// The ends of earlier ones that had not been reached when they were last looked at, oldest first.
    ends: VecDeque<(u64, B::Event)>,
    /// Earlier epochs than this one are past.
    first_open: u64,
    /// Something was freed in the epoch that is now.
    used: bool,
}

/// When something was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u64);

impl<B: Backend> Epochs<B> {
    pub(crate) fn new() -> Self {
        Self { now: 0, ends: VecDeque::new(), first_open: 0, used: false }
    }

    /// The epoch for what is freed now.
    pub(crate) fn current(&mut self) -> Epoch {
        self.used = true;
        Epoch(self.now)
    }

    /// Ends the epoch, if anything was freed in it, and looks which are past: all of them where the lane has nothing to do.
    pub(crate) fn look(
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

    /// Whether the lane has passed all uses of what was freed then.
    pub(crate) fn is_past(&self, epoch: Epoch) -> bool {
        epoch.0 < self.first_open
    }
}
