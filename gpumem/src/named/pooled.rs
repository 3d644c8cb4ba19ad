//! [`pooled`]: buffers for the time of a call, in the memory of the calls before.

use super::buffers::NamedBuffers;
use super::spec::NamedSpec;
use crate::backend::Backend;
use crate::device::Device;
use crate::error::Error;
use crate::label::Bytes;
use crate::ledger::DeviceStats;
use std::fmt;
use std::ops::AddAssign;

/// Allocates the buffers of `specs`, calls `work` with them, and frees them. Returns the result of `work`,
/// and statistics of the memory.
///
/// The memory stays with the device, so the next call has its buffers without a call to the driver. Nothing
/// here waits for the device: the memory is used again when the work that `work` has queued is done with it,
/// and a download that `work` has started can be waited for after the call. The elements are zero at first,
/// which the device does; a length of 0, and [`Buffer::resize_uninit`](crate::Buffer::resize_uninit) in
/// `work`, saves that.
///
/// ```
/// use gpumem::Device;
/// use gpumem::named::{BufferConfig, NamedSpec, PoolingStatistics, pooled};
///
/// let device = Device::host();
/// let mut statistics = PoolingStatistics::default();
/// for chunk in 0..200_u32 {
///     let specs = [
///         NamedSpec::new::<f32>("height", 500_000, BufferConfig::of::<f32>()),
///         NamedSpec::new::<[f32; 3]>("normal", 500_000, BufferConfig::positions()),
///     ];
///     let (last, pooling) = pooled(&device, &specs, |features| {
///         features.get_mut::<f32>("height")?.fill(chunk as f32)?;
///         features.get::<f32>("height")?.view(499_999..)?.download()
///     })?;
///     assert_eq!(last, [chunk as f32]);
///     statistics += pooling;
/// }
/// assert_eq!((statistics.allocations, statistics.reuse_rate()), (400, 0.995)); // all but the first two
/// assert_eq!(statistics.peak_bytes, 500_000 * (4 + 12));
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`NamedBuffers::allocate`] and of `work`, and [`Error::Leaked`] if `work` has moved a buffer out
/// of the manager. (A `work` that puts another manager in its place has the buffers of both.)
#[track_caller]
pub fn pooled<B: Backend, R>(
    device: &Device<B>,
    specs: &[NamedSpec],
    work: impl FnOnce(&mut NamedBuffers<B>) -> Result<R, Error>,
) -> Result<(R, PoolingStatistics), Error> {
    let before = device.stats();
    let mut features = NamedBuffers::new(device);
    for spec in specs {
        features.insert(spec)?;
    }
    let result = work(&mut features)?;
    features.check_leaks()?;
    let peak_bytes = features.stats().peak_bytes;
    let DeviceStats { allocations, reused, .. } = device.stats().since(&before);
    Ok((result, PoolingStatistics { allocations, reused, peak_bytes }))
}

/// How calls of [`pooled`] got the memory of their buffers. `+=` adds the counts of another call, and takes
/// the higher peak.
///
/// The two counts are those of the device ([`DeviceStats`](crate::DeviceStats)) during the call. So
/// allocations by other threads on the same device at that time count too.
///
/// ```
/// use gpumem::Device;
/// use gpumem::named::{BufferConfig, NamedSpec, pooled};
///
/// let device = Device::host();
/// let specs = [NamedSpec::new::<f32>("height", 1_000_000, BufferConfig::of::<f32>())];
/// let ((), first) = pooled(&device, &specs, |_| Ok(()))?;
/// let ((), second) = pooled(&device, &specs, |_| Ok(()))?;
/// assert_eq!((first.reuse_rate(), second.reuse_rate()), (0.0, 1.0));
/// assert_eq!(second.to_string(), "1 allocation, 100.0 % without the driver, peak 3.81 MiB (4000000 bytes)");
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PoolingStatistics {
    /// Blocks of device memory given to buffers.
    pub allocations: u64,
    /// Those of `allocations` that made no call to the driver.
    pub reused: u64,
    /// The most bytes that the buffers of a call held together.
    pub peak_bytes: u64,
}

impl PoolingStatistics {
    /// The part of `allocations` that made no call to the driver, from 0 to 1; 0 if there were none.
    ///
    /// ```
    /// use gpumem::Device;
    /// use gpumem::named::{BufferConfig, NamedSpec, pooled};
    ///
    /// let specs = [NamedSpec::new::<f32>("height", 1_000_000, BufferConfig::of::<f32>())];
    /// let ((), first) = pooled(&Device::host(), &specs, |_| Ok(()))?;
    /// assert_eq!(first.reuse_rate(), 0.0);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn reuse_rate(&self) -> f64 {
        DeviceStats { allocations: self.allocations, reused: self.reused, ..DeviceStats::default() }
            .reuse_rate()
    }
}

impl AddAssign for PoolingStatistics {
    fn add_assign(&mut self, other: Self) {
        self.allocations += other.allocations;
        self.reused += other.reused;
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
    }
}

impl fmt::Display for PoolingStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, plural) = (self.allocations, if self.allocations == 1 { "" } else { "s" });
        let percent = 100.0 * self.reuse_rate();
        write!(
            f,
            "{count} allocation{plural}, {percent:.1} % without the driver, peak {}",
            Bytes(self.peak_bytes)
        )
    }
}
