//! A device: what buffers live on and what work is queued on.
//!
//! [`Device`] is a handle. Buffers hold one each, so a device is open as long as anything is on it. What the handles
//! share is [`Core`], which transfers and guards can keep alive for longer; see the module comment of `memory` for how
//! a device ends.

#[cfg(feature = "cuda")]
mod cuda;
mod host;

pub use self::host::{HostArg, HostArgs};

use crate::backend::{Backend, Host, MemoryInfo};
use crate::error::Error;
use crate::ledger::{DeviceStats, LeakReport, LiveBuffer};
use crate::memory::{Core, Stream};
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// A device that buffers live on: the host itself, or a CUDA card.
///
/// A `Device` is a handle: cloning it is cheap, and every clone means the same memory, limit and stream. It may be
/// used from any thread. The device stays open until the last handle, buffer and transfer is gone.
///
/// Dropping the last of them does not wait for the device's work: what still runs is left to a thread, which gives the memory
/// back when it is done. Before the end of a CUDA program call [`Device::close`], so that no such thread is cut off. (A CUDA
/// driver waits for all kernels of the process when it takes pinned memory back. A device whose own work is done gives that back in
/// the drop, which other devices' kernels can therefore hold up.)
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let squares: Buffer<u64> = Buffer::from_slice(&device, "squares", &[1, 4, 9])?;
/// assert_eq!(device.stats().live_bytes, 24);
/// drop(squares);
/// device.check_leaks()?;
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct Device<B: Backend = Host> {
    handle: Arc<Handle<B>>,
}

/// What is alive as long as a user can queue work: a device, a buffer or a set.
struct Handle<B: Backend> {
    core: ManuallyDrop<Arc<Core<B>>>,
}

impl<B: Backend> Drop for Handle<B> {
    fn drop(&mut self) {
        // SAFETY: `drop` runs once, and nothing reads the field after it.
        unsafe { ManuallyDrop::take(&mut self.core) }.finish();
    }
}

impl Device<Host> {
    /// Opens the host as a device, with the default limits. Starts nothing: threads come with the first transfer.
    ///
    /// Each call opens a device of its own, with its own limit, stream and ledger.
    #[must_use]
    pub fn host() -> Self {
        Self::open(Host::open(), None)
            .unwrap_or_else(|_| unreachable!("the host's default device needs nothing"))
    }

    /// Settings for a device that is opened afterwards, on whatever backend.
    #[must_use]
    pub fn builder() -> DeviceBuilder {
        DeviceBuilder::default()
    }
}

impl<B: Backend> Device<B> {
    pub(crate) fn open(backend: B, limit: Option<u64>) -> Result<Self, Error> {
        let limit = match limit {
            Some(limit) => limit,
            None => default_limit::<B>(backend.memory_info().map_err(Error::from_fault::<B>)?),
        };
        let core = Core::new(backend, limit).map_err(Error::from_fault::<B>)?;
        Ok(Self { handle: Arc::new(Handle { core: ManuallyDrop::new(core) }) })
    }

    pub(crate) fn core(&self) -> &Arc<Core<B>> {
        &self.handle.core
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }

    /// The device's name, as its driver gives it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.core().backend.device_name()
    }

    /// The compute stream. All operations on buffers take their turn on it, and so do kernels that are launched on it.
    #[must_use]
    pub fn stream(&self) -> &Stream<B> {
        self.core().compute.stream()
    }

    /// How much memory the device has and has free, by its own account.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the driver does not answer.
    pub fn memory_info(&self) -> Result<MemoryInfo, Error> {
        self.core().backend.memory_info().map_err(Error::from_fault::<B>)
    }

    /// Bytes that the buffers of this device may hold together; see [`DeviceBuilder::memory_limit`].
    #[must_use]
    pub fn memory_limit(&self) -> u64 {
        self.core().budget.limit()
    }

    /// Keeps the calling thread until everything that is queued now is done, and gives back the memory of dropped
    /// buffers.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.core().synchronize()
    }

    /// What the device holds and has done.
    #[must_use]
    pub fn stats(&self) -> DeviceStats {
        let ledger = &self.core().ledger;
        ledger.counters.snapshot(ledger.live_buffers())
    }

    /// The buffers that are alive, each with the line that made it.
    #[must_use]
    pub fn live_buffers(&self) -> Vec<LiveBuffer> {
        self.core().ledger.list(None, &[])
    }

    /// Checks that no buffer is alive on this device. Costs a lock and a comparison when none is.
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] with the list of those that are, or with the bytes that the driver did not take back.
    pub fn check_leaks(&self) -> Result<(), Error> {
        let ledger = &self.core().ledger;
        let lost = ledger.counters.lost_bytes();
        if ledger.live_buffers() == 0 && lost == 0 {
            return Ok(());
        }
        Err(Error::Leaked(LeakReport::new(format!("device `{}`", self.name()), self.live_buffers(), lost)))
    }

    /// Ends the device in order: waits for what is queued, checks that no buffer is alive, and gives everything back.
    ///
    /// Dropping the last handle does the same without waiting and without telling.
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] when buffers are alive, [`Error::DeviceInUse`] when other handles are, or tickets and guards
    /// of downloads, and [`Error::DeviceFailed`] when the device has failed. The device then ends with the last of them.
    pub fn close(self) -> Result<(), Error> {
        self.synchronize()?;
        self.check_leaks()?;
        // Besides this handle, only what the user holds of downloads keeps the core: the memory of each ticket and guard.
        let handles = Arc::strong_count(&self.handle) + Arc::strong_count(self.core()) - 2;
        if handles > 0 {
            return Err(Error::DeviceInUse { device: self.name().into(), handles });
        }
        Ok(())
    }
}

/// Nine tenths of what is free when a device is opened, and of all there is on the host, whose free memory says little:
/// caches give way.
fn default_limit<B: Backend>(info: MemoryInfo) -> u64 {
    let base = if B::NAME == Host::NAME { info.total } else { info.free };
    base.map_or(u64::MAX, |bytes| bytes / 10 * 9)
}

impl<B: Backend> Clone for Device<B> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone() }
    }
}

impl<B: Backend> fmt::Debug for Device<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("Device")
            .field("backend", &B::NAME)
            .field("name", &self.name())
            .field("memory_limit", &self.memory_limit())
            .field("live_buffers", &stats.live_buffers)
            .field("live_bytes", &stats.live_bytes)
            .finish_non_exhaustive()
    }
}

/// Settings of a device; made by [`Device::builder`].
///
/// ```
/// use gpumem::{Buffer, Device, Error};
///
/// let device = Device::builder().memory_limit(1 << 20).host()?;
/// let mut cells: Buffer<u32> = Buffer::new(&device, "cells")?;
/// assert!(matches!(cells.resize(1 << 20), Err(Error::DeviceLimit { limit: 0x10_0000, .. })));
/// assert_eq!(cells.len(), 0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct DeviceBuilder {
    memory_limit: Option<u64>,
    #[cfg(feature = "testing")]
    faults: Option<crate::testing::Faults>,
}

impl DeviceBuilder {
    /// Limits the bytes that all buffers of the device hold together, above 0.
    ///
    /// The default is 90 % of what is free when the device is opened; on the host, of physical memory. Memory of dropped
    /// buffers counts until it has been given back, which an allocation that needs it waits for.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Opens the host with these settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] for a limit of 0.
    pub fn host(self) -> Result<Device<Host>, Error> {
        let limit = self.checked_limit()?;
        #[cfg(feature = "testing")]
        let backend = Host::with_faults(self.faults);
        #[cfg(not(feature = "testing"))]
        let backend = Host::open();
        Device::open(backend, limit)
    }

    /// Lets calls to the host backend fail as `faults` says. Has no effect on other backends.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn faults(mut self, faults: &crate::testing::Faults) -> Self {
        self.faults = Some(faults.clone());
        self
    }

    pub(crate) fn checked_limit(&self) -> Result<Option<u64>, Error> {
        match self.memory_limit {
            Some(0) => Err(Error::InvalidSpec {
                what: "device".into(),
                key: "memory_limit",
                value: "0".into(),
                rule: "it must be at least one byte",
            }),
            limit => Ok(limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{Async, Buffer};
    use std::time::{Duration, Instant};

    #[test]
    fn a_device_ends_whatever_was_in_flight() {
        for round in 0..50 {
            let device = Device::host();
            let core = Arc::downgrade(device.core());
            let buffers: Vec<Buffer<u32, Host, Async>> = (0..8)
                .map(|_| Buffer::from_slice(&device, "buffer", &vec![round; 10_000]).unwrap())
                .collect();
            drop(device);
            // The threads' transfers arrive on the lane in any order, and the last of them ends the device.
            let work = |buffer: Buffer<u32, Host, Async>| {
                drop(buffer.start_download().unwrap());
                drop(buffer);
            };
            let threads: Vec<_> =
                buffers.into_iter().map(|buffer| std::thread::spawn(move || work(buffer))).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            let began = Instant::now();
            while core.strong_count() > 0 {
                assert!(began.elapsed() < Duration::from_secs(20), "round {round}: the device never ended");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn a_forgotten_ticket_keeps_nothing_once_it_is_abandoned() {
        let device = Device::host();
        let core = Arc::downgrade(device.core());
        let buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap();
        std::mem::forget(buffer.start_download().unwrap());
        device.synchronize().unwrap();
        buffer.abandon_downloads();
        drop(buffer);
        device.close().unwrap();
        assert_eq!(core.strong_count(), 0);
    }
}
