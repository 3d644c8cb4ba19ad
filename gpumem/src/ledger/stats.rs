//! Running totals, and the figures that users read.

use crate::error::BufferLabel;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The totals of a device as they run. Relaxed throughout: each is a figure by itself, and nothing is decided by them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sets: AtomicU64,
    live_bytes: AtomicU64,
    peak_bytes: AtomicU64,
    retired_bytes: AtomicU64,
    lost_bytes: AtomicU64,
    pinned_bytes: AtomicU64,
    allocations: AtomicU64,
    frees: AtomicU64,
    resizes: AtomicU64,
    uploads: AtomicU64,
    uploaded_bytes: AtomicU64,
    downloads: AtomicU64,
    downloaded_bytes: AtomicU64,
    async_downloads: AtomicU64,
}

impl Counters {
    pub(crate) fn allocated(&self, bytes: u64) {
        self.allocations.fetch_add(1, Relaxed);
        let live = self.live_bytes.fetch_add(bytes, Relaxed) + bytes;
        self.peak_bytes.fetch_max(live, Relaxed);
    }

    /// A live block waits to be freed.
    pub(crate) fn retired(&self, bytes: u64) {
        self.live_bytes.fetch_sub(bytes, Relaxed);
        self.retired_bytes.fetch_add(bytes, Relaxed);
    }

    /// A retired block went back to the driver.
    pub(crate) fn freed(&self, bytes: u64) {
        self.frees.fetch_add(1, Relaxed);
        self.retired_bytes.fetch_sub(bytes, Relaxed);
    }

    /// A retired block, or pinned memory, can never be freed.
    pub(crate) fn lost(&self, bytes: u64) {
        self.lost_bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn lost_retired(&self, bytes: u64) {
        self.retired_bytes.fetch_sub(bytes, Relaxed);
        self.lost(bytes);
    }

    pub(crate) fn pinned(&self, bytes: u64) {
        self.pinned_bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn unpinned(&self, bytes: u64) {
        self.pinned_bytes.fetch_sub(bytes, Relaxed);
    }

    pub(crate) fn resized(&self) {
        self.resizes.fetch_add(1, Relaxed);
    }

    pub(crate) fn uploaded(&self, bytes: u64) {
        self.uploads.fetch_add(1, Relaxed);
        self.uploaded_bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn downloaded(&self, bytes: u64, asynchronous: bool) {
        self.downloads.fetch_add(1, Relaxed);
        self.downloaded_bytes.fetch_add(bytes, Relaxed);
        if asynchronous {
            self.async_downloads.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Relaxed)
    }

    pub(crate) fn retired_bytes(&self) -> u64 {
        self.retired_bytes.load(Relaxed)
    }

    pub(crate) fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes.load(Relaxed)
    }

    pub(crate) fn lost_bytes(&self) -> u64 {
        self.lost_bytes.load(Relaxed)
    }

    pub(crate) fn snapshot(&self, live_buffers: usize) -> DeviceStats {
        DeviceStats {
            live_buffers: live_buffers as u64,
            live_bytes: self.live_bytes(),
            peak_bytes: self.peak_bytes.load(Relaxed),
            retired_bytes: self.retired_bytes(),
            lost_bytes: self.lost_bytes(),
            pinned_bytes: self.pinned_bytes(),
            allocations: self.allocations.load(Relaxed),
            frees: self.frees.load(Relaxed),
            resizes: self.resizes.load(Relaxed),
            uploads: self.uploads.load(Relaxed),
            uploaded_bytes: self.uploaded_bytes.load(Relaxed),
            downloads: self.downloads.load(Relaxed),
            downloaded_bytes: self.downloaded_bytes.load(Relaxed),
            async_downloads: self.async_downloads.load(Relaxed),
        }
    }
}

/// What a device holds and has done since it was opened. Reading it takes a few nanoseconds and waits for nothing.
///
/// The figures are read one after the other while other threads go on, so they may be of slightly different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceStats {
    /// Buffers that are alive.
    pub live_buffers: u64,
    /// Bytes of device memory that live buffers hold (their capacities).
    pub live_bytes: u64,
    /// The most that `live_bytes` has been. While a growth moves a buffer, it holds its old and its new memory.
    pub peak_bytes: u64,
    /// Bytes of dropped buffers that queued work may still use, or that the next operation will free.
    pub retired_bytes: u64,
    /// Bytes that could not be given back because the driver had failed.
    pub lost_bytes: u64,
    /// Bytes of pinned host memory, in use or kept for the next transfer.
    pub pinned_bytes: u64,
    /// Blocks of device memory taken from the driver.
    pub allocations: u64,
    /// Blocks given back to the driver.
    pub frees: u64,
    /// Times that a buffer which had memory went to another capacity.
    pub resizes: u64,
    /// Transfers from the host to the device.
    pub uploads: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Transfers from the device to the host, blocking and async.
    pub downloads: u64,
    /// Their bytes.
    pub downloaded_bytes: u64,
    /// Those of `downloads` that were async.
    pub async_downloads: u64,
}

/// What one buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferStats {
    /// Its name and that of its set.
    pub label: BufferLabel,
    /// Bytes an element.
    pub element_size: usize,
    /// Elements.
    pub len: usize,
    /// Elements that fit without growing.
    pub capacity: usize,
    /// Times that it went to another capacity after it had memory.
    pub resizes: u64,
    /// Download slots that are taken.
    pub slots_taken: usize,
    /// Bytes of device memory that its shadows hold; see [`BufferSpec::snapshot`](crate::BufferSpec::snapshot).
    pub shadow_bytes: u64,
}

impl BufferStats {
    /// Bytes that its elements take.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        (self.len * self.element_size) as u64
    }

    /// Bytes of device memory that it holds.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        (self.capacity * self.element_size) as u64 + self.shadow_bytes
    }
}

/// What a generated manager holds: the figures of its buffers, in the order of the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetStats {
    /// The name of the user's struct.
    pub label: &'static str,
    /// One entry a buffer.
    pub buffers: Vec<BufferStats>,
}

impl SetStats {
    /// Bytes that the elements of all buffers take.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.buffers.iter().map(BufferStats::used_bytes).sum()
    }

    /// Bytes of device memory that all buffers hold.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.buffers.iter().map(BufferStats::live_bytes).sum()
    }
}
