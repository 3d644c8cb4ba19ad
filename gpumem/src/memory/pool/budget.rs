//! A limit of memory, of a device or of a set: one atomic number, exact however many threads ask at once.
//!
//! Every byte that counts against a limit is in exactly one [`Charge`]. A charge is made only by taking it
//! from the budget or by splitting another charge, and it ends only when it is given back to the budget. So
//! no byte is charged twice, and no byte is given back that was not taken. A charge of a device is in one of
//! five places:
//!
//! ```text
//!              take                      drop of a buffer             last use by another stream is done
//!   budget ------------> reservation -> live (a block) ---> retired (a parked block) ---> budget
//!      ^   while memory                |
//!      |   is found                    | drop of a buffer that no other stream uses
//!      +------ reserved budget <-------+
//!     collected (in a thread's cache)
//! ```
//!
//! `used = reservations + live + retired + reserved` therefore holds at any time, and `live` equals the
//! capacities of the buffers in the ledger whenever no operation is under way. `pool/audit.rs` compares the
//! two.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// By how much the peak may be too low per thread but one, in bytes.
const A_LITTLE: u64 = 1 << 20;

/// Bytes that were taken from a budget; see the module comment. It must reach [`Budget::give_back`] in the
/// end, which debug builds check.
#[derive(Debug)]
#[must_use]
pub(crate) struct Charge {
    bytes: u64,
}

impl Charge {
    pub(crate) const fn none() -> Self {
        Self { bytes: 0 }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[inline]
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Takes `bytes` out of this charge, or all of it where it has less.
    #[inline]
    pub(crate) fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { bytes }
    }

    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::none())
    }
}

#[cfg(debug_assertions)]
impl Drop for Charge {
    fn drop(&mut self) {
        assert!(self.bytes == 0 || std::thread::panicking(), "gpumem: {} charged bytes are lost", self.bytes);
    }
}

/// Bytes that may be taken, and bytes that are.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
    /// So far, or since it was reset.
    peak: AtomicU64,
    /// The peak before it was reset for the last time.
    highest: AtomicU64,
    /// A thread's cache may hold a part of `used` that no block has.
    has_reserved: AtomicBool,
    /// How many caches have taken anything.
    takers: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            highest: AtomicU64::new(0),
            has_reserved: AtomicBool::new(false),
            takers: AtomicU64::new(0),
        }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` if they are within the limit. Returns how many bytes are used then too. Compare and
    /// swap, so that two callers that together ask for too much never both get it.
    pub(crate) fn take(&self, bytes: u64) -> Option<(Charge, u64)> {
        let within = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let used = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).ok()?;
        Some((Charge { bytes }, used + bytes))
    }

    /// Notes that so many bytes have lived at the same time.
    pub(crate) fn raise_peak(&self, lived: u64) {
        self.peak.fetch_max(lived, Ordering::Relaxed);
    }

    /// Notes that a cache takes for the first time.
    pub(crate) fn add_taker(&self) {
        self.takers.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes `bytes` if that is within the limit and does not raise the peak. A little more is allowed per
    /// other thread, which may hold a part of the budget in its cache: otherwise threads that free and
    /// allocate all the time would raise what is used, though not what lives, and look into each other's
    /// caches all the time.
    #[inline]
    pub(crate) fn take_below_peak(&self, bytes: u64) -> Option<Charge> {
        let others = self.takers.load(Ordering::Relaxed).saturating_sub(1);
        let most = self.peak.load(Ordering::Relaxed).saturating_add(others * A_LITTLE).min(self.limit);
        let within = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= most);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).ok()?;
        Some(Charge { bytes })
    }

    /// Notes that a cache has come to hold a part of the budget.
    #[inline]
    pub(crate) fn set_reserved_flag(&self) {
        // Read first: a cache line that many threads only read does not move between them. The thread that
        // clears the flag looks into the caches afterwards, each under the lock that this caller holds.
        if !self.has_reserved.load(Ordering::Acquire) {
            self.has_reserved.store(true, Ordering::Release);
        }
    }

    /// Whether a cache has come to hold a part of the budget since the last call.
    pub(crate) fn take_reserved_flag(&self) -> bool {
        self.has_reserved.swap(false, Ordering::AcqRel)
    }

    /// The most bytes that have lived at the same time, so far or since [`Budget::reset_peak`].
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// The most bytes that have ever lived at the same time.
    pub(crate) fn highest(&self) -> u64 {
        self.highest.load(Ordering::Relaxed).max(self.peak())
    }

    /// Makes the peak `live`, the bytes that live now. No cache holds any of the budget. Requests raise the
    /// peak from here on as they did at first: each looks into all caches before it does.
    pub(crate) fn reset_peak(&self, live: u64) {
        self.highest.fetch_max(self.peak(), Ordering::Relaxed);
        self.peak.store(live, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, mut charge: Charge) {
        let bytes = std::mem::take(&mut charge.bytes);
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "gpumem: {bytes} bytes were given back of {before}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_ask_for_twice_the_limit_get_exactly_the_limit() {
        let budget = Budget::new(1_000 * 24);
        let ask = || (0..500).filter_map(|_| budget.take(24)).map(|(charge, _)| charge).collect::<Vec<_>>();
        let mut granted: Vec<Charge> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!((granted.len(), budget.used()), (1_000, 24_000));
        assert!(budget.take(1).is_none() && budget.take(u64::MAX).is_none());
        budget.give_back(granted.pop().unwrap());
        granted.extend(budget.take(24).map(|(charge, _)| charge));
        assert_eq!(granted.len(), 1_000);
        granted.into_iter().for_each(|charge| budget.give_back(charge));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn charges_are_split_and_merged_without_loss() {
        let budget = Budget::new(100);
        let (mut charge, used) = budget.take(60).unwrap();
        assert_eq!(used, 60);
        let part = charge.split(50);
        assert_eq!((charge.bytes(), part.bytes()), (10, 50));
        let all = charge.split(u64::MAX);
        assert_eq!((charge.bytes(), all.bytes()), (0, 10));
        charge.merge(part);
        budget.give_back(all);
        assert_eq!(budget.used(), 50);
        budget.give_back(charge.take());
        assert_eq!((budget.used(), charge.bytes()), (0, 0));
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "7 charged bytes are lost")]
    fn a_charge_that_is_lost_is_found_out() {
        drop(Budget::new(10).take(7));
    }
}
