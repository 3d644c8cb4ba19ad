//! The settings of a device, and how the host is opened with them.

use super::Device;
use crate::backend::{Backend, Host};
use crate::error::Error;
use crate::memory::{Pressure, PressureCallback, Settings};
use crate::timeline::{Recorder, Wanted};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

impl Device<Host> {
    /// Opens the host as a device, with the default limits. No thread is started before the first transfer.
    ///
    /// Each call opens another device, with its own limit, stream and ledger.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let (device, other) = (Device::host(), Device::host());
    /// let primes = Buffer::from_slice(&device, "primes", &[2, 3, 5, 7])?;
    /// assert_eq!(primes.download()?, [2, 3, 5, 7]);
    /// assert_eq!((device.stats().live_buffers, other.stats().live_buffers), (1, 0));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn host() -> Self {
        DeviceBuilder::default()
            .open(Host::open())
            .unwrap_or_else(|_| unreachable!("the host's default device needs nothing"))
    }

    /// Settings for a device that is to be opened, on any backend.
    ///
    /// ```
    /// use gpumem::Device;
    ///
    /// let settings = Device::builder().memory_limit(1 << 30).retain(64 << 20);
    /// let device = settings.host()?; // or `settings.cuda(0)?`
    /// assert_eq!(device.memory_limit(), 1 << 30);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn builder() -> DeviceBuilder {
        DeviceBuilder::default()
    }
}

/// Settings of a device; made by [`Device::builder`].
///
/// ```
/// use gpumem::{Buffer, Device, Error};
///
/// let device = Device::builder().memory_limit(1 << 20).host()?;
/// let mut cells = Buffer::<u32>::new(&device, "cells")?;
/// assert!(matches!(cells.resize(1 << 20), Err(Error::DeviceLimit { limit: 0x10_0000, .. })));
/// assert_eq!(cells.len(), 0);
/// # Ok::<(), Error>(())
/// ```
#[doc(alias = "pool")]
#[derive(Clone, Debug, Default)]
pub struct DeviceBuilder {
    memory_limit: Option<u64>,
    overhead: Option<f64>,
    retain: Option<u64>,
    retain_for: Option<Duration>,
    on_pressure: Option<Callback>,
    capture_backtraces: bool,
    wanted: Wanted,
    #[cfg(feature = "testing")]
    faults: Option<crate::testing::Faults>,
    #[cfg(feature = "testing")]
    bus: Option<crate::testing::SlowBus>,
}

/// A callback with a `Debug`, for the builder's.
#[derive(Clone)]
struct Callback(PressureCallback);

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a function)")
    }
}

impl DeviceBuilder {
    /// Limits the bytes that all buffers of the device hold together. The limit must be above 0.
    ///
    /// The default is 90 % of the memory that is free when the device is opened; on the host, 90 % of
    /// physical memory. The limit is exact, however many threads ask at once. The memory of a dropped buffer
    /// counts as long as a download still reads it; an allocation that needs that memory waits for the
    /// download.
    ///
    /// The memory that is held from the driver exceeds the limit by memory that cannot be given back while
    /// buffers live. Buffers of more than 1 MiB are rounded up to whole pieces of 2 MiB, and may together be
    /// larger by a fortieth of the limit (at least 16 MiB). A smaller buffer can keep the slab that it lies
    /// in from going back: 2 MiB, or a thirty-second part of all slabs together, up to 32 MiB. So a program
    /// that fills the limit with small buffers, drops most of them in no order and then asks for large ones
    /// can hold twice the limit and more: a card cannot map smaller pieces of memory, and no buffer is moved
    /// without the program's call. [`DeviceStats::held_bytes`](crate::DeviceStats::held_bytes) shows the
    /// memory that is held.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::builder().memory_limit(1_000).host()?;
    /// let first = Buffer::<u8>::with_capacity(&device, "first", 800)?;
    /// let refused = Buffer::<u8>::with_capacity(&device, "second", 300);
    /// assert!(matches!(refused, Err(Error::DeviceLimit { requested: 300, used: 800, limit: 1_000, .. })));
    ///
    /// drop(first);
    /// let second = Buffer::<u8>::with_capacity(&device, "second", 300)?; // there is room now
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Sets how much memory may be held above the most that was ever live at a time, as a share of that. The
    /// share must be finite and not negative.
    ///
    /// Buffers of many sizes leave gaps that do not fit the next buffers. Up to the overhead, new memory is
    /// taken for such a buffer. Beyond it the buffer's memory is assembled from free pieces, which are taken
    /// apart and mapped side by side; that costs some 35 to 100 µs each time on a card. A larger overhead
    /// makes it rare. At least 16 MiB of overhead are always allowed.
    ///
    /// Unless it is set, the overhead is a quarter (at least 64 MiB) while the limit and the end of the
    /// device's memory are far away, and shrinks to nothing as they come near: memory is taken freely while
    /// there is plenty, and every byte is available when there is not. Set it, for instance to 0.05, if other
    /// programs need the memory more than this one needs the time.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::builder().overhead(0.05).host()?;
    /// for mib in (2..40).step_by(2) {
    ///     drop(Buffer::<u8>::with_capacity(&device, "scratch", mib << 20)?); // larger than all before
    /// }
    /// let stats = device.stats();
    /// assert_eq!(stats.peak_bytes, 38 << 20);
    /// assert!(stats.held_bytes <= stats.peak_bytes + (16 << 20)); // 16 MiB are always allowed
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn overhead(mut self, share: f64) -> Self {
        self.overhead = Some(share);
        self
    }

    /// Sets how many free bytes are retained for later buffers. More than that goes back to the driver in
    /// the next operation that takes memory and does not find it in the thread's cache. By default all free
    /// memory is retained.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::builder().retain(0).host()?;
    /// drop(Buffer::<u8>::with_capacity(&device, "scratch", 64 << 20)?);
    /// assert_eq!(device.stats().retained_bytes, 64 << 20); // a drop gives nothing back
    /// let next = Buffer::<u8>::with_capacity(&device, "next", 2 << 20)?; // takes memory
    /// assert_eq!(device.stats().retained_bytes, 0);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn retain(mut self, bytes: u64) -> Self {
        self.retain = Some(bytes);
        self
    }

    /// Sets for how long free memory is retained. The time must be above 0. A background thread gives memory
    /// back that was idle for this time, within three times as long. By default there is no such thread, and
    /// free memory is retained until a buffer takes it or [`Device::trim`] gives it back.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    /// use std::{thread, time::Duration};
    ///
    /// let device = Device::builder().retain_for(Duration::from_millis(20)).host()?;
    /// drop(Buffer::<u8>::with_capacity(&device, "scratch", 64 << 20)?);
    /// while device.stats().held_bytes > 0 {
    ///     thread::sleep(Duration::from_millis(5)); // the background thread gives it back meanwhile
    /// }
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn retain_for(mut self, time: Duration) -> Self {
        self.retain_for = Some(time);
        self
    }

    /// Sets a function that is called when an allocation would fail, because of the limit or because the
    /// device has no memory left. It may free memory: the allocation is tried once more afterwards.
    ///
    /// It runs on the thread that asked for memory. An allocation that it makes itself does not call it
    /// again, and one in the destructor of a thread-local value may not call it. The function lives as long
    /// as the device, and a buffer keeps its device open; so it should hold the buffers that it can free by
    /// weak references.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    /// use std::sync::{Arc, Mutex};
    ///
    /// // Tiles, which the program can make again.
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
    /// let _mesh = Buffer::<u8>::with_capacity(&device, "mesh", 6 << 20)?;
    /// assert!(cache.lock().unwrap().is_empty());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn on_pressure(mut self, callback: impl Fn(&Pressure) + Send + Sync + 'static) -> Self {
        self.on_pressure = Some(Callback(Arc::new(callback)));
        self
    }

    /// Sets whether each buffer, ticket, guard, stage and stream notes the calls that led to its making, for
    /// [`Held::backtrace`](crate::Held::backtrace) in a leak report. Each then takes tens of microseconds
    /// more to make, and some kilobytes. By default they note the line of the call alone.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::builder().capture_backtraces(true).host()?;
    /// let kept = Buffer::from_slice(&device, "kept", &[1_u32, 2, 3])?;
    /// let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("`kept` is alive") };
    /// println!("{report}\n{}", report.held()[0].backtrace().expect("it was captured"));
    /// # drop(kept);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn capture_backtraces(mut self, capture: bool) -> Self {
        self.capture_backtraces = capture;
        self
    }

    /// Records what happens on the device, for [`Device::timeline`]: at least the last `events` events, of 64
    /// bytes each. The number must be between 1 and 2²⁶.
    ///
    /// Threads record without a lock. An event takes about 80 ns where reading the clock takes 45; a buffer
    /// that is made and dropped has two, a transfer two, a launch one.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::builder().timeline(100_000).host()?; // 8 MiB: rounded up to a power of two
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// let timeline = device.timeline().expect("the device records");
    /// # let path = std::env::temp_dir().join(format!("gpumem-{}.html", std::process::id()));
    /// timeline.write_to(&path)?; // a page for a browser
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "timeline")]
    #[must_use]
    pub fn timeline(mut self, events: usize) -> Self {
        self.wanted.records = Some(events);
        self
    }

    /// Writes the timeline to a file when a request for memory first fails with [`Error::OutOfMemory`],
    /// [`Error::DeviceLimit`] or [`Error::SetLimit`]. The extension says how, as for
    /// [`Timeline::write_to`](crate::Timeline::write_to).
    ///
    /// The thread whose request fails writes the file before the request returns, once in the life of the
    /// device, whether that succeeds or not. A file that cannot be written is logged, as is the path of one
    /// that was. Without [`timeline`](Self::timeline) the device records its last 65,536 events.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let path = std::env::temp_dir().join(format!("gpumem-oom-{}.html", std::process::id()));
    /// let device = Device::builder().memory_limit(1_000).dump_on_oom(&path).host()?;
    /// let first = Buffer::<u8>::with_capacity(&device, "first", 800)?;
    /// let refused = Buffer::<u8>::with_capacity(&device, "second", 300);
    /// assert!(matches!(refused, Err(Error::DeviceLimit { .. })));
    /// assert!(path.exists()); // the page shows `first`, and what was asked for
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    #[cfg(feature = "timeline")]
    #[must_use]
    pub fn dump_on_oom(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.wanted.dump_on_oom = Some(path.into());
        self
    }

    /// Opens the host with these settings.
    ///
    /// ```
    /// use gpumem::{Device, Error};
    ///
    /// let device = Device::builder().memory_limit(1 << 30).host()?;
    /// assert_eq!(device.name(), "host");
    /// let refused = Device::builder().memory_limit(0).host();
    /// assert!(matches!(refused, Err(Error::InvalidSpec { key: "memory_limit", .. })));
    /// # Ok::<(), Error>(())
    /// ```
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
        self.open(backend)
    }

    /// Makes calls to the host backend fail as `faults` says. Has no effect on other backends.
    ///
    /// ```
    /// use gpumem::testing::Faults;
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let faults = Faults::new();
    /// let device = Device::builder().faults(&faults).host()?;
    /// faults.fail_at(0); // the next call
    /// let cells = Buffer::<u32>::with_capacity(&device, "cells", 100);
    /// assert!(matches!(cells, Err(Error::OutOfMemory { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn faults(mut self, faults: &crate::testing::Faults) -> Self {
        self.faults = Some(faults.clone());
        self
    }

    /// Makes transfers of the host backend take as long as `bus` says. Has no effect on other backends.
    ///
    /// ```
    /// use gpumem::testing::SlowBus;
    /// use gpumem::{Buffer, Device};
    /// use std::time::{Duration, Instant};
    ///
    /// let bus = SlowBus::new(20_000); // bytes per second
    /// let device = Device::builder().slow_bus(&bus).host()?;
    /// let frame = Buffer::from_slice(&device, "frame", &[1_u8; 1_000])?;
    /// let began = Instant::now();
    /// assert_eq!(frame.download()?, [1; 1_000]);
    /// assert!(began.elapsed() >= Duration::from_millis(50));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn slow_bus(mut self, bus: &crate::testing::SlowBus) -> Self {
        self.bus = Some(bus.clone());
        self
    }

    /// Opens a backend with these settings, which were [checked](Self::check).
    pub(super) fn open<B: Backend>(self, backend: B) -> Result<Device<B>, Error> {
        let limit = match self.memory_limit {
            Some(limit) => limit,
            None => default_limit(&backend)?,
        };
        let default = Settings::new(limit);
        let settings = Settings {
            overhead: self.overhead,
            retain: self.retain.unwrap_or(default.retain),
            retain_for: self.retain_for,
            on_pressure: self.on_pressure.map(|callback| callback.0),
            capture_backtraces: self.capture_backtraces,
            recorder: Recorder::new(self.wanted),
            ..default
        };
        Device::open(backend, settings)
    }

    /// Refuses settings that cannot work.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse =
            |key, value: String, rule| Err(Error::InvalidSpec { what: "device".into(), key, value, rule });
        match self {
            Self { memory_limit: Some(0), .. } => {
                refuse("memory_limit", "0".into(), "it must be at least one byte")
            }
            Self { retain_for: Some(Duration::ZERO), .. } => {
                refuse("retain_for", "0".into(), "it must be a time; `retain(0)` retains nothing")
            }
            Self { overhead: Some(overhead), .. } if !(overhead.is_finite() && *overhead >= 0.0) => {
                refuse("overhead", overhead.to_string(), "it must be finite and not negative")
            }
            _ => match self.wanted.mistake() {
                Some((key, value, rule)) => refuse(key, value, rule),
                None => Ok(()),
            },
        }
    }
}

/// Nine tenths of the free memory; on the host, of all memory, since caches give way there and free memory
/// says little.
fn default_limit<B: Backend>(backend: &B) -> Result<u64, Error> {
    let info = backend.memory_info().map_err(Error::from_opening)?;
    let base = if B::NAME == Host::NAME { info.total } else { info.free };
    Ok(base.map_or(u64::MAX, |bytes| bytes / 10 * 9))
}
