//! The uses of a buffer, for its statistics.
//!
//! A buffer that only comes and goes pays for two words. The totals are made with the first transfer or the
//! first change of capacity, each of which takes a microsecond and more.

use super::RawBuffer;
use crate::backend::Backend;
use crate::ledger::{BufferStats, Resize, Totals, now};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

/// The uses of a buffer so far.
#[derive(Default)]
pub(super) struct Usage {
    /// The time of the last use, in nanoseconds of [`now`]; 0 before the first. A
    /// coarse clock is enough to tell which buffers lie idle, and costs 5 ns per buffer of a launch.
    last: AtomicU64,
    more: OnceLock<Box<More>>,
}

/// The part that only some buffers need.
#[derive(Default)]
struct More {
    /// The most bytes that the buffer had before its last change of size, or less.
    peak: AtomicU64,
    totals: Totals,
}

impl Usage {
    fn more(&self) -> &More {
        self.more.get_or_init(Box::default)
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

    /// The totals of the buffer and of its device.
    fn totals(&self) -> [&Totals; 2] {
        [&self.usage.more().totals, &self.state().ledger.counters.totals]
    }

    /// Counts an upload.
    pub(in crate::buffer) fn uploaded(&self, bytes: usize) {
        self.totals().iter().for_each(|totals| totals.uploaded(bytes as u64));
    }

    /// Counts a download.
    pub(in crate::buffer) fn downloaded(&self, bytes: usize, asynchronous: bool) {
        self.totals().iter().for_each(|totals| totals.downloaded(bytes as u64, asynchronous));
    }

    /// Counts a change of the capacity.
    pub(super) fn count_resize(&self, how: Resize) {
        self.totals().iter().for_each(|totals| totals.resized(how));
    }

    /// Notes that the buffer held `before` bytes, and holds `bytes` now. Without a change after its first
    /// memory, its peak is its present size.
    pub(super) fn note_bytes(&self, before: u64, bytes: u64) {
        if before > 0 && before != bytes {
            self.usage.more().peak.fetch_max(before.max(bytes), Relaxed);
        }
    }

    /// Sets the peak to the buffer's present size.
    pub(crate) fn reset_peak(&self) {
        if let Some(more) = self.usage.more.get() {
            more.peak.store(0, Relaxed);
        }
    }

    pub(crate) fn stats(&self) -> BufferStats {
        if self.slots.taken() > 0 {
            // Returns the slots of dropped tickets whose copies have ended.
            self.state().lanes.release_ended();
        }
        let slots = self.slots.totals();
        let (peak_bytes, totals) = match self.usage.more.get() {
            Some(more) => (more.peak.load(Relaxed), more.totals.read()),
            None => Default::default(),
        };
        let stats = BufferStats {
            label: self.label(),
            element_size: self.element_size(),
            len: self.len,
            capacity: self.capacity,
            peak_bytes,
            limit_bytes: self.spec.max_bytes(),
            resizes: totals.resizes(),
            grown_in_place: totals.grown_in_place,
            grown_by_copy: totals.grown_by_copy,
            uploads: totals.uploads,
            uploaded_bytes: totals.uploaded_bytes,
            downloads: totals.downloads,
            downloaded_bytes: totals.downloaded_bytes,
            async_downloads: totals.async_downloads,
            finished_downloads: slots.finished,
            dropped_downloads: slots.dropped,
            slot_waits: slots.waits,
            slots_taken: self.slots.taken(),
            staging_bytes: self.staging.bytes(),
            last_use: self.usage.last_use(),
        };
        BufferStats { peak_bytes: stats.peak_bytes.max(stats.live_bytes()), ..stats }
    }
}
