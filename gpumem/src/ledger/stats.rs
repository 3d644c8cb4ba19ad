//! The statistics of a device, as users read them.

use super::table::{TextTable, share};
use crate::label::Bytes;
use std::fmt;
use std::time::Duration;

/// A later value less an earlier one, field by field: counts and times only, the other fields are those of
/// the later one.
macro_rules! since {
    ($later:expr, $earlier:expr, $($count:ident),+ $(,)?) => {{
        let (mut since, earlier) = ($later.clone(), $earlier);
        $(since.$count = since.$count.saturating_sub(earlier.$count);)+
        since
    }};
}
pub(super) use since;

/// Statistics of a device: its memory now, and its operations since it was opened. Reading it waits for
/// nothing and calls no driver. It takes the lock of each thread's cache for a moment, and that of the free
/// memory: about a microsecond in all, or two where 64 threads have used the device.
///
/// The figures are read one after the other while other threads go on, so they may be of slightly different
/// moments. *The driver* is CUDA's, or for the host backend the operating system. The text ([`Display`]) is a
/// table. The feature `serde` makes it `Serialize`.
///
/// [`Display`]: fmt::Display
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
/// println!("{stats}");
/// # assert!(stats.to_string().starts_with("memory"));
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DeviceStats {
    /// Live buffers.
    pub live_buffers: u64,
    /// Bytes of device memory that live buffers hold (their capacities).
    pub live_bytes: u64,
    /// The maximum of `live_bytes` so far, or since [`Device::reset_peak`](crate::Device::reset_peak). A
    /// growth that moves a buffer counts its old and its new memory. If several threads make and drop
    /// buffers, it may be too low by up to 1 MiB for each but one, of at most 64.
    pub peak_bytes: u64,
    /// The most bytes that live buffers may hold: [`Device::memory_limit`](crate::Device::memory_limit).
    pub limit_bytes: u64,
    /// Bytes of dropped buffers that a download, or another stream, still uses.
    pub retired_bytes: u64,
    /// Bytes of device memory taken from the driver and not given back.
    pub held_bytes: u64,
    /// The maximum of `held_bytes` so far, or since [`Device::reset_peak`](crate::Device::reset_peak).
    pub peak_held_bytes: u64,
    /// Bytes of `held_bytes` that no buffer has: free for the next one, or lost to rounding.
    pub retained_bytes: u64,
    /// Bytes of `retained_bytes` that are free for a buffer of any thread. The rest is rounding, and what
    /// single threads have ready for their own next buffers.
    pub free_bytes: u64,
    /// The largest piece of `free_bytes`. Where more than 32 pieces have about its size, another one may be
    /// larger by an eighth.
    pub largest_free_bytes: u64,
    /// Bytes that could not be given back because the driver had failed.
    pub lost_bytes: u64,
    /// Bytes of pinned host memory, in use or retained for the next transfer. At most twice the most that was
    /// in use at a time, or 64 MiB more than that where this is more; blocks are up to a quarter larger than
    /// the transfers that use them. [`Device::trim`](crate::Device::trim) gives idle blocks back.
    pub pinned_bytes: u64,
    /// The maximum of `pinned_bytes` so far, or since [`Device::reset_peak`](crate::Device::reset_peak).
    pub peak_pinned_bytes: u64,
    /// Blocks of device memory given to buffers.
    pub allocations: u64,
    /// Those of `allocations` that made no call to the driver.
    pub reused: u64,
    /// Blocks that buffers gave back.
    pub frees: u64,
    /// Changes of capacity of buffers that had memory.
    pub resizes: u64,
    /// Those of `resizes` in which a buffer became larger where it was.
    pub grown_in_place: u64,
    /// Those of `resizes` that moved a buffer to a larger block.
    pub grown_by_copy: u64,
    /// Calls of [`Device::trim`](crate::Device::trim) and
    /// [`Device::defragment`](crate::Device::defragment).
    pub trims: u64,
    /// How often the driver had no memory for a request, so that all free memory went back to it before it
    /// was asked again.
    pub reclaims: u64,
    /// Calls to the driver that took, mapped, unmapped or gave back device memory.
    pub driver_calls: u64,
    /// The time that threads spent in these calls, and in those that pinned memory of the host or gave it
    /// back.
    pub driver_time: Duration,
    /// Transfers from the host to the device.
    pub uploads: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Transfers from the device to the host, blocking and async.
    pub downloads: u64,
    /// Their bytes.
    pub downloaded_bytes: u64,
    /// Those of `downloads` that were async. A ticket of several buffers counts once for each.
    pub async_downloads: u64,
    /// Those of `async_downloads` whose data was taken.
    pub finished_downloads: u64,
    /// Those of `async_downloads` whose data will not be taken: the ticket was dropped, or the download given
    /// up with [`Buffer::abandon_downloads`](crate::Buffer::abandon_downloads), or the device failed. A
    /// dropped download counts when its copy has ended and something has looked.
    pub dropped_downloads: u64,
    /// How often a thread or a task had to wait for download slots.
    pub slot_waits: u64,
    /// Operations that ended with an error.
    pub errors: ErrorCounts,
}

/// Operations of a device that ended with an error, by the variants of [`Error`](crate::Error): requests for
/// memory, starts of downloads, copies, and launches.
///
/// A growth that gets less than its factor asks for, and enough, is no error. Neither is an answer of
/// [`Buffer::would_fit`](crate::Buffer::would_fit).
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::builder().memory_limit(1_000).host()?;
/// assert!(Buffer::<u8>::with_capacity(&device, "cells", 1_001).is_err());
/// let errors = device.stats().errors;
/// assert_eq!((errors.device_limit, errors.total()), (1, 1));
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ErrorCounts {
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub out_of_memory: u64,
    /// [`Error::OutOfPinnedMemory`](crate::Error::OutOfPinnedMemory).
    pub out_of_pinned_memory: u64,
    /// [`Error::DeviceLimit`](crate::Error::DeviceLimit).
    pub device_limit: u64,
    /// [`Error::SetLimit`](crate::Error::SetLimit).
    pub set_limit: u64,
    /// [`Error::BufferLimit`](crate::Error::BufferLimit).
    pub buffer_limit: u64,
    /// [`Error::SlotsBusy`](crate::Error::SlotsBusy).
    pub slots_busy: u64,
    /// [`Error::CallRefused`](crate::Error::CallRefused), and
    /// [`Error::KernelRefused`](crate::Error::KernelRefused) of a launch.
    pub call_refused: u64,
    /// [`Error::DeviceFailed`](crate::Error::DeviceFailed). Operations after the failure may count too.
    pub device_failed: u64,
}

impl ErrorCounts {
    /// The sum of all.
    ///
    /// ```
    /// # use gpumem::{BufferSpec, Buffer, Device};
    /// let device = Device::host();
    /// let mut cells = Buffer::<u8>::new(&device, BufferSpec::new("cells").max(10))?;
    /// assert!(cells.resize(11).is_err() && cells.reserve(11).is_err());
    /// assert_eq!(device.stats().errors.total(), 2);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn total(&self) -> u64 {
        self.named().iter().map(|(_, count)| count).sum()
    }

    /// Each count with the name of its variant.
    pub(crate) fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("OutOfMemory", self.out_of_memory),
            ("OutOfPinnedMemory", self.out_of_pinned_memory),
            ("DeviceLimit", self.device_limit),
            ("SetLimit", self.set_limit),
            ("BufferLimit", self.buffer_limit),
            ("SlotsBusy", self.slots_busy),
            ("CallRefused", self.call_refused),
            ("DeviceFailed", self.device_failed),
        ]
    }

    fn since(&self, earlier: &Self) -> Self {
        since!(
            self,
            earlier,
            out_of_memory,
            out_of_pinned_memory,
            device_limit,
            set_limit,
            buffer_limit,
            slots_busy,
            call_refused,
            device_failed,
        )
    }
}

impl DeviceStats {
    /// The same, with the counts and times since `earlier`, which was read before. Bytes stay those of now,
    /// and peaks those of [`Device::reset_peak`](crate::Device::reset_peak).
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// let before = device.stats();
    /// cells.upload(&[4, 5, 6])?;
    /// let step = device.stats().since(&before);
    /// assert_eq!((step.uploads, step.allocations, step.live_bytes), (1, 0, 12));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = since!(
            self,
            earlier,
            allocations,
            reused,
            frees,
            resizes,
            grown_in_place,
            grown_by_copy,
            trims,
            reclaims,
            driver_calls,
            driver_time,
            uploads,
            uploaded_bytes,
            downloads,
            downloaded_bytes,
            async_downloads,
            finished_downloads,
            dropped_downloads,
            slot_waits,
        );
        Self { errors: self.errors.since(&earlier.errors), ..counts }
    }

    /// The part of `allocations` that made no call to the driver, from 0 to 1; 0 if there were none.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// let device = Device::host();
    /// for _ in 0..4 {
    ///     drop(Buffer::<u8>::with_capacity(&device, "scratch", 2 << 20)?);
    /// }
    /// assert_eq!(device.stats().reuse_rate(), 0.75); // the first took memory from the driver
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn reuse_rate(&self) -> f64 {
        ratio(self.reused, self.allocations).unwrap_or(0.0)
    }

    /// `held_bytes` over `live_bytes`: how much memory the device takes for what lives on it. `None` if
    /// nothing lives.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// let device = Device::host();
    /// assert_eq!(device.stats().held_over_live(), None);
    /// let kept = Buffer::<u8>::with_capacity(&device, "kept", 4 << 20)?;
    /// drop(Buffer::<u8>::with_capacity(&device, "gone", 4 << 20)?);
    /// assert_eq!(device.stats().held_over_live(), Some(2.0));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn held_over_live(&self) -> Option<f64> {
        ratio(self.held_bytes, self.live_bytes)
    }

    /// `largest_free_bytes` over `free_bytes`: 1 if the free memory is one piece, and near 0 if it is many
    /// small ones. `None` if none is free. On a device with virtual memory, several pieces can serve one
    /// large buffer all the same, at the cost of calls to the driver.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// let device = Device::host();
    /// let block = |bytes| Buffer::<u8>::with_capacity(&device, "block", bytes);
    /// drop([block(6 << 20)?, block(2 << 20)?]);
    /// device.trim(u64::MAX)?; // what the thread has ready for itself is free for all afterwards
    /// assert_eq!(device.stats().largest_over_free(), Some(0.75));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn largest_over_free(&self) -> Option<f64> {
        ratio(self.largest_free_bytes, self.free_bytes)
    }
}

/// A share of figures that are below 2^53.
#[allow(clippy::cast_precision_loss)]
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl fmt::Display for DeviceStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |bytes: u64| Bytes(bytes).to_string();
        let pair = |now: u64, peak: u64| [bytes(now), bytes(peak)];
        let once = |text: String| [text, String::new()];
        let mut memory = TextTable::new(["memory", "now", "peak"]);
        memory.row("live", pair(self.live_bytes, self.peak_bytes));
        memory.row("held", pair(self.held_bytes, self.peak_held_bytes));
        memory.row("pinned", pair(self.pinned_bytes, self.peak_pinned_bytes));
        memory.row("limit", once(bytes(self.limit_bytes)));
        memory.row("retained", once(bytes(self.retained_bytes)));
        memory.row("free", once(bytes(self.free_bytes)));
        memory.row("largest free", once(bytes(self.largest_free_bytes)));
        memory.row("retired", once(bytes(self.retired_bytes)));
        memory.row("lost", once(bytes(self.lost_bytes)));
        writeln!(f, "{memory}\n")?;

        let mut counts = TextTable::new(["operations", "count", ""]);
        let reused = format!("{} without the driver", share(Some(self.reuse_rate())));
        counts.row("live buffers", once(self.live_buffers.to_string()));
        counts.row("allocations", [self.allocations.to_string(), reused]);
        counts.row("frees", once(self.frees.to_string()));
        let how = format!("{} grown in place, {} by copy", self.grown_in_place, self.grown_by_copy);
        counts.row("resizes", [self.resizes.to_string(), how]);
        counts.row("uploads", [self.uploads.to_string(), bytes(self.uploaded_bytes)]);
        counts.row("downloads", [self.downloads.to_string(), bytes(self.downloaded_bytes)]);
        let ends = format!("{} finished, {} dropped", self.finished_downloads, self.dropped_downloads);
        counts.row("async downloads", [self.async_downloads.to_string(), ends]);
        counts.row("waits for slots", once(self.slot_waits.to_string()));
        counts.row("trims", once(self.trims.to_string()));
        counts.row("reclaims", once(self.reclaims.to_string()));
        counts.row("driver calls", [self.driver_calls.to_string(), format!("{:.1?}", self.driver_time)]);
        let kinds = self.errors.named().into_iter().filter(|(_, count)| *count > 0);
        let kinds: Vec<String> = kinds.map(|(kind, count)| format!("{count} {kind}")).collect();
        counts.row("errors", [self.errors.total().to_string(), kinds.join(", ")]);
        write!(f, "{counts}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
memory            now    peak
live           24 MiB  48 MiB
held           50 MiB  50 MiB
pinned          4 KiB   8 KiB
limit          16 GiB
retained       26 MiB
free           24 MiB
largest free   16 MiB
retired       0 bytes
lost          0 bytes

operations       count
live buffers         3
allocations        100  75 % without the driver
frees               97
resizes              3  2 grown in place, 1 by copy
uploads              0  0 bytes
downloads            0  0 bytes
async downloads      9  7 finished, 1 dropped
waits for slots      0
trims                0
reclaims             0
driver calls         7  125.0µs
errors               3  2 DeviceLimit, 1 SlotsBusy";

    #[test]
    fn the_table_of_a_device_is_aligned() {
        let stats = DeviceStats {
            live_buffers: 3,
            live_bytes: 24 << 20,
            peak_bytes: 48 << 20,
            limit_bytes: 16 << 30,
            held_bytes: 50 << 20,
            peak_held_bytes: 50 << 20,
            retained_bytes: 26 << 20,
            free_bytes: 24 << 20,
            largest_free_bytes: 16 << 20,
            pinned_bytes: 4096,
            peak_pinned_bytes: 8192,
            allocations: 100,
            reused: 75,
            frees: 97,
            driver_calls: 7,
            driver_time: Duration::from_micros(125),
            resizes: 3,
            grown_in_place: 2,
            grown_by_copy: 1,
            async_downloads: 9,
            finished_downloads: 7,
            dropped_downloads: 1,
            errors: ErrorCounts { device_limit: 2, slots_busy: 1, ..ErrorCounts::default() },
            ..DeviceStats::default()
        };
        assert_eq!(stats.to_string(), TABLE);
    }

    #[test]
    fn counts_since_an_earlier_time_are_differences_and_bytes_are_not() {
        let earlier = DeviceStats {
            allocations: 5,
            driver_time: Duration::from_secs(2),
            live_bytes: 100,
            ..DeviceStats::default()
        };
        let errors = ErrorCounts { out_of_memory: 4, ..ErrorCounts::default() };
        let later = DeviceStats {
            allocations: 8,
            driver_time: Duration::from_secs(5),
            live_bytes: 70,
            errors,
            ..earlier
        };
        let since = later.since(&earlier);
        assert_eq!((since.allocations, since.driver_time, since.live_bytes), (3, Duration::from_secs(3), 70));
        assert_eq!(since.errors, errors);
        // Two that were exchanged give zeros, and no overflow.
        assert_eq!(earlier.since(&later).allocations, 0);
    }
}
