//! The bookkeeping of memory checked against itself, in debug builds with the feature `testing`.
//!
//! Each figure is compared with one that is counted in another way: what the budget has given out with the capacities that
//! buffers told the ledger, and what was taken from the driver with the segments that are found in the pool. A device audits
//! itself when it ends; a test does so whenever nothing is under way.

use super::device_state::DeviceState;
use crate::backend::Backend;
use std::sync::atomic::Ordering::Relaxed;

impl<B: Backend> DeviceState<B> {
    /// Compares the figures. No other thread uses the device meanwhile.
    ///
    /// # Panics
    ///
    /// When two figures differ that should not.
    pub(crate) fn audit(&self) {
        if std::thread::panicking() {
            return;
        }
        let (_, credit) = self.store.caches.sum();
        let (live, retired) = (self.ledger.live_bytes(), self.store.parking.bytes());
        let used = self.budget.used();
        assert_eq!(
            used,
            live + retired + credit,
            "gpumem: {used} bytes are used; buffers hold {live}, transfers {retired} more, caches {credit}"
        );
        let (slabs, kept) = {
            let state = self.store.state();
            state.heap.audit();
            (state.slab_bytes(), state.kept.bytes())
        };
        let (cached, lent) = (self.store.caches.mapped(), self.store.lent.load(Relaxed));
        let (held, lost) = (self.store.physical.held(), self.store.lost_segments.load(Relaxed));
        assert_eq!(
            held,
            slabs + kept + cached + lent + lost,
            "gpumem: {held} bytes are held; slabs have {slabs}, free segments {kept}, caches {cached}, blocks {lent}, lost {lost}"
        );
        let waste = self.store.waste.load(Relaxed);
        assert!(
            u64::try_from(waste).is_ok_and(|waste| waste <= lent),
            "gpumem: {waste} bytes of {lent} are wasted"
        );
        assert!(lent > 0 || waste == 0, "gpumem: {waste} bytes are wasted by no block");
    }
}
