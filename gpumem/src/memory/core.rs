//! What all handles of a device share: the backend, its two lanes, the budget, the pools and the ledger.

use super::block::Block;
use super::budget::Budget;
use super::flight::{Lane, LaneKind};
use super::lock;
use super::pinned::PinnedPool;
use crate::backend::{Backend, Fault};
use crate::error::{BufferLabel, Error};
use crate::ledger::Ledger;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// The state of a device. Blocks, transfers and guards each keep it alive.
pub(crate) struct Core<B: Backend> {
    pub(crate) backend: B,
    pub(crate) compute: Lane<B>,
    pub(crate) download: Lane<B>,
    pub(crate) ledger: Ledger,
    pub(crate) budget: Budget,
    pub(super) pinned: PinnedPool<B>,
    retired: Mutex<VecDeque<Retired<B>>>,
}

/// Memory without an owner that queued work may still use.
struct Retired<B: Backend> {
    memory: B::Memory,
    bytes: usize,
    /// The compute lane when the owner let go.
    compute: B::Event,
    /// The last reader on the download lane.
    read: Option<B::Event>,
}

impl<B: Backend> Core<B> {
    pub(crate) fn new(backend: B, limit: u64) -> Result<Arc<Self>, Fault> {
        Ok(Arc::new(Self {
            compute: Lane::new(backend.create_stream()?),
            download: Lane::new(backend.create_stream()?),
            ledger: Ledger::default(),
            budget: Budget::new(limit),
            pinned: PinnedPool::new(),
            retired: Mutex::default(),
            backend,
        }))
    }

    pub(crate) fn lane(&self, kind: LaneKind) -> &Lane<B> {
        match kind {
            LaneKind::Compute => &self.compute,
            LaneKind::Download => &self.download,
        }
    }

    /// Takes device memory for `label`, within the device's limit.
    ///
    /// Where there is no room, what is retired is waited for and what is kept is given back before this fails. This is the one
    /// operation that gives memory back to the driver on its way.
    pub(crate) fn allocate(self: &Arc<Self>, label: BufferLabel, bytes: usize) -> Result<Block<B>, Error> {
        self.sweep();
        let requested = bytes as u64;
        if !self.budget.take(requested) {
            self.drain_retired();
            if !self.budget.take(requested) {
                let (used, limit) = (self.budget.used(), self.budget.limit());
                return Err(Error::DeviceLimit { buffer: label, requested, used, limit });
            }
        }
        let memory = match self.backend.allocate(bytes) {
            Err(Fault::OutOfMemory) => {
                self.drain_retired();
                self.unpin(self.pinned.drain());
                self.backend.allocate(bytes)
            }
            other => other,
        };
        match memory {
            Ok(memory) => {
                self.ledger.counters.allocated(requested);
                Ok(Block::new(self.clone(), memory, bytes))
            }
            Err(fault) => {
                self.budget.give_back(requested);
                Err(self.allocation_error(label, requested, fault))
            }
        }
    }

    fn allocation_error(&self, buffer: BufferLabel, requested: u64, fault: Fault) -> Error {
        match fault {
            Fault::OutOfMemory => Error::OutOfMemory {
                buffer,
                requested,
                live: self.ledger.counters.live_bytes(),
                retired: self.ledger.counters.retired_bytes(),
                free: self.backend.memory_info().ok().and_then(|info| info.free),
            },
            fault => Error::from_fault::<B>(fault),
        }
    }

    /// Takes memory from its owner. Never waits; see the module comment of `memory`.
    pub(super) fn retire(&self, memory: B::Memory, bytes: usize, read: Option<B::Event>) {
        match self.backend.record(self.compute.stream().raw()) {
            Ok(compute) => lock(&self.retired).push_back(Retired { memory, bytes, compute, read }),
            Err(fault) => self.lose(memory, bytes, &fault),
        }
        if !B::FREE_WAITS {
            self.sweep_retired();
        }
    }

    /// Lets go of the transfers that have ended. Waits for nothing. Returns whether none is left.
    pub(crate) fn land(&self) -> bool {
        [&self.compute, &self.download].map(|lane| lane.sweep(&self.backend)) == [true; 2]
    }

    /// Gives back what has ended: transfers and retired memory. Waits for the driver's free, if that does. Returns whether
    /// nothing is left.
    pub(crate) fn sweep(&self) -> bool {
        let landed = self.land();
        self.sweep_retired() && landed
    }

    fn sweep_retired(&self) -> bool {
        let mut retired = lock(&self.retired);
        let mut ended = Vec::new();
        while let Some(first) = retired.front() {
            let read = first.read.as_ref().map_or(Ok(true), |event| self.backend.is_done(event));
            match read.and_then(|read| Ok(read && self.backend.is_done(&first.compute)?)) {
                Ok(false) => break,
                Ok(true) => ended.extend(retired.pop_front().map(|retired| (retired, None))),
                Err(fault) => ended.extend(retired.pop_front().map(|retired| (retired, Some(fault)))),
            }
        }
        let empty = retired.is_empty();
        drop(retired);
        for (Retired { memory, bytes, .. }, fault) in ended {
            if let Some(fault) = fault {
                self.lose(memory, bytes, &fault);
                continue;
            }
            // SAFETY: the memory has no owner, and the events of its last uses are done (rule 2, pending uses).
            if let Err(fault) = unsafe { self.backend.free(memory) } {
                self.lost(bytes, &fault);
                continue;
            }
            self.budget.give_back(bytes as u64);
            self.ledger.counters.freed(bytes as u64);
        }
        empty
    }

    /// Waits for the last uses of what is retired, and gives it back. A fault shows in what the caller does next.
    fn drain_retired(&self) {
        self.wait_for_retired();
        self.sweep();
    }

    fn wait_for_retired(&self) {
        let uses: Vec<B::Event> = {
            let retired = lock(&self.retired);
            retired
                .iter()
                .flat_map(|retired| [Some(&retired.compute), retired.read.as_ref()])
                .flatten()
                .cloned()
                .collect()
        };
        for event in uses {
            let _ = self.backend.synchronize(&event);
        }
    }

    /// Whether everything that was queued has ended. Waits for nothing.
    fn is_idle(&self) -> bool {
        let ended = |lane: &Lane<B>| {
            let now = self.backend.record(lane.stream().raw());
            now.and_then(|event| self.backend.is_done(&event)).unwrap_or(true)
        };
        ended(&self.compute) && ended(&self.download)
    }

    /// Keeps the calling thread until all that is queued on the compute lane now is done.
    pub(crate) fn wait_for_compute(&self) -> Result<(), Fault> {
        let event = self.backend.record(self.compute.stream().raw())?;
        self.backend.synchronize(&event)
    }

    /// Keeps the download lane behind all that is queued on the compute lane now.
    pub(crate) fn order_download(&self) -> Result<(), Fault> {
        let event = self.backend.record(self.compute.stream().raw())?;
        self.backend.wait(self.download.stream().raw(), &event)
    }

    /// Waits for both lanes, and gives back what that ends.
    pub(crate) fn synchronize(&self) -> Result<(), Error> {
        let wait = |lane: &Lane<B>| {
            let event = self.backend.record(lane.stream().raw())?;
            self.backend.synchronize(&event)
        };
        let waited = wait(&self.compute).and_then(|()| wait(&self.download));
        self.sweep();
        waited.map_err(Error::from_fault::<B>)
    }

    /// Gives idle pinned memory back to the driver.
    pub(super) fn unpin(&self, idle: Vec<(usize, B::Pinned)>) {
        for (bytes, pinned) in idle {
            self.ledger.counters.unpinned(bytes as u64);
            // SAFETY: it comes from the pool, where only memory is that no transfer uses (rule 3, in flight).
            if let Err(fault) = unsafe { self.backend.unpin(pinned) } {
                log::error!("gpumem: {bytes} bytes of pinned memory are lost: {fault}");
                self.ledger.counters.lost(bytes as u64);
            }
        }
    }

    /// The last handle has gone, and with it every buffer. What is in flight is left to a thread that waits for it.
    pub(crate) fn finish(self: Arc<Self>) {
        // Looked at before anything is given back, since that may wait for what still runs.
        if self.is_idle() && self.sweep() {
            return;
        }
        // Not dropped with the closure, so that a thread that does not start leaks it: the memory is in use.
        let core = std::mem::ManuallyDrop::new(self);
        let wait = std::thread::Builder::new().name("gpumem-finish".into()).spawn(move || {
            core.drain();
            drop(std::mem::ManuallyDrop::into_inner(core));
        });
        if let Err(error) = wait {
            log::error!(
                "gpumem: a device's memory is lost: no thread to wait for its last transfers: {error}"
            );
        }
    }

    /// Waits until nothing is in flight or retired, and gives it all back. Nobody queues anything any more.
    ///
    /// Flights refer to the core, so it goes only when the last of them has gone. A failed device answers every wait with
    /// a fault, which lets the sweep give up on what it concerns: the loop ends in any case.
    fn drain(&self) {
        while !self.sweep() {
            for event in self.compute.events().into_iter().chain(self.download.events()) {
                let _ = self.backend.synchronize(&event);
            }
            self.wait_for_retired();
        }
    }

    pub(super) fn lose(&self, memory: B::Memory, bytes: usize, fault: &Fault) {
        // A handle does nothing when dropped: this is the leak.
        drop(memory);
        self.lost(bytes, fault);
    }

    fn lost(&self, bytes: usize, fault: &Fault) {
        self.ledger.counters.lost_retired(bytes as u64);
        log::error!("gpumem: {bytes} bytes of device memory are lost: {fault}");
    }
}

impl<B: Backend> Drop for Core<B> {
    fn drop(&mut self) {
        // No block, transfer or guard is left, or it would have kept the core.
        self.unpin(self.pinned.drain());
    }
}
