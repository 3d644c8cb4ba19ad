//! Typed kernels: the part of a `#[kernels]` module that is not generated.
//!
//! A module has a [`Source`]: the PTX, if there is one, and an [`Entry`] per kernel. [`KernelSet`] is a
//! source that was loaded onto a device. Its [`launch`](KernelSet::launch) does for all backends what
//! [`Device::launch`](crate::Device::launch) does for closures on the host; then the backend queues the body
//! of the kernel, or the entry of the PTX with the addresses of the buffers and the values.
//!
//! Loaded kernels keep no device open, as a module of kernels keeps none. So a set has a weak reference, and
//! each launch takes a handle of the device for as long as it takes.

use super::arg::{KernelArg, KernelArgs, queue_with};
use super::backend::{KernelBackend, KernelCall};
use super::launch::IntoLaunch;
use super::source::{Entry, Source, Value};
use crate::device::{Device, WeakDevice};
use crate::error::Error;
use std::fmt;
use std::panic::Location;

/// The length of a slice, for the conditions of a kernel, which are written over slices.
#[derive(Clone, Copy, Debug)]
pub struct Length(usize);

impl Length {
    /// The length of an argument.
    pub fn of<B: KernelBackend>(arg: &impl KernelArg<B>) -> Self {
        Self(arg.__elements())
    }

    /// The number of elements.
    #[must_use]
    pub fn len(self) -> usize {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The kernels of a [`Source`] on a device.
pub struct KernelSet<B: KernelBackend> {
    device: WeakDevice<B>,
    source: &'static Source,
    loaded: B::Loaded,
}

impl<B: KernelBackend> KernelSet<B> {
    /// Loads the kernels onto a device.
    ///
    /// # Errors
    ///
    /// Those of `Device::load_ptx` on a card, and [`Error::KernelRefused`] for a kernel that the backend does
    /// not have.
    #[track_caller]
    pub fn load(device: &Device<B>, source: &'static Source) -> Result<Self, Error> {
        let loaded = B::__load(device, source, Location::caller())?;
        Ok(Self { device: device.downgrade(), source, loaded })
    }

    /// The error for arguments that do not meet a condition of the kernel.
    #[cold]
    #[must_use]
    pub fn refused(&self, index: usize, condition: &str) -> Error {
        let name = self.source.entries[index].name;
        self.source.refused::<B>(format_args!("`{name}` requires `{condition}`, which does not hold"))
    }

    /// Queues the kernel with this number.
    ///
    /// # Errors
    ///
    /// Those of [`Device::launch_on`], and [`Error::KernelRefused`] for a launch that the device or the
    /// kernel cannot do. Nothing is queued then.
    #[track_caller]
    pub fn launch<A, F>(
        &self,
        index: usize,
        launch: &impl IntoLaunch<B>,
        args: A,
        values: &[Value<'_>],
        body: F,
    ) -> Result<(), Error>
    where
        A: KernelArgs<B>,
        F: for<'a> FnOnce(A::Slices<'a>) + Send + 'static,
    {
        let (launched_at, (launch, stream)) = (Location::caller(), launch.parts());
        let entry = &self.source.entries[index];
        let device = self.device.upgrade().ok_or_else(|| {
            self.source.refused::<B>(format_args!("the device of `{}` is closed", entry.name))
        })?;
        let state = device.state();
        state.backend.check_failure()?;
        if stream.is_some_and(|stream| !state.owns(stream)) {
            return Err(foreign(&device, entry));
        }
        if launch.is_empty() {
            return Ok(());
        }
        queue_with(&device, stream, (entry.name, launched_at), args, |stream, lent| {
            let call = KernelCall { index, entry, launch, lent: lent.as_ref(), values, launched_at };
            let job = move || {
                // SAFETY: as `KernelArgs::slices` asks, the job runs once, on the stream that `lend` was
                // given, of the device that every argument lives on. Only the host runs it (rules 1 and 2).
                body(unsafe { A::slices(lent) });
            };
            // SAFETY: `queue_with` made the stream wait, and notes the uses afterwards; on the compute stream
            // all later work comes after the kernel (rules 1 and 2).
            unsafe { B::__queue(&device, &self.loaded, stream, call, job) }
        })
    }
}

#[cold]
fn foreign<B: KernelBackend>(device: &Device<B>, entry: &Entry) -> Error {
    let other = format!("the kernel `{}` is loaded on device `{}`", entry.name, device.name());
    Error::DifferentDevices { buffer: None, place: "is of another device".into(), other }
}

impl<B: KernelBackend> fmt::Debug for KernelSet<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.source.entries.iter().map(|entry| entry.name);
        f.debug_struct(self.source.module)
            .field("kernels", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
