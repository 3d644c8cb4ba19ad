//! The device's memory limit: one atomic number, exact however many threads ask at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// By how much the peak may be too low for each thread but one, in bytes.
const A_LITTLE: u64 = 1 << 20;

/// Bytes that may be taken, and bytes that are.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
    peak: AtomicU64,
    /// A thread's cache may hold some of `used` for nobody.
    credited: AtomicBool,
    /// How many caches have taken anything.
    takers: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            credited: AtomicBool::new(false),
            takers: AtomicU64::new(0),
        }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` if they are within the limit. Compare and swap, so that two that together ask for too much never
    /// both get it.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        self.take_some(bytes).is_some()
    }

    /// As [`Self::take`]; tells how many are used then.
    pub(super) fn take_some(&self, bytes: u64) -> Option<u64> {
        let within = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let used = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).ok()?;
        Some(used + bytes)
    }

    /// Notes that so many bytes have lived at a time.
    pub(super) fn raise_peak(&self, lived: u64) {
        self.peak.fetch_max(lived, Ordering::Relaxed);
    }

    /// Notes that a cache takes for the first time.
    pub(super) fn add_taker(&self) {
        self.takers.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes `bytes` if that is within the limit and does not raise the peak; but for a little, for each other thread that may have some
    /// of what is used in its cache. Else threads that let go and take all the time would raise what is used, though not what
    /// lives, and look into each other's caches all the time.
    #[inline]
    pub(super) fn take_below_peak(&self, bytes: u64) -> bool {
        let others = self.takers.load(Ordering::Relaxed).saturating_sub(1);
        let most = self.peak.load(Ordering::Relaxed).saturating_add(others * A_LITTLE).min(self.limit);
        let within = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= most);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    /// Notes that a cache has come to hold some of what is used.
    #[inline]
    pub(super) fn credited(&self) {
        // Looked at first: a line that many threads only read is not fought over. Who clears it looks into the caches afterwards, each
        // under the lock that the caller holds.
        if !self.credited.load(Ordering::Acquire) {
            self.credited.store(true, Ordering::Release);
        }
    }

    /// Whether a cache has come to hold some since this was last asked.
    pub(super) fn was_credited(&self) -> bool {
        self.credited.swap(false, Ordering::AcqRel)
    }

    /// Whether one has, since [`Self::was_credited`] was last asked.
    pub(super) fn is_credited(&self) -> bool {
        self.credited.load(Ordering::Acquire)
    }

    /// The most that has lived at a time.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_ask_for_twice_the_limit_get_exactly_the_limit() {
        let budget = Budget::new(1_000 * 24);
        let granted: u64 = std::thread::scope(|scope| {
            let ask = || (0..500).filter(|_| budget.take(24)).count() as u64;
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((granted, budget.used()), (1_000, 24_000));
        assert!(!budget.take(1) && !budget.take(u64::MAX));
        budget.give_back(24);
        assert!(budget.take(24));
    }
}
