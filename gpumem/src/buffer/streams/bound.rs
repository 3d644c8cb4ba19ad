//! Buffers that are bound to a stream of the application's own.
//!
//! A [`Bound`] is a long [use](super::StreamUseMut) of a buffer: it begins once, and the stream's kernels use
//! the buffer one after the other without an event in between. The protocol:
//!
//! * **On the stream** (`on_stream`) all work on the buffer is the stream's. Kernels follow one another in
//!   its order. A download waits for this stream only, and the stream's next kernel waits for the download
//!   (`was_read`). The compute stream does not take part.
//! * **Off the stream** the buffer is an ordinary one. Operations through [`Bound::buffer`] are queued on the
//!   compute stream, which is first made to wait for the stream. Before its next kernel the stream is made to
//!   wait for the compute stream.
//! * **The end**, by a drop, makes the compute stream wait for the stream. If the guard is forgotten, the
//!   buffer does not know of the last kernels; so to end the binding is a condition of the `unsafe` launches
//!   of CUDA kernels. Kernels on the host are launched by safe code, so each of them is noted at its launch.

use super::stream_use::log_unnoted;
use crate::backend::Backend;
use crate::buffer::download::{Busy, Download};
use crate::buffer::element::{AsyncMode, Element, Mode};
use crate::buffer::raw::RawBuffer;
use crate::buffer::typed::Buffer;
use crate::error::Error;
use crate::memory::Stream;
use std::fmt;
use std::ops::RangeBounds;

/// A buffer whose kernels run on one stream of the application's own; made by [`Buffer::bind`], where the
/// example is.
///
/// The buffer is borrowed until the guard is dropped or [finished](Bound::finish), and so is the set that it
/// belongs to. Other operations on the buffer go through [`buffer`](Bound::buffer); other buffers of the set
/// come from `split_mut`. Kernels on the host take the guard as `&mut bound`
/// ([`Device::launch_on`](crate::Device::launch_on)). Kernels of a card take its address; then the guard must
/// not be forgotten, which is a condition of their launch.
#[must_use = "the buffer is bound until this is dropped"]
pub struct Bound<'a, T: Element, B: Backend, M: Mode> {
    pub(in crate::buffer) buffer: &'a mut Buffer<T, B, M>,
    stream: &'a Stream<B>,
    /// Whether the stream waits for all earlier work on the buffer, and may be using it.
    on_stream: bool,
    /// Whether a download reads the buffer, for which the stream's next kernel has to wait.
    was_read: bool,
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Binds the buffer to a stream of the application's own, for as long as the guard lives: for a buffer
    /// whose kernels all run there.
    ///
    /// Compared with a [`use_on_mut`](Self::use_on_mut) for each kernel it needs no events between them, and
    /// the compute stream does not wait for each kernel. The stream's kernels follow one another, and a
    /// download of the bound buffer waits for the stream alone. All other operations go through the compute
    /// stream: see [`Bound::buffer`].
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights: Buffer<f32, Host, Async> = Buffer::from_slice(&device, "heights", &[1.0, 2.0])?.into_async();
    ///
    /// let mut heights = heights.bind(&physics)?;
    /// for _ in 0..10 {
    ///     device.launch_on(&physics, (&mut heights,), |(heights,)| {
    ///         heights.iter_mut().for_each(|height| *height += 1.0);
    ///     })?;
    /// }
    /// let frame = heights.start_download()?; // waits for the ten kernels, and not for the compute stream
    /// assert_eq!(*frame.wait()?, [11.0, 12.0]);
    /// heights.buffer()?.extend_from_slice(&[3.0])?;
    /// assert_eq!(heights.len(), 3);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a stream of another device, and [`Error::DeviceFailed`].
    pub fn bind<'a>(&'a mut self, stream: &'a Stream<B>) -> Result<Bound<'a, T, B, M>, Error> {
        self.raw.lend_to(stream, true)?;
        Ok(Bound { buffer: self, stream, on_stream: true, was_read: false })
    }
}

impl<T: Element, B: Backend, M: Mode> Bound<'_, T, B, M> {
    /// The number of elements of the buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether the buffer has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &Stream<B> {
        self.stream
    }

    /// The buffer, for uploads, growth, frames with other buffers, and all other operations on the compute
    /// stream. They come after the stream's work so far, and the stream's later work comes after them. Costs
    /// an event, and a wait on the compute stream.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end of the stream's work could not be noted.
    pub fn buffer(&mut self) -> Result<&mut Buffer<T, B, M>, Error> {
        self.leave()?;
        Ok(self.buffer)
    }

    /// [`Buffer::start_download`] of the buffer at this point of the stream. The download waits for the
    /// stream and not for the compute stream, and the stream's next kernel waits for the download. (With
    /// [`BufferSpec::snapshot`](crate::BufferSpec::snapshot) the elements are first copied on the compute
    /// stream, which waits for the stream then.)
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`]. (To wait for a slot, use [`Bound::buffer`]'s
    /// `start_download_wait`.)
    pub fn start_download(&mut self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        self.start_download_range(..)
    }

    /// [`Bound::start_download`] for a range of the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Bound::start_download`], and [`Error::OutOfBounds`].
    pub fn start_download_range(&mut self, range: impl RangeBounds<usize>) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        let range = self.buffer.raw.range(range)?;
        if self.buffer.spec().is_snapshot() {
            self.leave()?;
            return Download::start(&self.buffer.raw, range, Busy::Refuse);
        }
        self.enter()?;
        let download = Download::start_after(self.stream, &self.buffer.raw, range, Busy::Refuse);
        // Also if it failed half-way: a copy that was queued reads the buffer.
        self.was_read = true;
        download
    }

    /// Ends the binding, as dropping the guard does, and reports failures.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end of the stream's work could not be noted. The buffer cannot be
    /// written then, and its memory is given up when the buffer is dropped.
    pub fn finish(mut self) -> Result<(), Error> {
        self.leave()
    }

    pub(crate) fn raw(&self) -> &RawBuffer<B> {
        &self.buffer.raw
    }

    /// Makes the stream wait for all work on the buffer elsewhere.
    pub(crate) fn enter(&mut self) -> Result<(), Error> {
        let raw = &self.buffer.raw;
        if !self.on_stream {
            raw.lend_to(self.stream, true)?;
        } else if self.was_read {
            raw.order_stream_after_uses(self.stream)?;
        } else {
            raw.check_uses()?;
        }
        (self.on_stream, self.was_read) = (true, false);
        Ok(())
    }

    /// Makes the compute stream wait for the stream's work on the buffer.
    pub(crate) fn leave(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.on_stream) {
            return Ok(());
        }
        self.buffer.raw.used_on(self.stream, true)
    }
}

impl<T: Element, B: Backend, M: Mode> Drop for Bound<'_, T, B, M> {
    fn drop(&mut self) {
        log_unnoted(self.leave());
    }
}

impl<T: Element, B: Backend, M: Mode> fmt::Debug for Bound<'_, T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("buffer", &self.buffer.label()).finish_non_exhaustive()
    }
}
