//! Per-thread caches of freed blocks: the fast path of allocating and freeing.
//!
//! Each thread uses one of a fixed number of caches, chosen by the thread's number; threads share a cache
//! only where there are more threads than caches. So the cache's lock is free as a rule, and the fast path
//! touches no other memory that threads share. For that a cache also holds a part of the *budget*
//! ([`Cache::reserved`]): the charges of blocks that came back to it. A thread that finds the budget used up,
//! or is about to raise its peak, first collects these parts ([`Caches::collect_and_take`]), so limit and
//! peak are exact.
//!
//! A block in a cache is free in the order of the compute stream: the thread that takes it queues its work
//! after that of the last owner. Blocks that another stream still uses do not come here. A block that one
//! thread takes and another drops ends in the cache of the second; when that is full, all its pieces go to
//! the slabs, where they join their neighbours.

use super::size::{CLASSES, Class};
use super::spin_lock::{SpinGuard, SpinLock};
use crate::backend::Backend;
use crate::memory::locks::lock;
use crate::memory::pool::budget::{Budget, Charge};
use crate::memory::pool::segments::Segment;
use crate::threads::{self, CachePadded};
use std::sync::Mutex;

/// Bytes of pieces that a cache holds at most.
const SMALL: usize = 4 << 20;

/// Segments that a cache holds at most.
const LARGE: usize = 2;

/// More threads than this share caches.
const CACHES: usize = 64;

/// A piece of a slab without an owner.
pub(crate) struct FreePiece<B: Backend> {
    pub(crate) memory: B::Memory,
    pub(crate) offset: usize,
    pub(crate) node: u32,
}

/// The caches of a device.
pub(crate) struct Caches<B: Backend> {
    caches: Box<[CachePadded<SpinLock<Cache<B>>>]>,
    /// Held while budget is on its way from the caches to the device, so that no thread finds it in neither.
    collecting: Mutex<()>,
}

pub(crate) struct Cache<B: Backend> {
    /// By class; empty until the first piece comes.
    small: Vec<Vec<FreePiece<B>>>,
    small_bytes: usize,
    /// Oldest first.
    large: Vec<Box<Segment<B>>>,
    /// Budget for the next blocks.
    reserved: Charge,
    /// Whether the budget counts this cache as one that takes from it.
    counted: bool,
    pub(crate) counts: Counts,
    /// Allocations and frees at the last look whether the cache is idle.
    seen: u64,
}

/// How often something happened; each cache counts for itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) allocations: u64,
    pub(crate) frees: u64,
    /// Allocations for which the driver was asked for nothing.
    pub(crate) reused: u64,
}

impl Counts {
    pub(crate) fn allocated(&mut self, reused: bool) {
        self.allocations += 1;
        self.reused += u64::from(reused);
    }
}

/// Memory that has left a cache, on its way to where all threads find it.
pub(crate) struct Evicted<B: Backend> {
    pub(crate) small: Vec<FreePiece<B>>,
    pub(crate) large: Vec<Box<Segment<B>>>,
}

impl<B: Backend> Evicted<B> {
    pub(crate) fn none() -> Self {
        Self { small: Vec::new(), large: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }
}

impl<B: Backend> Caches<B> {
    pub(crate) fn new() -> Self {
        let cache = || Cache {
            small: Vec::new(),
            small_bytes: 0,
            large: Vec::new(),
            reserved: Charge::none(),
            counted: false,
            counts: Counts::default(),
            seen: 0,
        };
        Self {
            collecting: Mutex::new(()),
            caches: (0..CACHES).map(|_| CachePadded::new(SpinLock::new(cache()))).collect(),
        }
    }

    /// The calling thread's.
    #[inline]
    pub(crate) fn mine(&self) -> SpinGuard<'_, Cache<B>> {
        self.caches[threads::number() % CACHES].lock()
    }

    /// Gives the budget back that the caches hold, and takes `bytes` of it. Returns how many bytes are used
    /// then, with what was taken or without.
    pub(crate) fn collect_and_take(&self, budget: &Budget, bytes: u64) -> Result<(Charge, u64), u64> {
        let _collecting = lock(&self.collecting);
        if budget.take_reserved_flag() {
            for cache in self.in_use() {
                let reserved = cache.lock().reserved.take();
                budget.give_back(reserved);
            }
        }
        if let Some(taken) = budget.take(bytes) {
            return Ok(taken);
        }
        // Budget that went meanwhile from a cache not looked at yet to one that had been was missed. So all
        // are locked at a time, those of threads that have just begun too; no other thread locks two.
        let mut caches: Vec<_> = self.caches.iter().map(|cache| cache.lock()).collect();
        for cache in &mut caches {
            budget.give_back(cache.reserved.take());
        }
        budget.take(bytes).ok_or_else(|| budget.used())
    }

    /// The caches that a thread can have used.
    fn in_use(&self) -> &[CachePadded<SpinLock<Cache<B>>>] {
        &self.caches[..threads::count().min(CACHES)]
    }

    /// Empties all caches, or only those that no thread has used since the last call with `only_idle`.
    pub(crate) fn flush(&self, only_idle: bool) -> Evicted<B> {
        let mut all = Evicted::none();
        for cache in self.in_use() {
            let mut cache = cache.lock();
            if only_idle && !cache.is_idle() {
                continue;
            }
            all.small.append(&mut cache.empty_small());
            all.large.append(&mut cache.large);
        }
        all
    }

    /// Takes the segments out of all caches, and leaves the pieces.
    pub(crate) fn take_segments(&self) -> Evicted<B> {
        let mut all = Evicted::none();
        for cache in self.in_use() {
            all.large.append(&mut cache.lock().large);
        }
        all
    }

    /// Gives the budget back that the caches hold, at the end of the device.
    pub(crate) fn release_reserved(&self, budget: &Budget) {
        for cache in self.in_use() {
            budget.give_back(cache.lock().reserved.take());
        }
    }

    /// Bytes of the segments in the caches.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn mapped(&self) -> u64 {
        let mapped =
            |cache: &Cache<B>| cache.large.iter().map(|segment| segment.mapped() as u64).sum::<u64>();
        self.in_use().iter().map(|cache| mapped(&cache.lock())).sum()
    }

    /// The sum of the counts, and of the budget that the caches hold.
    pub(crate) fn sum(&self) -> (Counts, u64) {
        let mut sum = (Counts::default(), 0);
        for cache in self.in_use() {
            let cache = cache.lock();
            sum.0.allocations += cache.counts.allocations;
            sum.0.frees += cache.counts.frees;
            sum.0.reused += cache.counts.reused;
            sum.1 += cache.reserved.bytes();
        }
        sum
    }
}

impl<B: Backend> Cache<B> {
    /// Takes `bytes` of the limit, if that can be had without looking into other caches.
    #[inline]
    pub(crate) fn charge(&mut self, budget: &Budget, bytes: u64) -> Option<Charge> {
        if self.reserved.bytes() >= bytes {
            return Some(self.reserved.split(bytes));
        }
        if !self.counted {
            self.counted = true;
            budget.add_taker();
        }
        // Only the bytes that are missing, so that the cache holds no budget that no block ever had.
        let mut charge = budget.take_below_peak(bytes - self.reserved.bytes())?;
        charge.merge(self.reserved.take());
        Some(charge)
    }

    /// Takes a charge back, as budget for the next blocks.
    #[inline]
    pub(crate) fn discharge(&mut self, budget: &Budget, charge: Charge) {
        self.reserved.merge(charge);
        budget.set_reserved_flag();
    }

    /// Takes a piece of a class, for an owner that has its charge.
    #[inline]
    pub(crate) fn take_small(&mut self, class: Class) -> Option<FreePiece<B>> {
        let piece = self.small.get_mut(class.index())?.pop()?;
        self.small_bytes -= class.bytes();
        self.counts.allocated(true);
        Some(piece)
    }

    /// Takes a segment of exactly `mapped` bytes, with at least so many `addresses`, for an owner that has
    /// its charge.
    #[inline]
    pub(crate) fn take_large(&mut self, (mapped, addresses): (usize, usize)) -> Option<Box<Segment<B>>> {
        let fits = |segment: &Segment<B>| segment.mapped() == mapped && segment.addresses() >= addresses;
        let index = self.large.iter().rposition(|segment| fits(segment))?;
        self.counts.allocated(true);
        Some(self.large.remove(index))
    }

    /// Adds a piece. Returns all pieces where they are too many.
    #[inline]
    pub(crate) fn put_small(&mut self, class: Class, piece: FreePiece<B>) -> Vec<FreePiece<B>> {
        if self.small.is_empty() {
            self.small.resize_with(CLASSES, Vec::new);
        }
        self.small[class.index()].push(piece);
        self.small_bytes += class.bytes();
        if self.small_bytes > SMALL { self.empty_small() } else { Vec::new() }
    }

    /// Adds a segment. Returns the oldest where there is one too many.
    #[inline]
    pub(crate) fn put_large(&mut self, segment: Box<Segment<B>>) -> Option<Box<Segment<B>>> {
        self.large.push(segment);
        (self.large.len() > LARGE).then(|| self.large.remove(0))
    }

    /// Whether no thread has used the cache since the last call.
    fn is_idle(&mut self) -> bool {
        let used = self.counts.allocations + self.counts.frees;
        std::mem::replace(&mut self.seen, used) == used
    }

    fn empty_small(&mut self) -> Vec<FreePiece<B>> {
        self.small_bytes = 0;
        self.small.iter_mut().flat_map(|class| class.drain(..)).collect()
    }
}
