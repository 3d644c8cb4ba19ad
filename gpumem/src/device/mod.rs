//! A device: what buffers live on and what work is queued on.
//!
//! [`Device`] is a handle. Buffers hold one each, so a device is open as long as anything is on it. What the handles
//! share is [`DeviceState`], which transfers and guards can keep alive for longer; see the module comment of `memory` for how
//! a device ends.

#[cfg(feature = "cuda")]
mod cuda;
mod host;

#[cfg(feature = "cuda")]
pub use self::cuda::Module;
pub use self::host::{HostArg, HostArgs};

use crate::backend::{Backend, Host, MemoryInfo};
use crate::error::Error;
use crate::ledger::{DeviceStats, LeakReport, LiveBuffer};
use crate::memory::{DeviceState, MemoryReport, Pool, Pressure, PressureCallback, Settings, Stream};
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// A device that buffers live on: the host itself, or a CUDA card.
///
/// A `Device` is a handle: cloning it is cheap, and every clone means the same memory, limit and stream. It may be
/// used from any thread. The device stays open until the last handle, buffer and transfer is gone.
///
/// Dropping the last of them does not wait for the device's work: what still runs is left to a thread, which gives the memory
/// back when it is done. A CUDA device always ends on such a thread, since its driver may wait for kernels of
/// other devices too. Before the end of a CUDA program call [`Device::close`], so that the thread is not cut
/// off.
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
    state: ManuallyDrop<Arc<DeviceState<B>>>,
}

impl<B: Backend> Handle<B> {
    /// The last handle has gone, and its owner waits for the end.
    fn close(self) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the device state is taken out once (Rust's contract).
        unsafe { ManuallyDrop::take(&mut this.state) }.close();
    }
}

impl<B: Backend> Drop for Handle<B> {
    fn drop(&mut self) {
        // SAFETY: `drop` runs once, and nothing reads the field after it (Rust's contract).
        unsafe { ManuallyDrop::take(&mut self.state) }.finish();
    }
}

impl Device<Host> {
    /// Opens the host as a device, with the default limits. Starts nothing: threads come with the first transfer.
    ///
    /// Each call opens a device of its own, with its own limit, stream and ledger.
    #[must_use]
    pub fn host() -> Self {
        Self::open(Host::open(), DeviceBuilder::default())
            .unwrap_or_else(|_| unreachable!("the host's default device needs nothing"))
    }

    /// Settings for a device that is opened afterwards, on whatever backend.
    #[must_use]
    pub fn builder() -> DeviceBuilder {
        DeviceBuilder::default()
    }
}

impl<B: Backend> Device<B> {
    /// Opens `backend` with settings that were [checked](DeviceBuilder::check).
    pub(crate) fn open(backend: B, builder: DeviceBuilder) -> Result<Self, Error> {
        let limit = match builder.memory_limit {
            Some(limit) => limit,
            None => default_limit::<B>(backend.memory_info().map_err(Error::from_opening)?),
        };
        let DeviceBuilder { overhead, retain, retain_for, on_pressure, .. } = builder;
        let default = Settings::new(limit);
        let settings = Settings {
            overhead,
            retain: retain.unwrap_or(default.retain),
            retain_for,
            on_pressure: on_pressure.map(|callback| callback.0),
            ..default
        };
        let state = DeviceState::new(backend, settings).map_err(Error::from_opening)?;
        Ok(Self { handle: Arc::new(Handle { state: ManuallyDrop::new(state) }) })
    }

    pub(crate) fn state(&self) -> &Arc<DeviceState<B>> {
        &self.handle.state
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }

    /// The device's name, as its driver gives it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.state().backend.device_name()
    }

    /// The compute stream. All operations on buffers take their turn on it, and so do kernels that are launched on it.
    #[must_use]
    pub fn stream(&self) -> &Stream<B> {
        self.state().compute.stream()
    }

    /// Opens a stream of the application's own, for work beside the compute stream; see [`Stream`].
    ///
    /// It stays usable as long as it lives, and keeps the device from being [closed](Device::close). Dropping
    /// it does not wait for what is queued on it.
    ///
    /// # Errors
    ///
    /// [`Error::CallRefused`] when the device gives none, and [`Error::DeviceFailed`] when it has failed.
    #[track_caller]
    pub fn create_stream(&self) -> Result<Stream<B>, Error> {
        Ok(self.state().create_stream()?)
    }

    /// Keeps the calling thread until everything that is queued on `stream`, one of this device's, is done.
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a stream of another device, [`Error::DeviceFailed`] when the device
    /// has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn synchronize_stream(&self, stream: &Stream<B>) -> Result<(), Error> {
        if !self.state().owns(stream) {
            let other = format!("device `{}`, which was asked to wait for it", self.name());
            return Err(Error::DifferentDevices { buffer: None, other });
        }
        Ok(self.state().wait_for(stream)?)
    }

    /// How much memory the device has and has free, by its own account.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the driver does not answer.
    pub fn memory_info(&self) -> Result<MemoryInfo, Error> {
        Ok(self.state().backend.memory_info()?)
    }

    /// Bytes that the buffers of this device may hold together; see [`DeviceBuilder::memory_limit`].
    #[must_use]
    pub fn memory_limit(&self) -> u64 {
        self.state().pool.budget().limit()
    }

    /// Keeps the calling thread until everything that is queued now is done: the compute stream and all transfers, and what streams of the
    /// application's own do with buffers that were dropped. For the rest of these see [`Device::synchronize_stream`].
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.state().synchronize()
    }

    /// What the device holds and has done.
    #[must_use]
    pub fn stats(&self) -> DeviceStats {
        self.state().stats()
    }

    /// Gives memory back to the driver that no buffer uses, until at most `retain` bytes of it are kept. Returns the bytes that went
    /// back.
    ///
    /// Memory of dropped buffers is kept for the next ones, since taking it from the driver costs tens of microseconds. Call
    /// this where a program is done with a phase that needed much, or where another process needs the memory. It waits for the
    /// device's work. With `retain` at 0 pinned memory that no transfer uses goes back as well, and so do
    /// modules of kernels that were dropped; a CUDA driver then waits for kernels of other devices of the
    /// process too. Pieces of 2 MiB and more are given back only as a whole, so that a small buffer can keep
    /// the piece that it lies in.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// drop(Buffer::<u8>::with_capacity(&device, "scratch", 64 << 20)?);
    /// assert_eq!(device.stats().retained_bytes, 64 << 20);
    /// assert_eq!(device.trim(0)?, 64 << 20);
    /// assert_eq!(device.stats().held_bytes, 0);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn trim(&self, retain: u64) -> Result<u64, Error> {
        self.state().trim(retain)
    }

    /// Joins free pieces that lie side by side, and gives back to the driver all that is wholly free. Returns how memory lay before
    /// and how it lies after.
    ///
    /// No buffer moves: addresses stay what they are. It waits for the device's work.
    ///
    /// ```
    /// # use gpumem::{Buffer, Device};
    /// # let device = Device::host();
    /// # drop(Buffer::<u8>::with_capacity(&device, "scratch", 64 << 20)?);
    /// let (before, after) = device.defragment()?;
    /// println!("{} of {} bytes went back", before.held - after.held, before.held);
    /// # assert_eq!((before.held, after.held), (64 << 20, 0));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Device::trim`].
    pub fn defragment(&self) -> Result<(MemoryReport, MemoryReport), Error> {
        self.state().defragment()
    }

    /// The pool without buffers, for measurements.
    #[doc(hidden)]
    #[must_use]
    pub fn __pool(&self) -> Pool<'_, B> {
        Pool::new(self.state())
    }

    /// Compares the figures of the device with each other. Nothing may be under way.
    ///
    /// # Panics
    ///
    /// When the bookkeeping is wrong.
    #[cfg(all(debug_assertions, feature = "testing"))]
    #[doc(hidden)]
    pub fn __audit(&self) {
        self.state().audit();
    }

    /// Whether the device has virtual memory, so that buffers above about 1 MiB grow where they are and nothing is copied. Without it
    /// growth allocates, copies and frees, with the same results.
    #[must_use]
    pub fn has_virtual_memory(&self) -> bool {
        self.state().pool.has_virtual_memory()
    }

    /// The buffers that are alive, each with the line that made it.
    #[must_use]
    pub fn live_buffers(&self) -> Vec<LiveBuffer> {
        self.state().ledger.list(None, &[])
    }

    /// Checks that no buffer is alive on this device. Costs a lock and a comparison when none is.
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] with the list of those that are, or with the bytes that the driver did not take back.
    pub fn check_leaks(&self) -> Result<(), Error> {
        let ledger = &self.state().ledger;
        let lost = self.state().losses.bytes();
        if ledger.live_buffers() == 0 && lost == 0 {
            return Ok(());
        }
        Err(Error::Leaked(self.leaks(lost)))
    }

    fn leaks(&self, lost: u64) -> LeakReport {
        LeakReport::new(format!("device `{}`", self.name()), self.live_buffers(), lost)
    }

    /// Ends the device in order: waits for what is queued, checks that no buffer or stream is alive, and
    /// gives everything back before it returns. Modules of kernels are unloaded even if they are alive: one
    /// has no kernels any more then.
    ///
    /// Dropping the last handle does the same without waiting and without telling.
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] when buffers or streams of the application's own are alive, [`Error::DeviceInUse`]
    /// when other handles are, or tickets and guards of downloads, and [`Error::DeviceFailed`] when the
    /// device has failed. The device then ends with the last of them.
    pub fn close(self) -> Result<(), Error> {
        self.synchronize()?;
        let ledger = &self.state().ledger;
        let (lost, streams) = (self.state().losses.bytes(), ledger.streams.list());
        if ledger.live_buffers() > 0 || lost > 0 || !streams.is_empty() {
            return Err(Error::Leaked(self.leaks(lost).with_handles(streams)));
        }
        // The idle thread is kept out until this handle has gone, so that it is neither counted nor the last. It takes the gate before
        // anything else, so whatever runs here meanwhile (a logger) holds up no thread but that one, which holds nothing.
        let gate = self.state().idle_gate();
        let _gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
        // Besides this handle, only what the user holds of downloads keeps the device state: the memory of each ticket and guard.
        let handles = Arc::strong_count(&self.handle) + Arc::strong_count(self.state()) - 2;
        if handles > 0 {
            return Err(Error::DeviceInUse { device: self.name().into(), handles });
        }
        if let Some(handle) = Arc::into_inner(self.handle) {
            handle.close();
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
    overhead: Option<f64>,
    retain: Option<u64>,
    retain_for: Option<Duration>,
    on_pressure: Option<Callback>,
    #[cfg(feature = "testing")]
    faults: Option<crate::testing::Faults>,
    #[cfg(feature = "testing")]
    bus: Option<crate::testing::SlowBus>,
}

/// A callback in a builder that can be printed.
#[derive(Clone)]
struct Callback(PressureCallback);

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a function)")
    }
}

impl DeviceBuilder {
    /// Limits the bytes that all buffers of the device hold together, above 0.
    ///
    /// The default is 90 % of what is free when the device is opened; on the host, of physical memory. The limit is exact, however many
    /// threads ask at once. Memory of dropped buffers counts as long as a download still reads it, which an allocation that
    /// needs it waits for.
    ///
    /// Memory that is held from the driver exceeds the limit only by what cannot be given back while buffers live: buffers of more
    /// than 1 MiB are rounded to whole pieces of 2 MiB and may be one part in forty of the limit larger together (at least
    /// 16 MiB), and each smaller buffer can keep the slab that it lies in from going back. A slab has 2 MiB, or a thirty-second part of what all
    /// slabs have, up to 32 MiB. A program that fills the limit with small buffers, drops most of them in no
    /// order and then asks for large ones can so come to hold twice the limit and more: memory on a card cannot be mapped in smaller
    /// pieces, and no buffer moves behind the program's back. [`DeviceStats::held_bytes`] tells.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Sets how much more memory may be held than has ever lived at a time, as a share of that: finite and not negative.
    ///
    /// Buffers of many sizes leave gaps that the next ones do not fit. Up to the overhead, new memory is taken for them. Beyond it they are
    /// composed from what is free, by taking it apart and mapping the pieces side by side, which costs some 35 to 100 µs each
    /// time on a card. A larger overhead makes that rare. At least 16 MiB of overhead are always allowed.
    ///
    /// Unless it is set, the overhead is a quarter (at least 64 MiB) while the limit and the end of the device's memory are far away, and shrinks to nothing
    /// as they come near: memory is taken freely where there is plenty, and every byte can be had where there is not. Set it, to 0.05
    /// say, where other programs need the memory more than this one needs the time.
    #[must_use]
    pub fn overhead(mut self, share: f64) -> Self {
        self.overhead = Some(share);
        self
    }

    /// Sets how many free bytes are kept for later buffers. What is more goes back to the driver with the next operation that
    /// takes memory and does not find it in the thread's cache. By default everything is kept.
    #[must_use]
    pub fn retain(mut self, bytes: u64) -> Self {
        self.retain = Some(bytes);
        self
    }

    /// Sets for how long free memory is kept: above 0. A thread gives back what nobody has used for this time, after three times as
    /// long at the latest. By default there is no such thread, and free memory is kept until something else takes or trims it.
    #[must_use]
    pub fn retain_for(mut self, time: Duration) -> Self {
        self.retain_for = Some(time);
        self
    }

    /// Sets a function that is called when an allocation would fail, because of the limit or because the device has no room. It may
    /// free something: the allocation is tried once more afterwards. It runs on the thread that asked for memory; an
    /// allocation that it makes itself does not call it again, and one in the destructor of a thread-local value may not call it. The function lives as long as the device: what it frees it should hold
    /// weakly, since a buffer keeps its device open.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    /// use std::sync::{Arc, Mutex};
    ///
    /// // Tiles that can be made again.
    /// let cache: Arc<Mutex<Vec<Buffer<u8>>>> = Arc::default();
    /// let evict = Arc::downgrade(&cache);
    /// let device = Device::builder()
    ///     .memory_limit(8 << 20)
    ///     .on_pressure(move |_| if let Some(cache) = evict.upgrade() { cache.lock().unwrap().clear() })
    ///     .host()?;
    /// for _ in 0..8 {
    ///     let tile = Buffer::with_capacity(&device, "tile", 1 << 20)?;
    ///     cache.lock().unwrap().push(tile);
    /// }
    /// let _mesh: Buffer<u8> = Buffer::with_capacity(&device, "mesh", 6 << 20)?;
    /// assert!(cache.lock().unwrap().is_empty());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn on_pressure(mut self, callback: impl Fn(&Pressure) + Send + Sync + 'static) -> Self {
        self.on_pressure = Some(Callback(Arc::new(callback)));
        self
    }

    /// Opens the host with these settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] for a setting that cannot work, such as a limit of 0.
    pub fn host(self) -> Result<Device<Host>, Error> {
        self.check()?;
        #[cfg(feature = "testing")]
        let backend = Host::for_tests(self.faults.clone(), self.bus.clone());
        #[cfg(not(feature = "testing"))]
        let backend = Host::open();
        Device::open(backend, self)
    }

    /// Lets calls to the host backend fail as `faults` says. Has no effect on other backends.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn faults(mut self, faults: &crate::testing::Faults) -> Self {
        self.faults = Some(faults.clone());
        self
    }

    /// Lets transfers of the host backend take as long as `bus` says. Has no effect on other backends.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn slow_bus(mut self, bus: &crate::testing::SlowBus) -> Self {
        self.bus = Some(bus.clone());
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse =
            |key, value: String, rule| Err(Error::InvalidSpec { what: "device".into(), key, value, rule });
        match self {
            Self { memory_limit: Some(0), .. } => {
                refuse("memory_limit", "0".into(), "it must be at least one byte")
            }
            Self { retain_for: Some(Duration::ZERO), .. } => {
                refuse("retain_for", "0".into(), "it must be a time; `retain(0)` keeps nothing")
            }
            Self { overhead: Some(overhead), .. } if !(overhead.is_finite() && *overhead >= 0.0) => {
                refuse("overhead", overhead.to_string(), "it must be finite and not negative")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{Async, Buffer};
    use std::time::Instant;

    #[test]
    fn a_device_ends_whatever_was_in_flight() {
        for round in 0..50 {
            let device = Device::host();
            let state = Arc::downgrade(device.state());
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
            while state.strong_count() > 0 {
                assert!(began.elapsed() < Duration::from_secs(20), "round {round}: the device never ended");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn a_forgotten_ticket_keeps_nothing_once_it_is_abandoned() {
        let device = Device::host();
        let state = Arc::downgrade(device.state());
        let buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap();
        std::mem::forget(buffer.start_download().unwrap());
        device.synchronize().unwrap();
        buffer.abandon_downloads();
        drop(buffer);
        device.close().unwrap();
        assert_eq!(state.strong_count(), 0);
    }
}
