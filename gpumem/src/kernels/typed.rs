//! Typed kernels: the part of a `#[kernels]` module that is not generated.
//!
//! A module has a [`Source`]: the PTX, if there is one, and an [`Entry`] per kernel. [`KernelSet`] is a source
//! that was loaded onto a device. Its [`launch`](KernelSet::launch) does for all backends what
//! [`Device::launch`](crate::Device::launch) does for closures on the host; then the backend queues the body
//! of the kernel, or the entry of the PTX with the addresses of the buffers and the values.
//!
//! Loaded kernels keep no device open, as a module of kernels keeps none. So a set has a weak reference, and
//! each launch takes a handle of the device for as long as it takes.

use super::arg::{KernelArg, KernelArgs};
use super::backend::{Call, KernelBackend};
use super::launch::IntoLaunch;
use crate::backend::Backend;
use crate::device::{Device, WeakDevice};
use crate::error::Error;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

/// The kernels of a module, as the macro found them.
#[derive(Debug)]
pub struct Source {
    pub(super) module: &'static str,
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    pub(super) ptx: Option<&'static str>,
    pub(super) entries: &'static [Entry],
}

/// A kernel.
#[derive(Debug)]
pub struct Entry {
    /// Its name in the PTX and in the module.
    pub name: &'static str,
    /// Whether it runs on the host.
    pub has_body: bool,
    /// The threads that a block must have on a card, if the PTX says so.
    pub block: Option<(u32, u32, u32)>,
    /// The parameters in the PTX, in their order.
    pub slots: &'static [Slot],
}

/// The origin of a parameter in the PTX. The number counts the slices, or the other parameters.
#[derive(Clone, Copy, Debug)]
pub enum Slot {
    /// The address of a slice.
    Slice(usize),
    /// The length of a slice, as a `u32`.
    Length32(usize),
    /// The length of a slice, as a `u64`.
    Length64(usize),
    /// A value.
    Value(usize),
}

impl Source {
    /// Kernels for the host alone.
    #[must_use]
    pub const fn host(module: &'static str, entries: &'static [Entry]) -> Self {
        Self { module, ptx: None, entries }
    }

    /// Kernels with PTX.
    ///
    /// # Safety
    ///
    /// For each entry, the PTX has a kernel of this name with these parameters. For any size of the launch,
    /// any slices and any values that the checks of the module let through, it touches no memory but the
    /// elements of its slices, writes none of its shared slices, and leaves elements that are values of their
    /// type (rules 1, 2 and 5).
    #[must_use]
    pub const unsafe fn ptx(module: &'static str, ptx: &'static str, entries: &'static [Entry]) -> Self {
        Self { module, ptx: Some(ptx), entries }
    }

    pub(super) fn refused<B: Backend>(&self, reason: fmt::Arguments<'_>) -> Error {
        Error::KernelRefused { backend: B::NAME, reason: format!("`{}`: {reason}", self.module) }
    }
}

/// A type that a kernel takes by value: plain data (`bytemuck::NoUninit`), such as a number, or a struct of
/// numbers without padding.
#[diagnostic::on_unimplemented(
    message = "a kernel cannot take `{Self}` by value",
    label = "not plain data (`bytemuck::NoUninit`)",
    note = "for a struct of your own, write `#[derive(Clone, Copy, bytemuck::NoUninit)]` (or `Pod`) and `#[repr(C)]` on it",
    note = "a kernel knows no references, strings or tuples: a buffer is passed as a slice, `&[T]` or `&mut [T]`"
)]
pub trait KernelValue: bytemuck::NoUninit + Send {}

#[diagnostic::do_not_recommend]
impl<T: bytemuck::NoUninit + Send> KernelValue for T {}

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

/// A parameter of a kernel that is no slice.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    pub(super) address: *const c_void,
    value: PhantomData<&'a ()>,
}

impl<'a> Value<'a> {
    /// Any plain value: the driver copies its bytes.
    pub fn of<T: KernelValue>(value: &'a T) -> Self {
        Self { address: std::ptr::from_ref(value).cast(), value: PhantomData }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value")
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
    /// Those of [`Device::launch_on`], and [`Error::KernelRefused`] for a launch that the device or the kernel
    /// cannot do. Nothing is queued then.
    #[track_caller]
    pub fn launch<A, F>(
        &self,
        index: usize,
        launch: &impl IntoLaunch<B>,
        mut args: A,
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
        let lent = args.lend(&device, stream)?;
        let call = Call { index, entry, launch, lent: lent.as_ref(), values, launched_at };
        let job = move || {
            // SAFETY: as `KernelArgs::slices` asks, the job runs once, on the stream that `lend` was given,
            // of the device that every argument lives on. Only the host runs it (rules 1 and 2).
            body(unsafe { A::slices(lent) });
        };
        let on = stream.unwrap_or_else(|| state.lanes.compute.stream());
        // SAFETY: `lend` made the stream wait, and its uses are noted below; on the compute stream all later
        // work comes after the kernel (rules 1 and 2).
        unsafe { B::__queue(&device, &self.loaded, on, call, job)? };
        // If this fails, the buffers concerned are marked as in use for good.
        stream.map_or(Ok(()), |stream| args.used_on(stream))
    }
}

#[cold]
fn foreign<B: Backend>(device: &Device<B>, entry: &Entry) -> Error {
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
