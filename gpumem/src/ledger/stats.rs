//! Running totals, and the statistics that users read.

use crate::label::BufferLabel;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The running totals of a device. All accesses are relaxed: each total stands by itself, and no decision
/// rests on it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sets: AtomicU64,
    pinned_bytes: AtomicU64,
    resizes: AtomicU64,
    uploads: AtomicU64,
    uploaded_bytes: AtomicU64,
    downloads: AtomicU64,
    downloaded_bytes: AtomicU64,
    async_downloads: AtomicU64,
}

impl Counters {
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

    pub(crate) fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes.load(Relaxed)
    }

    /// The totals of the ledger. `DeviceState::stats` adds the figures of memory.
    pub(crate) fn snapshot(&self, live_buffers: usize) -> DeviceStats {
        DeviceStats {
            live_buffers: live_buffers as u64,
            pinned_bytes: self.pinned_bytes(),
            resizes: self.resizes.load(Relaxed),
            uploads: self.uploads.load(Relaxed),
            uploaded_bytes: self.uploaded_bytes.load(Relaxed),
            downloads: self.downloads.load(Relaxed),
            downloaded_bytes: self.downloaded_bytes.load(Relaxed),
            async_downloads: self.async_downloads.load(Relaxed),
            ..DeviceStats::default()
        }
    }
}

/// Statistics of a device: its memory now, and its operations since it was opened. Reading it waits for
/// nothing and calls no driver. It takes the lock of each thread's cache for a moment.
///
/// The figures are read one after the other while other threads go on, so they may be of slightly different
/// moments. *The driver* is CUDA's, or for the host backend the operating system.
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// for chunk in 0..100 {
///     let _features = Buffer::<f32, _>::with_capacity(&device, "features", 500_000)?;
/// }
/// let stats = device.stats();
/// assert_eq!((stats.allocations, stats.reused), (100, 99));
/// assert_eq!((stats.live_bytes, stats.peak_bytes), (0, 2_000_000));
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceStats {
    /// Live buffers.
    pub live_buffers: u64,
    /// Bytes of device memory that live buffers hold (their capacities).
    pub live_bytes: u64,
    /// The maximum of `live_bytes` so far. A growth that moves a buffer counts its old and its new memory. If
    /// several threads make and drop buffers, it may be too low by up to 1 MiB for each but one, of at most
    /// 64.
    pub peak_bytes: u64,
    /// Bytes of dropped buffers that a download, or another stream, still uses.
    pub retired_bytes: u64,
    /// Bytes of device memory taken from the driver and not given back.
    pub held_bytes: u64,
    /// The maximum of `held_bytes` so far.
    pub peak_held_bytes: u64,
    /// Bytes of `held_bytes` that no buffer has: free for the next one, or lost to rounding.
    pub retained_bytes: u64,
    /// Bytes that could not be given back because the driver had failed.
    pub lost_bytes: u64,
    /// Bytes of pinned host memory, in use or retained for the next transfer. At most twice the most that was
    /// in use at a time, or 64 MiB more than that where this is more; blocks are up to a quarter larger than
    /// the transfers that use them. [`Device::trim`](crate::Device::trim) gives idle blocks back.
    pub pinned_bytes: u64,
    /// Blocks of device memory given to buffers.
    pub allocations: u64,
    /// Those of `allocations` that made no call to the driver.
    pub reused: u64,
    /// Blocks that buffers gave back.
    pub frees: u64,
    /// Calls to the driver that took, mapped, unmapped or gave back device memory.
    pub driver_calls: u64,
    /// Changes of capacity of buffers that had memory.
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

/// Statistics of one buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferStats {
    /// Its name and that of its set.
    pub label: BufferLabel,
    /// Bytes per element.
    pub element_size: usize,
    /// Elements.
    pub len: usize,
    /// Elements that fit without growing.
    pub capacity: usize,
    /// Changes of its capacity after it had memory.
    pub resizes: u64,
    /// Download slots that are taken.
    pub slots_taken: usize,
    /// Bytes of device memory that its staging copies hold; see
    /// [`BufferSpec::snapshot`](crate::BufferSpec::snapshot).
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

/// Statistics of a generated manager: those of its buffers, in the order of the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetStats {
    /// The name of the user's struct.
    pub label: &'static str,
    /// One entry per buffer.
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
