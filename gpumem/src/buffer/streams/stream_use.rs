//! Uses of a buffer on streams of the application's own that only read it.
//!
//! When a use begins, the stream is made to wait for the compute stream's work on the buffer. When it ends,
//! the buffer carries the stream's event as a pending use (rule 2). A guard ends the use when it is dropped.
//! If it were forgotten, the buffer would not know of the use. Work with a guard's address is queued by
//! `unsafe` code only, and to end the use is a condition of that code.

use crate::backend::Backend;
use crate::buffer::element::{Element, Mode};
use crate::buffer::typed::Buffer;
use crate::error::Error;
use crate::ledger::{HeldKind, Listed};
use crate::log_safely::event;
use crate::memory::Stream;
use std::fmt;
use std::panic::Location;

/// A buffer that a stream of the application's own reads; made by [`Buffer::use_on`].
#[must_use = "the use ends when this is dropped: launch before that"]
pub struct StreamUse<'a, T: Element, B: Backend, M: Mode> {
    pub(in crate::buffer) buffer: &'a Buffer<T, B, M>,
    stream: &'a Stream<B>,
    ended: bool,
    _listed: Listed,
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Begins a use of this buffer on a stream of the application's own, for work that reads it. Work that is
    /// queued there from now on comes after all earlier work on the buffer.
    ///
    /// It is for kernels of a card, which take an address. [`Device::launch_on`](crate::Device::launch_on)
    /// does the same for kernels on the host. [`bind`](Self::bind) is for kernels that write the buffer.
    ///
    /// Queue the work, then drop the guard, or [`finish`](StreamUse::finish) it, which reports failures. From
    /// then on later writes of the buffer wait for the stream, on the device and not on the host, and no
    /// other buffer gets the memory before the stream's work is done. Other readers do not wait.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let statistics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[3.0_f32, 1.0])?;
    /// let used = heights.use_on(&statistics)?;
    /// // On a card, a kernel that reads the buffer is launched here, on `statistics`.
    /// used.finish()?;
    /// heights.fill(0.0)?; // waits for the kernel, on the compute stream
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// The launch on a card:
    ///
    /// ```ignore
    /// let (mut address, mut count) = (used.as_device_ptr(), heights.len() as u32);
    /// let args = [(&raw mut address).cast(), (&raw mut count).cast()];
    /// // SAFETY: the kernel reads `count` elements, which the buffer has, on the stream of this use.
    /// unsafe { statistics.launch(&highest, 1, 256, 0, &args)? };
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a stream of another device, and [`Error::DeviceFailed`].
    #[track_caller]
    pub fn use_on<'a>(&'a self, stream: &'a Stream<B>) -> Result<StreamUse<'a, T, B, M>, Error> {
        self.raw.lend_to(stream, false)?;
        let listed = self.raw.hold(HeldKind::Use, 0, Location::caller());
        Ok(StreamUse { buffer: self, stream, ended: false, _listed: listed })
    }
}

impl<T: Element, B: Backend, M: Mode> StreamUse<'_, T, B, M> {
    /// The number of elements of the buffer.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let statistics = device.create_stream()?;
    /// let heights = Buffer::from_slice(&device, "heights", &[3.0_f32, 1.0])?;
    /// let used = heights.use_on(&statistics)?;
    /// assert_eq!(used.len(), 2); // the count for a kernel
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether the buffer has no elements.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let statistics = device.create_stream()?;
    /// let heights = Buffer::from_slice(&device, "heights", &[3.0_f32, 1.0])?;
    /// let used = heights.use_on(&statistics)?;
    /// assert!(!used.is_empty()); // there is work for a kernel
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Ends the use.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let statistics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[3.0_f32, 1.0])?;
    /// let used = heights.use_on(&statistics)?;
    /// // Here kernels of a card are launched on `statistics`, which read the buffer.
    /// used.finish()?;
    /// heights.fill(0.0)?; // waits for them, on the compute stream
    /// assert_eq!(heights.download()?, [0.0, 0.0]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end could not be noted. The buffer's memory is given up then when the
    /// buffer is dropped.
    pub fn finish(mut self) -> Result<(), Error> {
        self.ended = true;
        self.buffer.raw.used_on(self.stream, false)
    }
}

impl<T: Element, B: Backend, M: Mode> Drop for StreamUse<'_, T, B, M> {
    fn drop(&mut self) {
        if !self.ended {
            log_unnoted(self.buffer.raw.used_on(self.stream, false));
        }
    }
}

/// Logs a use whose end could not be noted, in a drop.
pub(super) fn log_unnoted(noted: Result<(), Error>) {
    if let Err(error) = noted {
        event!(ERROR, "failed", "a use on another stream could not be noted: {error}");
    }
}

impl<T: Element, B: Backend, M: Mode> fmt::Debug for StreamUse<'_, T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamUse").field("buffer", &self.buffer.label()).finish_non_exhaustive()
    }
}
