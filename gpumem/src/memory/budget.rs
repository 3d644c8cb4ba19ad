//! The device's memory limit: one atomic number, exact however many threads ask at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that may be taken, and bytes that are. What is retired counts until it has been given back.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, used: AtomicU64::new(0) }
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
        let within = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
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
