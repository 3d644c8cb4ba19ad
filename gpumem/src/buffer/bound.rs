//! Buffers that are bound to a stream of the application's own.
//!
//! A [`Bound`] is a long [use](super::StreamUseMut) of a buffer: it is begun once, and every kernel of the stream finds the buffer there
//! without an event in between. The protocol:
//!
//! * **On the stream** (`here`) all work on the buffer is the stream's. Kernels follow one another by its order; a download waits for the stream
//!   alone, and the stream's next kernel waits for the download (`read`). The compute stream has no part in it.
//! * **Off the stream** the buffer is as any other: what [`Bound::buffer`] is used for is queued on the compute stream, which is put behind the
//!   stream first. The next kernel of the stream puts that behind the compute stream again.
//! * **The end**, by a drop, puts the compute stream behind the stream. Forgetting the guard would leave the last kernels unknown, so to end it is a
//!   condition of the `unsafe` launches of CUDA kernels. Kernels on the host are launched safely, so each is noted at its launch.

use super::download::{Busy, Download};
use super::raw::RawBuffer;
use super::{AsyncMode, Buffer, Element, Mode};
use crate::backend::Backend;
use crate::error::Error;
use crate::memory::Stream;
use std::fmt;
use std::ops::RangeBounds;

/// A buffer whose kernels run on one stream of the application's own; made by [`Buffer::bind`], where the example is.
///
/// Until it is dropped, or [finished](Bound::finish), the buffer is borrowed, and with it the set that it belongs to: what else there
/// is to do with it goes by way of [`buffer`](Bound::buffer), and other buffers of the set come from `split_mut`. Kernels on the host
/// take it as `&mut bound` ([`Device::launch_on`](crate::Device::launch_on)); those of a card take its address, and then it must not be
/// forgotten, which is a condition of their launch.
#[must_use = "the buffer is bound until this is dropped"]
pub struct Bound<'a, T: Element, B: Backend, M: Mode> {
    pub(super) buffer: &'a mut Buffer<T, B, M>,
    pub(super) stream: &'a Stream<B>,
    /// The stream is behind all that was done with the buffer, and may be using it.
    here: bool,
    /// Something reads the buffer behind the stream, which the stream's next kernel has to wait for.
    read: bool,
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Binds the buffer to a stream of the application's own, for as long as the guard lives: for a buffer whose kernels all run there.
    ///
    /// Against [`use_on_mut`](Self::use_on_mut) before and after each kernel it saves the events, and the compute stream does not wait for each
    /// of them: the stream's kernels follow one another, and a download of the bound buffer waits for the stream alone. Everything
    /// else goes by way of the compute stream: see [`Bound::buffer`].
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights: Buffer<f32, Host, Async> = Buffer::from_slice(&device, "heights", &[1.0, 2.0])?;
    ///
    /// let mut heights = heights.bind(&physics)?;
    /// for _ in 0..10 {
    ///     device.launch_on(&physics, (&mut heights,), |(heights,)| {
    ///         heights.iter_mut().for_each(|height| *height += 1.0);
    ///     })?;
    /// }
    /// let frame = heights.start_download()?; // waits for the ten kernels, and for nothing on the compute stream
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
        Ok(Bound { buffer: self, stream, here: true, read: false })
    }
}

impl<T: Element, B: Backend, M: Mode> Bound<'_, T, B, M> {
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

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &Stream<B> {
        self.stream
    }

    /// The buffer, for uploads, growth, frames with other buffers, and whatever else is queued on the compute stream. That comes after the
    /// stream's work so far, and what the stream is given afterwards comes after it. Costs an event, and a wait on the compute stream.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end of the stream's work could not be noted.
    pub fn buffer(&mut self) -> Result<&mut Buffer<T, B, M>, Error> {
        self.leave()?;
        Ok(self.buffer)
    }

    /// [`Buffer::start_download`] of the buffer as it is at this point of the stream. It waits for the stream and for nothing on the compute
    /// stream, and the stream's next kernel waits for it. (With [`BufferSpec::snapshot`](crate::BufferSpec::snapshot) the copy on the device that
    /// is read runs on the compute stream, which waits for the stream then.)
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`]. (To wait for a slot, drop a guard first, or take [`Bound::buffer`]'s `start_download_wait`.)
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
        self.arrive()?;
        let download = Download::start_behind(self.stream, &self.buffer.raw, range, Busy::Refuse);
        // Where it failed half-way too: what was queued reads the buffer.
        self.read = true;
        download
    }

    /// Ends the binding, as dropping the guard does, and tells if something went wrong.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end of the stream's work could not be noted. The buffer cannot be written then, and its memory is given
    /// up when it is dropped.
    pub fn finish(mut self) -> Result<(), Error> {
        self.leave()
    }

    pub(crate) fn raw(&self) -> &RawBuffer<B> {
        &self.buffer.raw
    }

    /// Puts the stream behind all that was done with the buffer elsewhere.
    pub(crate) fn arrive(&mut self) -> Result<(), Error> {
        let raw = &self.buffer.raw;
        if !self.here {
            raw.lend_to(self.stream, true)?;
        } else if self.read {
            raw.put_behind_uses(self.stream)?;
        } else {
            raw.check_uses()?;
        }
        (self.here, self.read) = (true, false);
        Ok(())
    }

    /// Puts the compute stream behind what the stream does with the buffer.
    pub(crate) fn leave(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.here) {
            return Ok(());
        }
        self.buffer.raw.used_on(self.stream, true)
    }
}

impl<T: Element, B: Backend, M: Mode> Drop for Bound<'_, T, B, M> {
    fn drop(&mut self) {
        super::stream_use::log_unnoted(self.leave());
    }
}

impl<T: Element, B: Backend, M: Mode> fmt::Debug for Bound<'_, T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("buffer", &self.buffer.label()).finish_non_exhaustive()
    }
}
