//! The memory that a device has: taken from the driver, divided into blocks, and given out within the
//! device's limit.
//!
//! [`DevicePool`] owns all of it. Blocks are taken from it and given back to it, and nothing outside this
//! folder sees how it finds them:
//!
//! ```text
//!                       take_ready                                        give_back
//!   caller <---------------------------- thread's cache (`small`) <------------------------ caller's block
//!     ^                                     ^          | too full, emptied          (or first to `parking`, while
//!     |                              refill |          v                             another stream uses it)
//!     |    reserve, obtain, admit         slabs and free segments (`free_memory`)
//!     +--------------------------------------- |       ^
//!                              assemble (`take`)|       | shed, trim: after the compute stream has passed it (`epochs`)
//!                                              v       v
//!                                            the driver
//! ```
//!
//! A request takes two steps where the cache has nothing: a [`Reservation`] of the bytes within the limit
//! (`budget`), and then the memory. The caller (`memory/pressure.rs`) decides what happens where either is
//! missing. A [`Forecast`] adds requests up and makes none of them. [`InPlaceGrowth`] makes a block larger
//! where it is.

#[cfg(all(debug_assertions, feature = "testing"))]
mod audit;
mod block;
mod budget;
mod epochs;
mod forecast;
mod free_memory;
mod give_back;
mod parking;
mod segments;
mod small;
mod take;
#[cfg(test)]
mod tests;

pub(crate) use self::block::{Block, NotQueued, PartlyQueued, use_together};
pub(crate) use self::budget::{Budget, Charge};
pub(crate) use self::forecast::Forecast;
pub(crate) use self::small::LARGEST_SMALL;
pub(crate) use self::take::{AllocRequest, InPlaceGrowth, Ready, Reservation};

use self::block::{Counted, Origin, Uses};
use self::free_memory::FreeMemory;
use self::parking::Parking;
use self::segments::PhysicalMemory;
use self::small::{Caches, Evicted, FreePiece};
use self::take::Ceiling;
use super::locks::lock;
use super::losses::Losses;
use super::settings::Settings;
use super::stream::Stream;
use crate::backend::{Backend, Fault};
use crate::error::Error;
use crate::label::BufferLabel;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The memory of a device.
pub(crate) struct DevicePool<B: Backend> {
    backend: Arc<B>,
    /// In the order of which freed memory is free.
    compute: Arc<Stream<B>>,
    settings: Settings,
    budget: Budget,
    caches: Caches<B>,
    free: Mutex<FreeMemory<B>>,
    parking: Parking<B>,
    physical: PhysicalMemory<B>,
    ceiling: Ceiling,
    sums: Sums,
    losses: Arc<Losses>,
    /// Held while memory is on its way back to the driver, so that no thread finds it neither free nor to be
    /// had from the driver.
    giving_back: Mutex<()>,
}

/// Sums over all blocks.
#[derive(Default)]
struct Sums {
    /// Bytes by which the segments of live blocks are larger than the blocks, beyond rounding.
    waste: AtomicI64,
    /// Bytes of blocks that were lost, which are still held.
    lost: AtomicU64,
    /// The part of them that is segments.
    lost_segments: AtomicU64,
    /// Bytes of the segments that blocks own, for the audit.
    #[cfg(all(debug_assertions, feature = "testing"))]
    owned: AtomicU64,
}

impl Sums {
    /// Replaces the part of a block in the sums.
    fn count(&self, before: Counted, after: Counted) {
        #[allow(clippy::cast_possible_wrap)] // address ranges end below 2^63
        if before.waste != after.waste {
            self.waste.fetch_add(after.waste as i64 - before.waste as i64, Ordering::Relaxed);
        }
        #[cfg(all(debug_assertions, feature = "testing"))]
        {
            self.owned.fetch_add(after.mapped as u64, Ordering::Relaxed);
            self.owned.fetch_sub(before.mapped as u64, Ordering::Relaxed);
        }
    }
}

/// The figures of a pool.
pub(crate) struct Figures {
    /// Bytes that live buffers have.
    pub(crate) live: u64,
    /// Bytes of dropped buffers that other streams still use.
    pub(crate) retired: u64,
    /// Bytes taken from the driver.
    pub(crate) held: u64,
    pub(crate) peak_held: u64,
    /// The part of them that no buffer has.
    pub(crate) retained: u64,
    pub(crate) allocations: u64,
    pub(crate) frees: u64,
    pub(crate) reused: u64,
    pub(crate) driver_calls: u64,
    pub(crate) driver_time: Duration,
}

impl Figures {
    /// The error of a request for `requested` bytes that found no memory. The pool has the free pieces of
    /// [`DevicePool::free_pieces`], and the driver `free` bytes, if it says how many.
    pub(crate) fn out_of_memory(
        &self,
        label: &BufferLabel,
        requested: u64,
        (largest_free, _): (u64, u64),
        free: Option<u64>,
    ) -> Error {
        Error::OutOfMemory {
            buffer: label.clone(),
            requested,
            live: self.live,
            retired: self.retired,
            retained: self.retained,
            largest_free,
            free,
        }
    }
}

impl<B: Backend> DevicePool<B> {
    pub(crate) fn new(
        backend: &Arc<B>,
        compute: &Arc<Stream<B>>,
        settings: Settings,
        losses: &Arc<Losses>,
    ) -> Self {
        Self {
            backend: backend.clone(),
            compute: compute.clone(),
            budget: Budget::new(settings.limit),
            caches: Caches::new(),
            free: Mutex::new(FreeMemory::new(&settings.recorder)),
            parking: Parking::new(),
            physical: PhysicalMemory::new(backend, losses, &settings.recorder),
            settings,
            ceiling: Ceiling::unknown(),
            sums: Sums::default(),
            losses: losses.clone(),
            giving_back: Mutex::new(()),
        }
    }

    /// The device's limit, and the bytes that count against it.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Bytes that chunks are multiples of.
    fn unit(&self) -> usize {
        self.physical.unit()
    }

    /// The time, where a setting depends on it.
    fn now(&self) -> Option<Instant> {
        self.settings.retain_for.map(|_| Instant::now())
    }

    fn free(&self) -> MutexGuard<'_, FreeMemory<B>> {
        lock(&self.free)
    }

    /// Puts memory that has left the caches where all threads find it.
    fn put_evicted(&self, evicted: Evicted<B>) {
        if !evicted.is_empty() {
            let since = self.now();
            self.free().put(evicted, since);
        }
    }

    fn discharge(&self, charge: Charge) {
        if charge.bytes() > 0 {
            self.caches.mine().discharge(&self.budget, charge);
        }
    }

    /// Takes a block from its owner. Never waits, and asks the driver for nothing but whether pending uses
    /// are done.
    pub(crate) fn give_back(&self, mut block: Block<B>) {
        let uses = block.uses.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(uses) = uses else { return self.put_back(block) };
        let Uses { mut pending, unknown } = *uses;
        let done = match unknown {
            Some(fault) => Err(fault),
            None => self.forget_done(&mut pending),
        };
        match done {
            Err(fault) => {
                self.lose(block, fault);
                self.losses.log();
            }
            Ok(()) if pending.is_empty() => self.put_back(block),
            Ok(()) => self.parking.park(block, pending),
        }
    }

    /// Forgets the uses that are done. A fault when the device has failed, so that it cannot be told which
    /// are; uses about which the driver only refuses to answer stay.
    fn forget_done(&self, pending: &mut Vec<(u64, B::Event)>) -> Result<(), Fault> {
        let mut result = Ok(());
        pending.retain(|(_, event)| match self.backend.is_done(event) {
            Ok(done) => !done,
            Err(fault) => {
                if fault.is_failure() {
                    result = Err(fault);
                }
                true
            }
        });
        result
    }

    /// Puts a block that only the compute stream may still use into the thread's cache.
    fn put_back(&self, block: Block<B>) {
        let Block { memory, offset, charge, origin, counted, .. } = block;
        self.sums.count(counted, Counted::default());
        let mut cache = self.caches.mine();
        if charge.bytes() > 0 {
            cache.discharge(&self.budget, charge);
        }
        cache.counts.frees += 1;
        let mut evicted = Evicted::none();
        match origin {
            Origin::Slab { node, class } => {
                evicted.small = cache.put_small(class, FreePiece { memory, offset, node });
            }
            Origin::Segment(segment) => evicted.large.extend(cache.put_large(segment)),
        }
        drop(cache);
        self.put_evicted(evicted);
    }

    /// Gives a block up whose uses cannot be waited for.
    fn lose(&self, mut block: Block<B>, fault: Fault) {
        self.discharge(block.charge.take());
        self.sums.count(block.counted, Counted::default());
        self.caches.mine().counts.frees += 1;
        let held = match block.origin {
            Origin::Slab { node, .. } => {
                self.free().slabs.give_up(node);
                block.bytes
            }
            Origin::Segment(_) => {
                self.sums.lost_segments.fetch_add(block.mapped() as u64, Ordering::Relaxed);
                block.mapped()
            }
        };
        self.sums.lost.fetch_add(held as u64, Ordering::Relaxed);
        self.losses.note(block.bytes, "device memory", fault);
        // Handles do nothing when they are dropped: this is the leak.
        drop(block);
    }

    /// Takes back some parked blocks whose uses are done. Waits for nothing, and takes about as long however
    /// many are parked.
    fn sweep_some_parked(&self) {
        let left = self.parking.take_some(&self.backend, &self.budget);
        if !left.is_empty() {
            self.put_back_parked(left);
        }
    }

    /// Takes back all parked blocks whose uses are done. Waits for nothing. Returns whether none is left.
    pub(crate) fn sweep_parked(&self) -> bool {
        self.put_back_parked(self.parking.take_all(&self.backend, &self.budget));
        self.parking.is_empty()
    }

    fn put_back_parked(&self, left: Vec<parking::Left<B>>) {
        for (block, done) in left {
            match done {
                Ok(()) => self.put_back(block),
                Err(fault) => self.lose(block, fault),
            }
        }
    }

    /// Waits for the uses of parked blocks, where the thread may wait. A fault shows in what the caller does
    /// next.
    pub(crate) fn wait_for_parked(&self) {
        for event in self.parking.events() {
            let _ = self.backend.synchronize(&event);
        }
        self.sweep_parked();
    }

    /// The figures of the pool.
    pub(crate) fn figures(&self) -> Figures {
        let (counts, reserved) = self.caches.sum();
        let retired = self.parking.bytes();
        let live = self.budget.used().saturating_sub(reserved).saturating_sub(retired);
        let (held, lost) = (self.physical.held(), self.sums.lost.load(Ordering::Relaxed));
        Figures {
            live,
            retired,
            held,
            peak_held: self.physical.peak(),
            retained: held.saturating_sub(live + retired + lost),
            allocations: counts.allocations,
            frees: counts.frees,
            reused: counts.reused,
            driver_calls: self.physical.calls(),
            driver_time: self.physical.time(),
        }
    }

    /// Sets the peaks of live and of held bytes to the present figures.
    pub(crate) fn reset_peak(&self) {
        // Budget that a cache holds can be used without a look at the peak.
        let _ = self.caches.collect_and_take(&self.budget, 0);
        self.budget.reset_peak(self.figures().live);
        self.physical.reset_peak();
    }

    /// Bytes of the free pieces and segments that all threads find, and of the largest of them: of a piece to
    /// about an eighth. (Not among the figures: leak checks ask for those, and this takes a mutex.)
    pub(crate) fn free_bytes(&self) -> (u64, u64) {
        self.free().free_bytes()
    }

    /// The size of the largest free piece or segment in bytes, and how many pieces and segments are free. The
    /// caches are emptied first, so that neighbours have joined.
    pub(crate) fn free_pieces(&self) -> (u64, u64) {
        self.gather();
        self.free().free_pieces()
    }
}
