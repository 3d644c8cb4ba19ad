//! The part of a set's limit that each of its buffers takes.
//!
//! The limit is on the capacities of all buffers of a set together. Each buffer holds a [`SetCharge`] as
//! large as its capacity. Growth takes the difference before it takes memory, and gives it back if a later
//! step fails.

use crate::error::Error;
use crate::label::BufferLabel;
use crate::ledger::SetMark;
use crate::memory::{Budget, Charge};
use std::sync::Arc;

/// The data that all buffers of a set share: its mark in the ledger, its name and its limit.
#[derive(Debug)]
pub(crate) struct SetShared {
    pub(crate) mark: SetMark,
    pub(crate) label: &'static &'static str,
    pub(crate) budget: Option<Budget>,
}

/// A buffer's charge against its set's limit. Dropping it gives it back.
pub(crate) struct SetCharge {
    set: Option<Arc<SetShared>>,
    charge: Charge,
}

impl SetCharge {
    /// An empty charge against the limit of `set`, if it has one.
    pub(super) fn none(set: Option<Arc<SetShared>>) -> Self {
        Self { set: set.filter(|set| set.budget.is_some()), charge: Charge::none() }
    }

    /// Whether two charges are against one limit, or both against none.
    pub(super) fn are_of_one_set(one: &Self, other: &Self) -> bool {
        match (&one.set, &other.set) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Charges the bytes that this charge lacks to `bytes`. The result is to be [joined](Self::join) to this
    /// charge.
    pub(super) fn extend_to(&self, bytes: u64, buffer: &BufferLabel) -> Result<Self, Error> {
        let requested = bytes.saturating_sub(self.charge.bytes());
        let mut more = Self::none(self.set.clone());
        if let Some(budget) = more.budget() {
            let (used, limit) = (budget.used(), budget.limit());
            let refused = || Error::SetLimit { buffer: buffer.clone(), requested, used, limit };
            let (charge, _) = budget.take(requested).ok_or_else(refused)?;
            more.charge = charge;
        }
        Ok(more)
    }

    /// Refuses a capacity of `bytes` that is above the set's limit, however much of it is free.
    pub(super) fn check(&self, bytes: u64, buffer: &BufferLabel) -> Result<(), Error> {
        match self.budget().map(|budget| (budget.used(), budget.limit())) {
            Some((used, limit)) if bytes > limit => {
                Err(Error::SetLimit { buffer: buffer.clone(), requested: bytes, used, limit })
            }
            _ => Ok(()),
        }
    }

    /// Adds `more`, and gives back the bytes above `bytes`.
    pub(super) fn join(&mut self, mut more: Self, bytes: u64) {
        self.charge.merge(more.charge.take());
        self.give_back(self.charge.bytes().saturating_sub(bytes));
    }

    fn budget(&self) -> Option<&Budget> {
        self.set.as_ref().and_then(|set| set.budget.as_ref())
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
