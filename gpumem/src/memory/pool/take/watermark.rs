//! How much memory a device may hold: the mark up to which a request that no free segment fits takes new
//! memory from the driver.
//!
//! ```text
//!   held:   0 ........ lived ........ lived + overhead ........ limit, or the ceiling
//!           take new memory         |      assemble (from whichever of these marks comes first)
//! ```
//!
//! `lived` is the most bytes that have lived at the same time. By default the overhead is a quarter of it,
//! which is rarely used up: assembling costs about 35 us per request on a card, and taking new memory for the
//! same request costs a hundredth part of that on average. Near the limit the overhead is what is left below
//! the limit. The end of the device's memory is not known in advance, since other programs use it too: the
//! driver's first refusal sets the *ceiling* ([`DevicePool::note_full`]).

use crate::backend::Backend;
use crate::memory::pool::DevicePool;
use std::sync::atomic::{AtomicU64, Ordering};

/// Overhead that is allowed in any case, so that small programs do not take memory apart for a few bytes.
const FLOOR: u64 = 16 << 20;

/// The overhead where none is set, and its least: a program with some dozen buffers of a few MiB loses half
/// of a quarter to rounding.
const DEFAULT: f64 = 0.25;
const DEFAULT_FLOOR: u64 = 64 << 20;

/// Live segments may be larger than their blocks by this part of the limit, or of the device's memory, at
/// most, where no overhead is set: memory wasted while the end is far away is still wasted when it is near.
const WASTED: u64 = 40;

/// Bytes that the driver had given when it last had no more memory. None are known at first.
pub(crate) struct Ceiling(AtomicU64);

impl Ceiling {
    pub(crate) const fn unknown() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

/// The marks of a device, computed from its figures when they are asked for.
pub(crate) struct Watermark<'a, B: Backend>(pub(super) &'a DevicePool<B>);

impl<'a, B: Backend> Watermark<'a, B> {
    pub(crate) fn of(pool: &'a DevicePool<B>) -> Self {
        Self(pool)
    }

    /// The most bytes that have lived at the same time, or will when the request under way is served.
    fn lived(&self) -> u64 {
        self.0.budget.highest().max(self.0.budget.used())
    }

    /// Bytes that the device should hold at most.
    fn target(&self) -> u64 {
        let Self(pool) = self;
        let lived = self.lived();
        let overhead = pool.settings.overhead;
        let (share, floor) = overhead.map_or((DEFAULT, DEFAULT_FLOOR), |share| (share, FLOOR));
        // The peak is below 2^53 bytes, so nothing is lost in between.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let overhead = (lived as f64 * share) as u64;
        let ceiling = pool.ceiling.0.load(Ordering::Relaxed);
        lived.saturating_add(overhead.max(floor)).min(pool.budget.limit()).min(ceiling.max(FLOOR))
    }

    /// Bytes by which `more` would pass the target.
    pub(crate) fn excess(&self, more: usize) -> u64 {
        self.0.physical.held().saturating_add(more as u64).saturating_sub(self.target())
    }

    /// Whether `more` would pass the device's limit.
    pub(crate) fn passes_limit(&self, more: usize) -> bool {
        self.0.physical.held().saturating_add(more as u64) > self.0.budget.limit()
    }

    /// Bytes by which segments may be larger than their blocks, in all and from now on: a part of the
    /// overhead.
    ///
    /// How large a part was tried out on the random mix of `benches/memory`: a larger one leaves too little
    /// to assemble from where the overhead is small, and a smaller one assembles needlessly where there is
    /// plenty.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below 2^53
    pub(crate) fn waste_left(&self) -> usize {
        let Self(pool) = self;
        let lived = self.lived().max(1);
        let overhead = self.target().saturating_sub(lived) as f64;
        let share = overhead / (overhead + DEFAULT * lived as f64);
        let most = match pool.settings.overhead {
            Some(_) => u64::MAX,
            None => pool.budget.limit().min(pool.physical.total()) / WASTED,
        };
        let most = ((overhead * share) as u64).min(most).max(FLOOR);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        usize::try_from(most - pool.sums.waste.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Sets the ceiling: the driver has no more memory. From here on requests are assembled from free memory
    /// before the driver is asked again.
    pub(crate) fn set_ceiling(&self) {
        self.0.ceiling.0.store(self.0.physical.held(), Ordering::Relaxed);
    }

    /// Raises the ceiling by a part of a request that it is in the way of, and to the held bytes at least:
    /// other programs may have given memory back since.
    pub(crate) fn raise_ceiling(&self, more: usize) {
        let held = self.0.physical.held();
        let raise =
            |ceiling: u64| (ceiling < u64::MAX).then(|| ceiling.saturating_add(more as u64 / 16).max(held));
        let _ = self.0.ceiling.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise);
    }
}
