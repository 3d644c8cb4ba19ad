//! The bookkeeping of memory checked against itself, in debug builds with the feature `testing`.
//!
//! Each figure is compared with one that is counted in another way: what the budget has given out with the
//! capacities that buffers told the ledger, and what was taken from the driver with the segments that are
//! found in the pool. A device audits itself when it ends; a test does so whenever no operation is under way.

use super::DevicePool;
use crate::backend::Backend;
use std::sync::atomic::Ordering::Relaxed;

impl<B: Backend> DevicePool<B> {
    /// Compares the figures; the buffers in the ledger have `live` bytes. No other thread uses the device
    /// meanwhile.
    ///
    /// # Panics
    ///
    /// When two figures differ that should not.
    pub(crate) fn audit(&self, live: u64) {
        if std::thread::panicking() {
            return;
        }
        // What leaves the caches at the end is compared too.
        self.flush();
        let (_, reserved) = self.caches.sum();
        let (used, retired) = (self.budget.used(), self.parking.bytes());
        assert_eq!(
            used,
            live + retired + reserved,
            "gpumem: {used} bytes are used; buffers hold {live}, transfers {retired} more, caches {reserved}"
        );
        let (slabs, free) = {
            let free = self.free();
            (free.slabs.audit(), free.segments.bytes())
        };
        let (cached, owned) = (self.caches.mapped(), self.sums.owned.load(Relaxed));
        let (held, lost) = (self.physical.held(), self.sums.lost_segments.load(Relaxed));
        assert_eq!(
            held,
            slabs + free + cached + owned + lost,
            "gpumem: {held} bytes are held; slabs have {slabs}, free segments {free}, caches {cached}, blocks {owned}, lost {lost}"
        );
        let waste = self.sums.waste.load(Relaxed);
        assert!(
            u64::try_from(waste).is_ok_and(|waste| waste <= owned),
            "gpumem: {waste} bytes of {owned} are wasted"
        );
        assert!(owned > 0 || waste == 0, "gpumem: {waste} bytes are wasted by no block");
    }
}
