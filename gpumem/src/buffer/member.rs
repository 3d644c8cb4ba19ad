//! What the buffers of one set share: the mark by which the ledger knows them, the set's name, and its limit.
//!
//! The limit is on the capacities of the set's buffers together. Each buffer holds a [`SetCharge`] of it, as large as its
//! capacity; growing takes the difference before memory is taken, and whatever fails afterwards gives it back.

use crate::error::{BufferLabel, Error};
use crate::ledger::SetMark;
use crate::memory::{Budget, Charge};
use std::sync::Arc;

/// A set, as its buffers know it.
#[derive(Debug)]
pub(crate) struct SetShared {
    pub(crate) mark: SetMark,
    pub(crate) label: &'static str,
    pub(crate) budget: Option<Budget>,
}

/// A part of a set's limit that is taken. Dropping it gives it back.
pub(crate) struct SetCharge {
    set: Option<Arc<SetShared>>,
    charge: Charge,
}

impl SetCharge {
    /// Nothing yet of the limit of `set`, if there is one.
    pub(super) fn none(set: Option<Arc<SetShared>>) -> Self {
        Self { set: set.filter(|set| set.budget.is_some()), charge: Charge::none() }
    }

    /// Takes what is missing to `bytes`, as a share of its own that [`SetCharge::join`] adds to this one.
    pub(super) fn extend_to(&self, bytes: u64, buffer: BufferLabel) -> Result<Self, Error> {
        let requested = bytes.saturating_sub(self.charge.bytes());
        let mut more = Self::none(self.set.clone());
        if let Some(budget) = more.set.as_ref().and_then(|set| set.budget.as_ref()) {
            let (used, limit) = (budget.used(), budget.limit());
            let (charge, _) =
                budget.take(requested).ok_or(Error::SetLimit { buffer, requested, used, limit })?;
            more.charge = charge;
        }
        Ok(more)
    }

    /// Refuses so many bytes if they are above the set's limit, whatever else is freed.
    pub(super) fn check(&self, bytes: u64, buffer: BufferLabel) -> Result<(), Error> {
        let budget = self.set.as_ref().and_then(|set| set.budget.as_ref());
        match budget.map(|budget| (budget.used(), budget.limit())) {
            Some((used, limit)) if bytes > limit => {
                Err(Error::SetLimit { buffer, requested: bytes, used, limit })
            }
            _ => Ok(()),
        }
    }

    /// Adds `more`, and gives back the bytes above `bytes`.
    pub(super) fn join(&mut self, mut more: Self, bytes: u64) {
        self.charge.merge(more.charge.take());
        self.give_back(self.charge.bytes().saturating_sub(bytes));
    }

    fn give_back(&mut self, bytes: u64) {
        if let Some(budget) = self.set.as_ref().and_then(|set| set.budget.as_ref()) {
            budget.give_back(self.charge.split(bytes));
        }
    }
}

impl Drop for SetCharge {
    fn drop(&mut self) {
        self.give_back(self.charge.bytes());
    }
}
