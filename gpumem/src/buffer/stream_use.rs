//! Uses of a buffer on streams of the application's own.
//!
//! The stream is put behind what the compute stream does with the buffer when the use begins, and the buffer carries the
//! stream's event when it ends (rule 2): as a pending use where it was read, and in front of the compute stream where it was
//! written. A guard ends the use when it is dropped. Forgetting it would leave the use unknown; since everything that can
//! be queued on such a stream with a guard is queued by `unsafe` code, to end the use is a condition there.

use super::{Buffer, Element, Mode};
use crate::backend::Backend;
use crate::error::Error;
use crate::memory::Stream;
use std::fmt;

/// A buffer that a stream of the application's own reads; made by [`Buffer::use_on`].
#[must_use = "the use ends when this is dropped: launch before that"]
pub struct StreamUse<'a, T: Element, B: Backend, M: Mode> {
    pub(super) buffer: &'a Buffer<T, B, M>,
    stream: &'a Stream<B>,
    ended: bool,
}

/// A buffer that a stream of the application's own writes; made by [`Buffer::use_on_mut`].
#[must_use = "the use ends when this is dropped: launch before that"]
pub struct StreamUseMut<'a, T: Element, B: Backend, M: Mode> {
    pub(super) buffer: &'a mut Buffer<T, B, M>,
    stream: &'a Stream<B>,
    ended: bool,
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Begins a use of this buffer on a stream of the application's own, for work that reads it. What is queued there from now on comes
    /// after all that was done with the buffer before.
    ///
    /// It is for kernels of a card, which take an address; [`Device::launch_on`](crate::Device::launch_on) does it for kernels on the host.
    /// [`bind`](Self::bind) is for a buffer whose kernels all run on one stream.
    ///
    /// Queue the work, then drop the guard (or [`finish`](StreamUse::finish) it, which tells if something went wrong). From then on
    /// the device knows: what writes the buffer waits for the stream, on the device and not on the host, and the
    /// buffer's memory goes to nobody else before the stream is past it. Reading goes on meanwhile.
    ///
    /// ```ignore
    /// let statistics = device.create_stream()?;
    /// let used = heights.use_on(&statistics)?;
    /// // SAFETY: the kernel reads `count` elements, which the buffer has, on the stream of this use.
    /// unsafe { cust::launch!(highest<<<1, 256, 0, statistics>>>(used.as_device_ptr(), count))? };
    /// used.finish()?;
    /// heights.fill(0.0)?; // waits for the kernel, on the compute stream
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a stream of another device, and [`Error::DeviceFailed`].
    pub fn use_on<'a>(&'a self, stream: &'a Stream<B>) -> Result<StreamUse<'a, T, B, M>, Error> {
        self.raw.lend_to(stream, false)?;
        Ok(StreamUse { buffer: self, stream, ended: false })
    }

    /// Begins a use of this buffer on a stream of the application's own, for work that writes it. What is queued there from now on comes
    /// after all that was done with the buffer before, running downloads included.
    ///
    /// As for [`use_on`](Self::use_on), the use ends with the guard. What the compute stream is given from then on waits for it.
    ///
    /// # Errors
    ///
    /// Those of [`use_on`](Self::use_on).
    pub fn use_on_mut<'a>(&'a mut self, stream: &'a Stream<B>) -> Result<StreamUseMut<'a, T, B, M>, Error> {
        self.raw.lend_to(stream, true)?;
        Ok(StreamUseMut { buffer: self, stream, ended: false })
    }
}

impl<T: Element, B: Backend, M: Mode> StreamUse<'_, T, B, M> {
    /// Elements of the buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Ends the use.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end could not be noted. The buffer's memory is then given up when it is dropped.
    pub fn finish(mut self) -> Result<(), Error> {
        self.ended = true;
        self.buffer.raw.used_on(self.stream, false)
    }
}

impl<T: Element, B: Backend, M: Mode> StreamUseMut<'_, T, B, M> {
    /// Elements of the buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Ends the use.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end could not be noted. The buffer cannot be written then, and its memory is given up
    /// when it is dropped.
    pub fn finish(mut self) -> Result<(), Error> {
        self.ended = true;
        self.buffer.raw.used_on(self.stream, true)
    }
}

impl<T: Element, B: Backend, M: Mode> Drop for StreamUse<'_, T, B, M> {
    fn drop(&mut self) {
        if !self.ended {
            log_unnoted(self.buffer.raw.used_on(self.stream, false));
        }
    }
}

impl<T: Element, B: Backend, M: Mode> Drop for StreamUseMut<'_, T, B, M> {
    fn drop(&mut self) {
        if !self.ended {
            log_unnoted(self.buffer.raw.used_on(self.stream, true));
        }
    }
}

pub(super) fn log_unnoted(noted: Result<(), Error>) {
    if let Err(error) = noted {
        crate::log_safely::safely(|| {
            log::error!("gpumem: a use on another stream could not be noted: {error}");
        });
    }
}

impl<T: Element, B: Backend, M: Mode> fmt::Debug for StreamUse<'_, T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamUse").field("buffer", &self.buffer.label()).finish_non_exhaustive()
    }
}

impl<T: Element, B: Backend, M: Mode> fmt::Debug for StreamUseMut<'_, T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamUseMut").field("buffer", &self.buffer.label()).finish_non_exhaustive()
    }
}
