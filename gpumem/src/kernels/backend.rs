//! How a backend runs a kernel.

use super::launch::Launch;
use super::source::{Entry, Source, Value};
use crate::backend::{Backend, Host};
use crate::buffer::RawBuffer;
use crate::device::Device;
use crate::error::Error;
use crate::memory::Stream;
use std::panic::Location;

/// A backend that runs kernels: [`Host`] and, with the feature `cuda`, `Cuda`. Sealed.
///
/// Code that is generic over the backend and launches typed kernels has this bound. It includes
/// [`Backend`].
#[diagnostic::on_unimplemented(
    message = "the backend `{Self}` may not run kernels",
    note = "in generic code, write `B: gpumem::KernelBackend` in place of `B: gpumem::Backend`"
)]
pub trait KernelBackend: sealed::RunsKernels {}

/// The address of elements on their device and their number, for a kernel that is being queued.
#[derive(Clone, Copy, Debug)]
pub struct Lent {
    pub(super) start: *mut u8,
    /// The number of elements.
    pub(super) len: usize,
}

// SAFETY: the address is used by one kernel alone, in the order of its stream (rule 1); elements are `Send`
// and `Sync`.
unsafe impl Send for Lent {}

/// A kernel that is about to be queued.
#[cfg_attr(not(feature = "cuda"), allow(dead_code))] // The host runs the body.
#[derive(Debug)]
pub struct KernelCall<'a> {
    pub(super) index: usize,
    pub(super) entry: &'static Entry,
    pub(super) launch: Launch,
    pub(super) lent: &'a [Lent],
    pub(super) values: &'a [Value<'a>],
    pub(super) launched_at: &'static Location<'static>,
}

pub(super) mod sealed {
    use super::{Backend, Device, Error, KernelCall, Location, RawBuffer, Source, Stream};

    pub trait RunsKernels: Backend {
        /// The kernels of a source on a device.
        type Loaded: Send + Sync + 'static;

        /// The address of the byte `offset` of a buffer, as kernels see it.
        fn __address(raw: &RawBuffer<Self>, offset: usize) -> *mut u8;

        fn __load(
            device: &Device<Self>,
            source: &'static Source,
            loaded_at: &'static Location<'static>,
        ) -> Result<Self::Loaded, Error>;

        /// Queues a kernel on a stream of the device, on which all arguments are: `body` on the host, the
        /// entry of the PTX on a card.
        ///
        /// # Safety
        ///
        /// `lent` is the memory of the arguments, which the stream was made to wait for and whose uses are
        /// noted after this (rules 1 and 2).
        unsafe fn __queue(
            device: &Device<Self>,
            loaded: &Self::Loaded,
            stream: &Stream<Self>,
            call: KernelCall<'_>,
            body: impl FnOnce() + Send + 'static,
        ) -> Result<(), Error>;
    }
}

impl KernelBackend for Host {}

impl sealed::RunsKernels for Host {
    type Loaded = ();

    fn __address(raw: &RawBuffer<Host>, offset: usize) -> *mut u8 {
        // An empty buffer has no memory, and its only range begins at 0.
        raw.host_address().as_ptr().wrapping_add(offset)
    }

    fn __load(_: &Device<Host>, source: &'static Source, _: &'static Location<'static>) -> Result<(), Error> {
        let missing = source.entries.iter().find(|entry| !entry.has_body);
        missing.map_or(Ok(()), |entry| {
            Err(source.refused::<Host>(format_args!(
                "`{}` has no body, so it is there on a card alone",
                entry.name
            )))
        })
    }

    unsafe fn __queue(
        device: &Device<Host>,
        (): &(),
        stream: &Stream<Host>,
        call: KernelCall<'_>,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), Error> {
        Ok(device.state().backend.run_kernel(stream.raw(), call.launched_at, body)?)
    }
}
