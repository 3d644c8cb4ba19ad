//! What a thread has let go of and may want again: the way that allocating and freeing take when nothing is special.
//!
//! A thread is given one of a fixed number of caches, by its number; it shares it only where there are more threads than
//! caches. So the cache's lock is free as a rule, and no other memory that threads have in common is touched: a cache keeps some of
//! the *budget* as well ([`Cache::credit`]), which was taken from the device's for blocks that have come back since. Who finds the
//! budget used up, or is about to raise its peak, collects these credits first ([`Caches::collect_and_take`]), so that both are exact.
//!
//! What is in a cache is free in the order of the compute lane: whoever takes it queues work behind that of the last owner.
//! Blocks that another lane still reads do not come here. A block that one thread takes and another drops ends in the cache of
//! the second; when that is full, everything in it goes to the store, where pieces join their slabs.

use super::size::{CLASSES, Class};
use super::spin_lock::{SpinGuard, SpinLock};
use crate::backend::Backend;
use crate::memory::pool::physical::Segment;
use crate::memory::{Budget, Charge, lock};
use crate::threads;
use std::sync::Mutex;

/// Pooled bytes that a cache keeps.
const SMALL: usize = 4 << 20;

/// Segments that a cache keeps.
const LARGE: usize = 2;

/// More threads than this share caches.
const CACHES: usize = 64;

/// A pooled block that nobody owns.
pub(crate) struct Free<B: Backend> {
    pub(crate) memory: B::Memory,
    pub(crate) offset: usize,
    pub(crate) node: u32,
}

/// The caches of a device.
pub(crate) struct Caches<B: Backend> {
    caches: Box<[Padded<B>]>,
    /// Held while credits are on their way from the caches to the budget, so that nobody finds them in neither.
    collecting: Mutex<()>,
}

/// So that two threads' locks are never in one line of the processor's cache (or in two that it fetches together).
#[repr(align(128))]
struct Padded<B: Backend>(SpinLock<Cache<B>>);

pub(crate) struct Cache<B: Backend> {
    /// By class; empty until the first block comes.
    small: Vec<Vec<Free<B>>>,
    small_bytes: usize,
    /// Oldest first.
    large: Vec<Box<Segment<B>>>,
    credit: Charge,
    /// The budget knows of this cache.
    takes: bool,
    pub(crate) counts: Counts,
    /// Allocations and frees when somebody last looked whether the cache is idle.
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

/// What a cache had to let go of.
pub(crate) struct Evicted<B: Backend> {
    pub(crate) small: Vec<Free<B>>,
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
            credit: Charge::none(),
            takes: false,
            counts: Counts::default(),
            seen: 0,
        };
        Self {
            collecting: Mutex::new(()),
            caches: (0..CACHES).map(|_| Padded(SpinLock::new(cache()))).collect(),
        }
    }

    /// The calling thread's.
    #[inline]
    pub(crate) fn mine(&self) -> SpinGuard<'_, Cache<B>> {
        self.caches[threads::number() % CACHES].0.lock()
    }

    /// Gives the budget back that the caches keep, and takes `bytes` of it. Returns how many are used then, with what was taken or
    /// without.
    pub(crate) fn collect_and_take(&self, budget: &Budget, bytes: u64) -> Result<(Charge, u64), u64> {
        let _collecting = lock(&self.collecting);
        if budget.was_credited() {
            for cache in self.in_use() {
                let credit = cache.0.lock().credit.take();
                budget.give_back(credit);
            }
        }
        if let Some(taken) = budget.take(bytes) {
            return Ok(taken);
        }
        // What went from a cache not looked at yet to one that had been was missed. So all are held at a time, those of threads that
        // have just begun too; nobody else holds two.
        let mut caches: Vec<_> = self.caches.iter().map(|cache| cache.0.lock()).collect();
        for cache in &mut caches {
            budget.give_back(cache.credit.take());
        }
        budget.take(bytes).ok_or_else(|| budget.used())
    }

    /// Those that a thread can have used.
    fn in_use(&self) -> &[Padded<B>] {
        &self.caches[..threads::count().min(CACHES)]
    }

    /// Empties all of them, or only those that nobody has used since this was last called with `only_idle`.
    pub(crate) fn flush(&self, only_idle: bool) -> Evicted<B> {
        let mut all = Evicted::none();
        for cache in self.in_use() {
            let mut cache = cache.0.lock();
            if only_idle && !cache.is_idle() {
                continue;
            }
            let Evicted { small, large } = cache.empty();
            all.small.extend(small);
            all.large.extend(large);
        }
        all
    }

    /// Takes the segments out of all of them, and leaves the pooled blocks.
    pub(crate) fn take_segments(&self) -> Evicted<B> {
        let mut all = Evicted::none();
        for cache in self.in_use() {
            all.large.append(&mut cache.0.lock().large);
        }
        all
    }

    /// Lets go of the budget that the caches keep, at the end of the device.
    pub(crate) fn forget_credits(&self, budget: &Budget) {
        for cache in self.in_use() {
            budget.give_back(cache.0.lock().credit.take());
        }
    }

    /// Bytes of the segments in the caches.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn mapped(&self) -> u64 {
        let mapped =
            |cache: &Cache<B>| cache.large.iter().map(|segment| segment.mapped() as u64).sum::<u64>();
        self.in_use().iter().map(|cache| mapped(&cache.0.lock())).sum()
    }

    /// The sum of the counts, and of the budget that the caches keep.
    pub(crate) fn sum(&self) -> (Counts, u64) {
        let mut sum = (Counts::default(), 0);
        for cache in self.in_use() {
            let cache = cache.0.lock();
            sum.0.allocations += cache.counts.allocations;
            sum.0.frees += cache.counts.frees;
            sum.0.reused += cache.counts.reused;
            sum.1 += cache.credit.bytes();
        }
        sum
    }
}

impl<B: Backend> Cache<B> {
    /// Takes `bytes` of the limit, if that can be had without looking into other caches.
    #[inline]
    pub(crate) fn charge(&mut self, budget: &Budget, bytes: u64) -> Option<Charge> {
        if self.credit.bytes() >= bytes {
            return Some(self.credit.split(bytes));
        }
        if !self.takes {
            self.takes = true;
            budget.add_taker();
        }
        // Only what is missing, so that nothing is kept that was never given out.
        let mut charge = budget.take_below_peak(bytes - self.credit.bytes())?;
        charge.merge(self.credit.take());
        Some(charge)
    }

    /// Gives a part of the limit back.
    #[inline]
    pub(crate) fn discharge(&mut self, budget: &Budget, charge: Charge) {
        self.credit.merge(charge);
        budget.credited();
    }

    #[inline]
    pub(crate) fn take_small(&mut self, class: Class) -> Option<Free<B>> {
        let free = self.small.get_mut(class.index())?.pop()?;
        self.small_bytes -= class.bytes();
        Some(free)
    }

    /// A segment of exactly `mapped` bytes, with addresses for `reserved` at least.
    #[inline]
    pub(crate) fn take_large(&mut self, mapped: usize, reserved: usize) -> Option<Box<Segment<B>>> {
        let fits = |segment: &Segment<B>| segment.mapped() == mapped && segment.reserved() >= reserved;
        let index = self.large.iter().rposition(|segment| fits(segment))?;
        Some(self.large.remove(index))
    }

    /// Keeps a pooled block; where that is too much, everything pooled goes.
    #[inline]
    pub(crate) fn put_small(&mut self, class: Class, free: Free<B>) -> Vec<Free<B>> {
        if self.small.is_empty() {
            self.small.resize_with(CLASSES, Vec::new);
        }
        self.small[class.index()].push(free);
        self.small_bytes += class.bytes();
        if self.small_bytes > SMALL { self.empty_small() } else { Vec::new() }
    }

    /// Keeps a segment; where that is one too many, the oldest goes.
    #[inline]
    pub(crate) fn put_large(&mut self, segment: Box<Segment<B>>) -> Option<Box<Segment<B>>> {
        self.large.push(segment);
        (self.large.len() > LARGE).then(|| self.large.remove(0))
    }

    /// Whether nobody has used it since this was last asked.
    fn is_idle(&mut self) -> bool {
        let used = self.counts.allocations + self.counts.frees;
        std::mem::replace(&mut self.seen, used) == used
    }

    fn empty(&mut self) -> Evicted<B> {
        Evicted { small: self.empty_small(), large: std::mem::take(&mut self.large) }
    }

    fn empty_small(&mut self) -> Vec<Free<B>> {
        self.small_bytes = 0;
        self.small.iter_mut().flat_map(|class| class.drain(..)).collect()
    }
}
