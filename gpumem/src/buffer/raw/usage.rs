//! What was done with a buffer, for its statistics.
//!
//! A buffer that only comes and goes pays for two words. The totals are made with the first transfer or the
//! first change of capacity, each of which takes a microsecond and more.

use super::RawBuffer;
use crate::backend::Backend;
use crate::ledger::{BufferStats, Resize, now};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

/// What was done with a buffer so far.
#[derive(Default)]
pub(super) struct Usage {
    /// The time of the last use, in nanoseconds of [`now`]; 0 before the first. A
    /// coarse clock is enough to tell what lies idle, and costs 5 ns per buffer of a launch.
    last: AtomicU64,
    totals: OnceLock<Box<Totals>>,
}

/// All accesses are relaxed: each total stands by itself, and no decision rests on it.
#[derive(Default)]
struct Totals {
    /// The most bytes that the buffer had before its last change of size, or less.
    peak: AtomicU64,
    grown_in_place: AtomicU64,
    grown_by_copy: AtomicU64,
    shrunk: AtomicU64,
    uploads: AtomicU64,
    uploaded_bytes: AtomicU64,
    downloads: AtomicU64,
    downloaded_bytes: AtomicU64,
    async_downloads: AtomicU64,
}

impl Usage {
    fn totals(&self) -> &Totals {
        self.totals.get_or_init(Box::default)
    }

    /// The time of the last use. The same use gives the same time, so that snapshots can be compared.
    fn last_use(&self) -> Option<Instant> {
        /// A moment by both clocks.
        static MOMENT: LazyLock<(Instant, u64)> = LazyLock::new(|| (Instant::now(), now()));
        let last = self.last.load(Relaxed);
        if last == 0 {
            return None;
        }
        let (moment, coarse) = *MOMENT;
        match last.checked_sub(coarse) {
            Some(later) => moment.checked_add(Duration::from_nanos(later)),
            None => moment.checked_sub(Duration::from_nanos(coarse - last)),
        }
    }
}

impl<B: Backend> RawBuffer<B> {
    /// Notes that work is queued which reads or writes the elements.
    pub(crate) fn note_use(&self) {
        self.usage.last.store(now().max(1), Relaxed);
    }

    /// Counts an upload.
    pub(in crate::buffer) fn uploaded(&self, bytes: usize) {
        let totals = self.usage.totals();
        totals.uploads.fetch_add(1, Relaxed);
        totals.uploaded_bytes.fetch_add(bytes as u64, Relaxed);
        self.state().ledger.counters.uploaded(bytes as u64);
    }

    /// Counts a download.
    pub(in crate::buffer) fn downloaded(&self, bytes: usize, asynchronous: bool) {
        let totals = self.usage.totals();
        totals.downloads.fetch_add(1, Relaxed);
        totals.downloaded_bytes.fetch_add(bytes as u64, Relaxed);
        totals.async_downloads.fetch_add(u64::from(asynchronous), Relaxed);
        self.state().ledger.counters.downloaded(bytes as u64, asynchronous);
    }

    /// Counts a change of the capacity.
    pub(super) fn count_resize(&self, how: Resize) {
        let totals = self.usage.totals();
        let counter = match how {
            Resize::GrownInPlace => &totals.grown_in_place,
            Resize::GrownByCopy => &totals.grown_by_copy,
            Resize::Shrunk => &totals.shrunk,
        };
        counter.fetch_add(1, Relaxed);
        self.state().ledger.counters.resized(how);
    }

    /// Notes that the buffer held `before` bytes, and holds `bytes` now. Without a change after its first
    /// memory the peak is what it holds.
    pub(super) fn note_bytes(&self, before: u64, bytes: u64) {
        if before > 0 && before != bytes {
            self.usage.totals().peak.fetch_max(before.max(bytes), Relaxed);
        }
    }

    /// Makes the peak what the buffer holds now.
    pub(crate) fn reset_peak(&self) {
        if let Some(totals) = self.usage.totals.get() {
            totals.peak.store(0, Relaxed);
        }
    }

    pub(crate) fn stats(&self) -> BufferStats {
        if self.slots.taken() > 0 {
            // Returns the slots of dropped tickets whose copies have ended.
            self.state().lanes.release_ended();
        }
        let slots = self.slots.totals();
        let empty = Totals::default();
        let totals = self.usage.totals.get().map_or(&empty, Box::as_ref);
        let count = |total: &AtomicU64| total.load(Relaxed);
        let (grown_in_place, grown_by_copy) = (count(&totals.grown_in_place), count(&totals.grown_by_copy));
        let stats = BufferStats {
            label: self.label(),
            element_size: self.element_size(),
            len: self.len,
            capacity: self.capacity,
            peak_bytes: count(&totals.peak),
            limit_bytes: self.spec.max_bytes(),
            resizes: grown_in_place + grown_by_copy + count(&totals.shrunk),
            grown_in_place,
            grown_by_copy,
            uploads: count(&totals.uploads),
            uploaded_bytes: count(&totals.uploaded_bytes),
            downloads: count(&totals.downloads),
            downloaded_bytes: count(&totals.downloaded_bytes),
            async_downloads: count(&totals.async_downloads),
            finished_downloads: slots.finished,
            dropped_downloads: slots.dropped,
            slot_waits: slots.waits,
            slots_taken: self.slots.taken(),
            shadow_bytes: self.staging.bytes(),
            last_use: self.usage.last_use(),
        };
        BufferStats { peak_bytes: stats.peak_bytes.max(stats.live_bytes()), ..stats }
    }
}
