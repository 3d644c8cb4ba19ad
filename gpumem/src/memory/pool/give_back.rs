//! Giving memory back to the driver: on demand, when there is too much, and after a while.
//!
//! Free memory goes back only when the compute stream has passed the last use of it (`epochs`), and only in
//! operations that take memory or are asked to give it back; never in a drop.

use super::{DevicePool, FreeMemory};
use crate::backend::{Backend, Fault};
use crate::memory::locks::lock;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

impl<B: Backend> DevicePool<B> {
    /// While the guard lives, other threads that have to give memory back wait, so none of them misses memory
    /// that is on its way to the driver. `None` where another thread has the guard and this one may not wait,
    /// since that thread may wait for the device.
    fn giving_back(&self) -> Option<MutexGuard<'_, ()>> {
        if self.backend.may_wait() { Some(lock(&self.giving_back)) } else { self.giving_back.try_lock().ok() }
    }

    /// Gives memory back until at most `retain` free bytes are left. Then `and_more` gives back what is not
    /// the pool's, while the guard still lives; it is told whether the compute stream was waited for. Waits
    /// for the device's work. After a fault some of the memory may still be in use, and stays.
    pub(crate) fn trim(&self, retain: u64, and_more: impl FnOnce(bool)) -> Result<(), Fault> {
        // Before the guard is taken: streams of the application may run for long.
        self.wait_for_parked();
        let _guard = self.giving_back();
        let passed = self.pass();
        self.shed(retain, None);
        and_more(passed.is_ok());
        passed
    }

    /// Keeps to [`Settings::retain`](crate::memory::Settings::retain).
    pub(crate) fn shed_surplus(&self) {
        if self.settings.retain < u64::MAX && self.figures().retained > self.settings.retain {
            let _guard = self.giving_back();
            self.flush();
            self.shed(self.settings.retain, None);
        }
    }

    /// Gives back memory that has been free for `retain_for`. Called again and again by the idle thread.
    pub(crate) fn shed_idle(&self, retain_for: Duration) {
        let _guard = lock(&self.giving_back);
        self.sweep_parked();
        self.put_evicted(self.caches.flush(true));
        if let Some(before) = Instant::now().checked_sub(retain_for) {
            self.shed(0, Some(before));
        }
    }

    /// Gives free segments back, and free slabs, which become such segments, until at most `most` bytes of
    /// them are left: the oldest first, and only those that came free before `before`. Memory that the
    /// compute stream may still use stays.
    pub(super) fn shed(&self, most: u64, before: Option<Instant>) {
        let victims = {
            let mut free = self.free();
            self.advance_epochs(&mut free);
            let old = |since: Option<Instant>| {
                before.is_none_or(|before| since.is_some_and(|since| since < before))
            };
            free.dissolve_slabs();
            let FreeMemory { segments, epochs, .. } = &mut *free;
            segments.take_surplus(most, |entry| epochs.is_past(entry.epoch) && old(entry.since))
        };
        for segment in victims {
            // SAFETY: no block has the segment, and the compute stream has passed its last use (rule 2); uses
            // by other streams were waited for before it came free.
            unsafe { self.physical.destroy(segment) };
        }
    }

    /// Empties the caches, and waits until the compute stream has passed all free memory.
    pub(super) fn pass(&self) -> Result<(), Fault> {
        self.flush();
        {
            let mut free = self.free();
            free.epochs.current();
            self.advance_epochs(&mut free);
        }
        self.compute.synchronize(&self.backend)
    }

    /// Notes which epochs are past. After a fault none more are known to be.
    pub(super) fn advance_epochs(&self, free: &mut FreeMemory<B>) {
        let stream = self.compute.raw();
        let (is_idle, record) = (|| self.backend.is_idle(stream), || self.backend.record(stream));
        let _ = free.epochs.advance(is_idle, record, |event| self.backend.is_done(event));
    }

    /// Empties the caches, so that neighbours join and segments are found.
    pub(super) fn flush(&self) {
        self.put_evicted(self.caches.flush(false));
    }

    /// Empties the caches, and makes segments of the slabs all of which is free, so that a request finds all
    /// free memory.
    pub(super) fn gather(&self) {
        self.flush();
        self.free().dissolve_slabs();
    }

    /// Gives every segment back, at the end of the device: no block is left. All streams are idle, unless the
    /// device has `failed`; then everything is leaked. Returns the bytes that are leaked.
    pub(crate) fn end(&self, failed: bool) -> u64 {
        if failed {
            self.caches.release_reserved(&self.budget);
            self.losses.log();
            return self.physical.held();
        }
        self.flush();
        let segments = self.free().take_all();
        for segment in segments {
            // SAFETY: all streams have come to their ends, and nothing is queued any more. Uses by streams of
            // the application were waited for before the memory came free, or it was lost, and a slab with a
            // lost piece is not among these (rule 2).
            unsafe { self.physical.destroy(segment) };
        }
        self.losses.log();
        self.caches.release_reserved(&self.budget);
        0
    }
}
