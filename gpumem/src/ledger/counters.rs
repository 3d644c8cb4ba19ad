//! The running totals of a device and of its buffers.
//!
//! All accesses are relaxed: each total stands by itself, and no decision rests on it.

use super::{DeviceStats, ErrorCounts};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The resizes and transfers of a device, or of one buffer. `N` is a counter, or a number that was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals<N = AtomicU64> {
    pub(crate) grown_in_place: N,
    pub(crate) grown_by_copy: N,
    pub(crate) shrunk: N,
    pub(crate) uploads: N,
    pub(crate) uploaded_bytes: N,
    pub(crate) downloads: N,
    pub(crate) downloaded_bytes: N,
    pub(crate) async_downloads: N,
}

impl Totals {
    pub(crate) fn resized(&self, how: Resize) {
        let counter = match how {
            Resize::GrownInPlace => &self.grown_in_place,
            Resize::GrownByCopy => &self.grown_by_copy,
            Resize::Shrunk => &self.shrunk,
        };
        counter.fetch_add(1, Relaxed);
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

    pub(crate) fn read(&self) -> Totals<u64> {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Totals {
            grown_in_place: read(&self.grown_in_place),
            grown_by_copy: read(&self.grown_by_copy),
            shrunk: read(&self.shrunk),
            uploads: read(&self.uploads),
            uploaded_bytes: read(&self.uploaded_bytes),
            downloads: read(&self.downloads),
            downloaded_bytes: read(&self.downloaded_bytes),
            async_downloads: read(&self.async_downloads),
        }
    }
}

impl Totals<u64> {
    pub(crate) fn resizes(&self) -> u64 {
        self.grown_in_place + self.grown_by_copy + self.shrunk
    }
}

/// The running totals of a device.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) totals: Totals,
    pub(crate) sets: AtomicU64,
    /// Of the calls that pin memory of the host, or give it back.
    pub(crate) pinning: Stopwatch,
    pinned_bytes: AtomicU64,
    peak_pinned_bytes: AtomicU64,
    finished_downloads: AtomicU64,
    dropped_downloads: AtomicU64,
    slot_waits: AtomicU64,
    trims: AtomicU64,
    reclaims: AtomicU64,
    /// By [`ErrorKind`].
    errors: [AtomicU64; ErrorKind::ALL],
}

/// How a buffer that had memory got another capacity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resize {
    GrownInPlace,
    GrownByCopy,
    Shrunk,
}

/// The errors that are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ErrorKind {
    OutOfMemory,
    OutOfPinnedMemory,
    DeviceLimit,
    SetLimit,
    BufferLimit,
    SlotsBusy,
    CallRefused,
    DeviceFailed,
}

impl ErrorKind {
    const ALL: usize = Self::DeviceFailed as usize + 1;
}

/// The time that threads have spent in some calls of the driver, in all.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch {
    nanoseconds: AtomicU64,
}

impl Stopwatch {
    /// Runs `call`, and adds its time. The clock is read twice, which takes some 50 ns: for calls that take
    /// microseconds.
    pub(crate) fn time<R>(&self, call: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = call();
        let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
        result
    }

    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Relaxed))
    }
}

impl Counters {
    pub(crate) fn pinned(&self, bytes: u64) {
        let pinned = self.pinned_bytes.fetch_add(bytes, Relaxed) + bytes;
        self.peak_pinned_bytes.fetch_max(pinned, Relaxed);
    }

    pub(crate) fn unpinned(&self, bytes: u64) {
        self.pinned_bytes.fetch_sub(bytes, Relaxed);
    }

    /// Notes the end of an async download: whether a ticket has taken its data, or nothing ever will.
    pub(crate) fn download_ended(&self, taken: bool) {
        let counter = if taken { &self.finished_downloads } else { &self.dropped_downloads };
        counter.fetch_add(1, Relaxed);
    }

    /// Notes that a thread or a task waits for slots.
    pub(crate) fn waits_for_slots(&self) {
        self.slot_waits.fetch_add(1, Relaxed);
    }

    /// Notes that the application has asked for free memory to go back to the driver.
    pub(crate) fn trimmed(&self) {
        self.trims.fetch_add(1, Relaxed);
    }

    /// Notes that all free memory goes back to the driver, which had none for a request.
    pub(crate) fn reclaimed(&self) {
        self.reclaims.fetch_add(1, Relaxed);
    }

    pub(crate) fn failed(&self, kind: ErrorKind) {
        self.errors[kind as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes.load(Relaxed)
    }

    /// Sets the peak of pinned memory to the bytes that are pinned now.
    pub(crate) fn reset_peak(&self) {
        self.peak_pinned_bytes.store(self.pinned_bytes(), Relaxed);
    }

    /// The totals of the ledger. `DeviceState::stats` adds the figures of memory.
    pub(crate) fn snapshot(&self, live_buffers: usize) -> DeviceStats {
        let totals = self.totals.read();
        DeviceStats {
            live_buffers: live_buffers as u64,
            pinned_bytes: self.pinned_bytes(),
            peak_pinned_bytes: self.peak_pinned_bytes.load(Relaxed).max(self.pinned_bytes()),
            resizes: totals.resizes(),
            grown_in_place: totals.grown_in_place,
            grown_by_copy: totals.grown_by_copy,
            uploads: totals.uploads,
            uploaded_bytes: totals.uploaded_bytes,
            downloads: totals.downloads,
            downloaded_bytes: totals.downloaded_bytes,
            async_downloads: totals.async_downloads,
            finished_downloads: self.finished_downloads.load(Relaxed),
            dropped_downloads: self.dropped_downloads.load(Relaxed),
            slot_waits: self.slot_waits.load(Relaxed),
            trims: self.trims.load(Relaxed),
            reclaims: self.reclaims.load(Relaxed),
            errors: self.errors(),
            driver_time: self.pinning.total(),
            ..DeviceStats::default()
        }
    }

    fn errors(&self) -> ErrorCounts {
        let count = |kind: ErrorKind| self.errors[kind as usize].load(Relaxed);
        ErrorCounts {
            out_of_memory: count(ErrorKind::OutOfMemory),
            out_of_pinned_memory: count(ErrorKind::OutOfPinnedMemory),
            device_limit: count(ErrorKind::DeviceLimit),
            set_limit: count(ErrorKind::SetLimit),
            buffer_limit: count(ErrorKind::BufferLimit),
            slots_busy: count(ErrorKind::SlotsBusy),
            call_refused: count(ErrorKind::CallRefused),
            device_failed: count(ErrorKind::DeviceFailed),
        }
    }
}
