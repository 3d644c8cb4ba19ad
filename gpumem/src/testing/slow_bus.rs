//! A slow bus.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The number of parts in which a transfer arrives.
const PARTS: usize = 4;

/// Makes transfers of the host backend take the time that a bus would, to test how an application behaves
/// meanwhile.
///
/// A transfer of N bytes, up or down, keeps its lane busy for N divided by the rate, asleep, while the other
/// lanes and the program go on. It arrives in parts, the last of them at the end. So a test notices a read
/// that comes too early, and a write during the copy. Copies that stay on the device, fills and kernels are
/// as fast as ever.
///
/// The rate belongs to all devices that were opened with this bus or a clone of it. It may be changed at any
/// time, and a transfer has the rate that is set when it begins. Even at a low rate a download ends. Dropping
/// a device does not wait for it: a thread frees the memory at its end.
///
/// ```
/// use gpumem::testing::SlowBus;
/// use gpumem::{Buffer, Device};
/// use std::time::{Duration, Instant};
///
/// let bus = SlowBus::unlimited();
/// let device = Device::builder().slow_bus(&bus).host()?;
/// let mut frame = Buffer::from_slice(&device, "frame", &[1_u8; 1_000])?.into_async();
/// device.synchronize()?;
///
/// bus.set_rate(20_000); // bytes per second
/// let began = Instant::now();
/// let ticket = frame.start_download()?;
/// frame.fill(2)?; // waits for the copy, on the device
/// assert_eq!(*ticket.wait()?, [1; 1_000]);
/// assert!(began.elapsed() >= Duration::from_millis(50));
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SlowBus(Arc<AtomicU64>);

impl SlowBus {
    /// A bus with this rate.
    ///
    /// ```
    /// use gpumem::testing::SlowBus;
    /// use gpumem::{Buffer, Device};
    /// use std::time::{Duration, Instant};
    ///
    /// let device = Device::builder().slow_bus(&SlowBus::new(20_000)).host()?;
    /// let began = Instant::now();
    /// let frame = Buffer::from_slice(&device, "frame", &[1_u8; 1_000])?; // does not wait for its upload
    /// device.synchronize()?;
    /// assert!(began.elapsed() >= Duration::from_millis(50));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If that is 0: nothing would ever arrive.
    #[must_use]
    pub fn new(bytes_per_second: u64) -> Self {
        let bus = Self::unlimited();
        bus.set_rate(bytes_per_second);
        bus
    }

    /// A bus as fast as memory, until a rate is set.
    ///
    /// ```
    /// use gpumem::testing::SlowBus;
    /// use gpumem::{Buffer, Device};
    ///
    /// let bus = SlowBus::unlimited();
    /// let device = Device::builder().slow_bus(&bus).host()?;
    /// let frame = Buffer::from_slice(&device, "frame", &[1_u8; 1_000])?;
    /// assert_eq!(frame.download()?, [1; 1_000]); // both transfers at full speed
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn unlimited() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    /// Sets the rate for transfers that begin from now on, in bytes per second. `u64::MAX` is no limit.
    ///
    /// ```
    /// use gpumem::testing::SlowBus;
    /// use gpumem::{Buffer, Device};
    /// use std::time::{Duration, Instant};
    ///
    /// let bus = SlowBus::unlimited();
    /// let device = Device::builder().slow_bus(&bus).host()?;
    /// let frame = Buffer::from_slice(&device, "frame", &[1_u8; 1_000])?;
    /// bus.set_rate(20_000);
    /// let began = Instant::now();
    /// frame.download()?;
    /// assert!(began.elapsed() >= Duration::from_millis(50));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If it is 0: nothing would ever arrive.
    pub fn set_rate(&self, bytes_per_second: u64) {
        assert!(bytes_per_second > 0, "gpumem: a bus of 0 bytes a second");
        self.0.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Calls `copy` for `bytes` in parts, each at the time when it would have arrived. Runs on the thread of
    /// a lane.
    pub(crate) fn carry(&self, bytes: usize, mut copy: impl FnMut(Range<usize>)) {
        let rate = self.0.load(Ordering::Relaxed);
        if rate == u64::MAX {
            return copy(0..bytes);
        }
        let began = Instant::now();
        let part = bytes.div_ceil(PARTS).max(1);
        for start in (0..bytes).step_by(part) {
            let end = bytes.min(start + part);
            // By the clock: after a sleep that was too long the next one is shorter.
            thread::sleep(time_for(end, rate).saturating_sub(began.elapsed()));
            copy(start..end);
        }
    }
}

/// The time that these bytes take.
fn time_for(bytes: usize, rate: u64) -> Duration {
    let nanoseconds = bytes as u128 * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{PARTS, SlowBus, time_for};
    use std::time::{Duration, Instant};

    #[test]
    fn every_byte_is_carried_once_and_takes_its_time() {
        let bus = SlowBus::new(100_000);
        for bytes in [0, 1, 3, 4, 5, 7, 1_001] {
            let (began, mut carried) = (Instant::now(), Vec::new());
            bus.carry(bytes, |part| carried.push((part, began.elapsed())));
            assert!(carried.len() <= PARTS && began.elapsed() >= time_for(bytes, 100_000));
            let mut end = 0;
            for (part, after) in carried {
                assert_eq!(part.start, end, "of {bytes}");
                assert!(
                    !part.is_empty() && after >= time_for(part.end, 100_000),
                    "of {bytes}: {part:?} at {after:?}"
                );
                end = part.end;
            }
            assert_eq!(end, bytes);
        }
    }

    #[test]
    fn times_of_any_size_can_be_told() {
        assert_eq!(time_for(1 << 20, 1 << 20), Duration::from_secs(1));
        assert_eq!(time_for(usize::MAX, 1), Duration::from_nanos(u64::MAX));
        assert_eq!(time_for(usize::MAX, u64::MAX - 1), Duration::from_secs(1));
    }
}
