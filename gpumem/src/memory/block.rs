//! Device memory with one owner.

use super::core::Core;
use super::lock;
use crate::backend::{Backend, Fault};
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError};

/// A block of device memory. Dropping it retires it, whatever the device is doing.
pub(crate) struct Block<B: Backend> {
    core: Arc<Core<B>>,
    memory: ManuallyDrop<B::Memory>,
    bytes: usize,
    reads: Mutex<Reads<B>>,
}

/// Who reads a block on the download lane.
struct Reads<B: Backend> {
    /// The last of them. One event is enough: the lane is in order, so a later event covers the earlier ones.
    last: Option<B::Event>,
    /// A copy that was queued without an event behind it: nobody can tell when it ends.
    unknown: Option<Fault>,
}

/// A transfer that has no event.
#[derive(Debug)]
pub(crate) struct NotQueued {
    pub(crate) fault: Fault,
    /// Whether the copy was queued all the same, so that nobody can tell when it ends.
    pub(crate) runs: bool,
}

impl NotQueued {
    /// Queues a copy and records the event behind it.
    pub(crate) fn attempt<E>(
        copy: impl FnOnce() -> Result<(), Fault>,
        record: impl FnOnce() -> Result<E, Fault>,
    ) -> Result<E, Self> {
        copy().map_err(|fault| Self { fault, runs: false })?;
        record().map_err(|fault| Self { fault, runs: true })
    }
}

impl<B: Backend> Block<B> {
    pub(super) fn new(core: Arc<Core<B>>, memory: B::Memory, bytes: usize) -> Self {
        let reads = Mutex::new(Reads { last: None, unknown: None });
        Self { core, memory: ManuallyDrop::new(memory), bytes, reads }
    }

    pub(crate) fn memory(&self) -> &B::Memory {
        &self.memory
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Queues a read of this block on the download lane: `copy` queues it, `record` records the event behind it. The lock is
    /// held meanwhile, so that two threads note their events in the order of the lane.
    pub(crate) fn read_on_download_lane(
        &self,
        copy: impl FnOnce() -> Result<(), Fault>,
        record: impl FnOnce() -> Result<B::Event, Fault>,
    ) -> Result<B::Event, NotQueued> {
        let mut reads = lock(&self.reads);
        let event = NotQueued::attempt(copy, record);
        match &event {
            Ok(event) => reads.last = Some(event.clone()),
            Err(NotQueued { fault, runs: true }) => reads.unknown = Some(fault.clone()),
            Err(_) => {}
        }
        event
    }

    /// Keeps what is queued on the compute lane from now on behind all pending uses. Call it before any write.
    pub(crate) fn order_after_uses(&mut self) -> Result<(), Fault> {
        let reads = self.reads.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = &reads.last {
            self.core.backend.wait(self.core.compute.stream().raw(), event)?;
            // The lane waits for it now, and so does whatever is queued there later, a retirement's event too.
            reads.last = None;
        }
        Ok(())
    }

    /// Keeps the calling thread until nobody uses this block: no writer on the compute lane, no reader on the other.
    pub(crate) fn wait_until_unused(&mut self) -> Result<(), Fault> {
        self.order_after_uses()?;
        self.core.wait_for_compute()
    }
}

impl<B: Backend> Drop for Block<B> {
    fn drop(&mut self) {
        // SAFETY: `drop` runs once, and nothing reads the field after it.
        let memory = unsafe { ManuallyDrop::take(&mut self.memory) };
        let (unknown, last) = {
            let mut reads = lock(&self.reads);
            (reads.unknown.take(), reads.last.take())
        };
        self.core.ledger.counters.retired(self.bytes as u64);
        match unknown {
            Some(fault) => self.core.lose(memory, self.bytes, &fault),
            None => self.core.retire(memory, self.bytes, last),
        }
    }
}
