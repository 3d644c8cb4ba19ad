//! Devices: the handle to one, and its settings.
//!
//! [`Device`] is a handle. Each buffer holds one, so a device stays open as long as a buffer lives on it. The
//! handles share the [`DeviceState`], which transfers and guards can keep alive for longer; the module
//! comment of `memory` says how a device ends. `builder` (the settings, and the host) and `cuda` (the cards)
//! open devices, and `leaks` has the checks and the end of a device; they know this file, and it does not
//! know them.

mod auto;
mod builder;
#[cfg(feature = "cuda")]
mod cuda;
mod leaks;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "cuda"))]
mod without_cuda;

pub use self::auto::AnyDevice;
pub use self::builder::DeviceBuilder;
pub use self::leaks::LeakScope;

use crate::backend::{Backend, Host, MemoryInfo};
use crate::error::Error;
use crate::ledger::DeviceStats;
use crate::memory::{DeviceState, MemoryReport, Pool, Settings, Stream};
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Weak};

/// A device that buffers live on: the host itself, or a CUDA card.
///
/// A `Device` is a handle: cloning it is cheap, and all clones share one memory, one limit and one compute
/// stream. It may be used from any thread. The device stays open until the last handle, buffer and transfer
/// is gone.
///
/// A buffer keeps its device open, so a device may be dropped before its buffers. Tickets and guards of
/// downloads may outlive it too, but then the device cannot give its memory back. So where the last handle,
/// buffer or set is dropped and the application still has such tickets or guards, they are logged once at
/// error level, with the lines that made them.
///
/// Dropping the last of them does not wait for the device's work. If work still runs, a background thread
/// waits for it and then gives the memory back. A CUDA device always ends on such a thread, since its driver
/// may wait for kernels of other devices too. Call [`Device::close`] before a CUDA program ends, so that the
/// thread is not cut off.
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let squares = Buffer::from_slice(&device, "squares", &[1_u64, 4, 9])?;
/// assert_eq!(device.stats().live_bytes, 24);
/// drop(squares);
/// device.check_leaks()?;
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct Device<B: Backend = Host> {
    handle: Arc<Handle<B>>,
}

/// The shared part of all handles. It lives as long as the application can queue work: each device, buffer
/// and set has one.
struct Handle<B: Backend> {
    state: ManuallyDrop<Arc<DeviceState<B>>>,
}

/// A reference that keeps no device open.
pub(crate) struct WeakDevice<B: Backend>(Weak<Handle<B>>);

impl<B: Backend> WeakDevice<B> {
    /// The device, unless it was closed or its last handle was dropped.
    pub(crate) fn upgrade(&self) -> Option<Device<B>> {
        Some(Device { handle: self.0.upgrade()? })
    }
}

impl<B: Backend> Handle<B> {
    /// Ends the device on the calling thread, which has the last handle and waits for the end.
    fn close(self) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the device state is taken out once (Rust's contract).
        unsafe { ManuallyDrop::take(&mut this.state) }.close();
    }
}

impl<B: Backend> Drop for Handle<B> {
    fn drop(&mut self) {
        // SAFETY: `drop` runs once, and nothing reads the field after it (Rust's contract).
        let state = unsafe { ManuallyDrop::take(&mut self.state) };
        state.log_held();
        state.finish();
    }
}

impl<B: Backend> Device<B> {
    pub(crate) fn open(backend: B, settings: Settings) -> Result<Self, Error> {
        let state = DeviceState::new(backend, settings).map_err(Error::from_opening)?;
        Ok(Self { handle: Arc::new(Handle { state: ManuallyDrop::new(state) }) })
    }

    pub(crate) fn state(&self) -> &Arc<DeviceState<B>> {
        &self.handle.state
    }

    pub(crate) fn downgrade(&self) -> WeakDevice<B> {
        WeakDevice(Arc::downgrade(&self.handle))
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }

    /// The device's name, as reported by its driver.
    ///
    /// ```
    /// # use gpumem::Device;
    /// assert_eq!(Device::host().name(), "host"); // on a card: its model
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.state().backend.device_name()
    }

    /// The compute stream. It runs all operations on buffers, and the kernels that are launched on it, in the
    /// order of the calls.
    ///
    /// ```
    /// use gpumem::Device;
    /// use std::sync::mpsc;
    ///
    /// let device = Device::host();
    /// let (send, done) = mpsc::channel();
    /// device.launch((), move |()| send.send("done").unwrap())?; // queued on the compute stream
    /// device.synchronize_stream(device.stream())?; // waits for that stream alone
    /// assert_eq!(done.try_recv(), Ok("done"));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn stream(&self) -> &Stream<B> {
        self.state().lanes.compute.stream()
    }

    /// Opens a stream of the application's own, for work beside the compute stream; see [`Stream`].
    ///
    /// The stream stays usable as long as it lives, and keeps the device from being [closed](Device::close).
    /// Dropping it does not wait for the work that is queued on it.
    ///
    /// ```
    /// use gpumem::Device;
    /// use std::sync::mpsc;
    ///
    /// let device = Device::host();
    /// let own = device.create_stream()?;
    /// let (finish, wait) = mpsc::channel::<()>();
    /// device.launch((), move |()| _ = wait.recv())?; // keeps the compute stream busy
    /// let (send, done) = mpsc::channel();
    /// device.launch_on(&own, (), move |()| send.send("done").unwrap())?;
    /// assert_eq!(done.recv(), Ok("done")); // while the first kernel still runs
    /// drop(finish);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::CallRefused`] when the driver refuses a further stream, and [`Error::DeviceFailed`] when it
    /// has failed.
    #[track_caller]
    pub fn create_stream(&self) -> Result<Stream<B>, Error> {
        Ok(self.state().create_stream()?)
    }

    /// Blocks the calling thread until all work that is queued on `stream`, a stream of this device, is done.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    /// use std::sync::mpsc;
    ///
    /// let device = Device::host();
    /// let statistics = device.create_stream()?;
    /// let heights = Buffer::from_slice(&device, "heights", &[3_u32, 1, 2])?;
    /// let (send, highest) = mpsc::channel();
    /// device.launch_on(&statistics, (&heights,), move |(heights,)| {
    ///     send.send(heights.iter().max().copied()).unwrap();
    /// })?;
    /// device.synchronize_stream(&statistics)?;
    /// assert_eq!(highest.try_recv(), Ok(Some(3)));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a stream of another device, [`Error::DeviceFailed`] when the device
    /// has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn synchronize_stream(&self, stream: &Stream<B>) -> Result<(), Error> {
        if !self.state().owns(stream) {
            let place = "lives on another device".into();
            let other = format!("device `{}` was asked to wait for it", self.name());
            return Err(Error::DifferentDevices { buffer: None, place, other });
        }
        Ok(self.state().wait_for(stream)?)
    }

    /// The total and the free memory of the device, as reported by its driver.
    ///
    /// ```
    /// use gpumem::Device;
    ///
    /// let free = Device::host().memory_info()?.free;
    /// let limit = free.map_or(1 << 30, |free| free / 2); // not every platform tells it
    /// let device = Device::builder().memory_limit(limit).host()?;
    /// assert_eq!(device.memory_limit(), limit);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the driver does not answer.
    pub fn memory_info(&self) -> Result<MemoryInfo, Error> {
        Ok(self.state().backend.memory_info()?)
    }

    /// The most bytes that the buffers of this device may hold together; see [`DeviceBuilder::memory_limit`].
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::builder().memory_limit(1_000).host()?;
    /// let cells = Buffer::<u8>::with_capacity(&device, "cells", 600)?;
    /// assert_eq!(device.memory_limit() - device.stats().live_bytes, 400);
    /// let more = Buffer::<u8>::with_capacity(&device, "more", 401);
    /// assert!(matches!(more, Err(Error::DeviceLimit { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn memory_limit(&self) -> u64 {
        self.state().pool.budget().limit()
    }

    /// Blocks the calling thread until all work that is queued now is done: the compute stream, all
    /// transfers, and the uses of dropped buffers on streams of the application's own.
    /// [`Device::synchronize_stream`] waits for all work of one such stream.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let frame = Buffer::from_slice(&device, "frame", &[1, 2, 3])?.into_async();
    /// let ticket = frame.start_download()?;
    /// device.synchronize()?;
    /// assert!(ticket.is_ready()?);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.state().synchronize()
    }

    /// Memory that the device holds, and counts of its operations.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// cells.download()?;
    /// let stats = device.stats();
    /// assert_eq!((stats.live_buffers, stats.live_bytes), (1, 12));
    /// assert_eq!((stats.uploaded_bytes, stats.downloaded_bytes), (12, 12));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> DeviceStats {
        self.state().stats()
    }

    /// Sets the peaks in [`Device::stats`] to the present figures, to measure a phase of the program. Peaks
    /// of sets and buffers stay.
    ///
    /// It changes nothing about the memory that the device holds. Until the next peak, each request that
    /// raises it looks into the caches of all threads, as in a program that has just begun.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// drop(Buffer::<u8>::with_capacity(&device, "loading", 5_000)?);
    /// let _kept = Buffer::<u8>::with_capacity(&device, "kept", 1_000)?;
    /// assert_eq!(device.stats().peak_bytes, 5_000);
    /// device.reset_peak();
    /// drop(Buffer::<u8>::with_capacity(&device, "frame", 700)?);
    /// assert_eq!(device.stats().peak_bytes, 1_700);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn reset_peak(&self) {
        self.state().reset_peak();
    }

    /// What happened on the device until now. `None` if the device does not record:
    /// [`DeviceBuilder::timeline`] and [`DeviceBuilder::dump_on_oom`] make it record.
    ///
    /// The call copies the events, and waits for nothing. Other threads go on meanwhile.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::builder().timeline(1_000).host()?;
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// assert!(device.timeline().is_some_and(|timeline| timeline.events() > 0));
    /// assert!(Device::host().timeline().is_none());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[cfg(feature = "timeline")]
    #[must_use]
    pub fn timeline(&self) -> Option<crate::Timeline> {
        self.state().timeline()
    }

    /// Gives memory back to the driver that no buffer uses, until at most `retain` bytes of it are retained.
    /// Returns the bytes that went back.
    ///
    /// Memory of dropped buffers is retained for the next ones, since taking memory from the driver costs
    /// tens of microseconds. Call this when a phase of the program that needed much memory is over, or when
    /// another process needs the memory. The call waits for the device's work. With `retain` at 0 pinned
    /// memory that no transfer uses goes back as well, and dropped modules of kernels are unloaded; a CUDA
    /// driver then waits for kernels of other devices of the process too. Memory goes back in whole pieces of
    /// 2 MiB and more, so a small buffer can keep the piece that it lies in.
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
    #[doc(alias = "free")]
    pub fn trim(&self, retain: u64) -> Result<u64, Error> {
        self.state().trim(retain)
    }

    /// Joins free pieces that lie side by side, and gives all wholly free pieces back to the driver. Returns
    /// the layout of the memory before and after.
    ///
    /// No buffer moves, so all addresses stay the same. The call waits for the device's work.
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

    /// The pool without buffers, for benchmarks.
    #[doc(hidden)]
    #[must_use]
    pub fn __pool(&self) -> Pool<'_, B> {
        Pool::new(self.state())
    }

    /// Checks the bookkeeping of the device against itself. No operation may be under way.
    ///
    /// # Panics
    ///
    /// When the bookkeeping is wrong.
    #[cfg(all(debug_assertions, feature = "testing"))]
    #[doc(hidden)]
    pub fn __audit(&self) {
        self.state().audit();
    }

    /// Whether the device has virtual memory, so that buffers above about 1 MiB grow in place, without a
    /// copy. Without it growth allocates, copies and frees, with the same results.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("table").stable();
    /// // Without virtual memory a stable buffer needs a `max`, and the device takes all of it at once.
    /// let spec = if device.has_virtual_memory() { spec } else { spec.max(64 << 20) };
    /// let table = Buffer::<u32>::with_capacity(&device, spec, 1_000)?;
    /// assert_eq!(table.capacity(), 1_000);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn has_virtual_memory(&self) -> bool {
        self.state().backend.granularity().is_some()
    }
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

#[cfg(test)]
mod tests {
    use crate::{Async, Buffer, Device, Host};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    #[test]
    fn a_device_ends_whatever_was_in_flight() {
        for round in 0..50 {
            let device = Device::host();
            let state = Arc::downgrade(device.state());
            let buffers: Vec<Buffer<u32, Host, Async>> = (0..8)
                .map(|_| Buffer::from_slice(&device, "buffer", &vec![round; 10_000]).unwrap().into_async())
                .collect();
            drop(device);
            // The transfers come to the lane in any order, and the last of them ends the device.
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
        let buffer: Buffer<u32, Host, Async> =
            Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap().into_async();
        std::mem::forget(buffer.start_download().unwrap());
        device.synchronize().unwrap();
        buffer.abandon_downloads();
        drop(buffer);
        device.close().unwrap();
        assert_eq!(state.strong_count(), 0);
    }
}
