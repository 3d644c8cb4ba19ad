//! Buffers that are bound to a stream of the application's own, for exclusive use.
//!
//! A [`Bound`] keeps the order between that stream and the compute stream: see [`Binding`]. Its end, by a
//! drop, makes the compute stream wait for the stream. If the guard is forgotten, the buffer does not know of
//! the last kernels; so to end the binding is a condition of the `unsafe` launches of CUDA kernels. Kernels
//! on the host are launched by safe code, so each of them is noted at its launch.

use super::stream_use::log_unnoted;
use crate::backend::Backend;
use crate::buffer::download::WhenFree;
use crate::buffer::element::{AsyncMode, Element, Mode};
use crate::buffer::raw::{Binding, RawBuffer};
use crate::buffer::ticket::{Download, DownloadGuard, FrameQueue};
use crate::buffer::typed::Buffer;
use crate::buffer::view::{BufferRange, View};
use crate::error::Error;
use crate::ledger::{HeldKind, Listed};
use crate::memory::Stream;
use std::fmt;
use std::ops::RangeBounds;
use std::panic::Location;

/// A buffer that is used on one stream of the application's own; made by [`Buffer::bind`], where the example
/// is.
///
/// The buffer is borrowed until the guard is dropped or [finished](Bound::finish), and so is the set that it
/// belongs to. Downloads and other reads go through the guard and its [`view`](Bound::view)s, all other
/// operations on the buffer through [`buffer`](Bound::buffer); other buffers of the set come from
/// `split_mut`. Kernels on the host take the guard as `&mut bound`
/// ([`Device::launch_on`](crate::Device::launch_on)). Kernels of a card take its address; then the guard must
/// not be forgotten, which is a condition of their launch.
#[must_use = "the buffer is bound until this is dropped: launch before that"]
pub struct Bound<'a, T: Element, B: Backend, M: Mode> {
    pub(in crate::buffer) buffer: &'a mut Buffer<T, B, M>,
    binding: Binding<'a, B>,
    _listed: Listed,
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Binds the buffer to a stream of the application's own, for as long as the guard lives: for one kernel
    /// that writes the buffer there, or for a buffer whose kernels all run there. ([`use_on`](Self::use_on)
    /// is for kernels that only read it.)
    ///
    /// Work that is queued on the stream from now on comes after all earlier work on the buffer, running
    /// downloads included. When the binding ends, all later work of the compute stream waits for it. In
    /// between the stream's kernels follow one another without events, and a download of the bound buffer
    /// waits for the stream alone. All other operations go through the compute stream: see [`Bound::buffer`].
    /// (On the host, which launches kernels by safe code, the compute stream waits for each kernel at once.)
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
    /// assert_eq!(*heights.view(1..)?.start_download()?.wait()?, [12.0]);
    /// heights.buffer()?.extend_from_slice(&[3.0])?;
    /// assert_eq!(heights.len(), 3);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// On a card, launch the kernel with the guard's address, and then drop the guard or
    /// [`finish`](Bound::finish) it:
    ///
    /// ```ignore
    /// let mut bound = heights.bind(&physics)?;
    /// let (mut address, mut count) = (bound.as_device_ptr()?, bound.len() as u32);
    /// let args = [(&raw mut address).cast(), (&raw mut count).cast()];
    /// // SAFETY: the kernel writes `count` elements, which the buffer has, on the stream of this binding.
    /// unsafe { physics.launch(&rise, 1, 256, 0, &args)? };
    /// bound.finish()?;
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a stream of another device, and [`Error::DeviceFailed`].
    #[track_caller]
    pub fn bind<'a>(&'a mut self, stream: &'a Stream<B>) -> Result<Bound<'a, T, B, M>, Error> {
        let binding = Binding::begin(&self.raw, stream)?;
        let listed = self.raw.hold(HeldKind::Binding, 0, Location::caller());
        Ok(Bound { buffer: self, binding, _listed: listed })
    }
}

impl<T: Element, B: Backend, M: Mode> Bound<'_, T, B, M> {
    /// The number of elements of the buffer.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[1.0_f32, 2.0])?;
    /// let bound = heights.bind(&physics)?;
    /// assert_eq!(bound.len(), 2);
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
    /// let physics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[1.0_f32, 2.0])?;
    /// let mut bound = heights.bind(&physics)?;
    /// assert!(!bound.is_empty());
    /// bound.buffer()?.clear();
    /// assert!(bound.is_empty());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The stream.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[1.0_f32, 2.0])?;
    /// let mut bound = heights.bind(&physics)?;
    /// device.launch_on(&physics, (&mut bound,), |(heights,)| heights.fill(7.0))?;
    /// device.synchronize_stream(bound.stream())?; // the kernel has ended
    /// assert_eq!(bound.view(..)?.download()?, [7.0, 7.0]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn stream(&self) -> &Stream<B> {
        self.binding.stream()
    }

    /// The buffer, for uploads, growth, and all other operations on the compute stream. They come after the
    /// stream's work so far, and the stream's later work comes after them. Costs an event, and a wait on the
    /// compute stream.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[1.0_f32, 2.0])?;
    /// let mut bound = heights.bind(&physics)?;
    /// bound.buffer()?.extend_from_slice(&[3.0])?;
    /// device.launch_on(&physics, (&mut bound,), |(heights,)| {
    ///     heights.iter_mut().for_each(|height| *height += 1.0); // the third one too
    /// })?;
    /// assert_eq!(bound.buffer()?.download()?, [2.0, 3.0, 4.0]); // after the kernel
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end of the stream's work could not be noted.
    pub fn buffer(&mut self) -> Result<&mut Buffer<T, B, M>, Error> {
        self.binding.leave(&self.buffer.raw)?;
        Ok(self.buffer)
    }

    /// A range of the elements, for reading at this point of the stream, as with [`Buffer::view`].
    ///
    /// Async downloads of the view are those of [`Bound::start_download`]. Its other operations, which give
    /// data at once or copy it on the device, go through the compute stream, which first waits for the
    /// stream.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[1.0_f32, 2.0])?;
    /// let mut bound = heights.bind(&physics)?;
    /// device.launch_on(&physics, (&mut bound,), |(heights,)| heights.fill(7.0))?;
    /// assert_eq!(bound.view(1..)?.download()?, [7.0]); // after the kernel
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`].
    pub fn view(&self, range: impl RangeBounds<usize>) -> Result<View<'_, T, B, M>, Error> {
        Ok(View::new(self.all().narrowed(range)?))
    }

    /// [`Buffer::start_download`] of the buffer at this point of the stream. The download waits for the
    /// stream and not for the compute stream, and the stream's next kernel waits for the download. (With
    /// [`BufferSpec::snapshot`](crate::BufferSpec::snapshot) the elements are first copied on the compute
    /// stream, which waits for the stream then.)
    ///
    /// In a [selection](crate::Device::start_downloads) all parts show a point of the stream too if all are
    /// bound to it. Otherwise the selection shows a point of the compute stream, which waits for the stream.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[1.0_f32, 2.0])?.into_async();
    /// let mut bound = heights.bind(&physics)?;
    /// let before = bound.start_download()?;
    /// device.launch_on(&physics, (&mut bound,), |(heights,)| heights.fill(7.0))?; // waits for the copy
    /// let after = bound.start_download()?; // waits for the kernel
    /// assert_eq!((&*before.wait()?, &*after.wait()?), (&[1.0, 2.0][..], &[7.0, 7.0][..]));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`].
    #[track_caller]
    pub fn start_download(&self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        View::<T, B, M>::new(self.all()).start_download()
    }

    /// [`Buffer::start_download_when_free`] of the buffer, as with [`Bound::start_download`]: it shows the
    /// point of the stream at which it starts.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let spec = BufferSpec::new("heights").slots(1);
    /// let mut heights = Buffer::from_slice(&device, spec, &[1.0_f32, 2.0])?.into_async();
    /// let mut bound = heights.bind(&physics)?;
    /// drop(bound.start_download()?); // keeps the slot until its copy has ended
    /// device.launch_on(&physics, (&mut bound,), |(heights,)| heights.fill(7.0))?;
    /// let frame = bound.start_download_when_free().wait()?; // waits for the slot
    /// assert_eq!(*frame.wait()?, [7.0, 7.0]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[track_caller]
    pub fn start_download_when_free(&self) -> WhenFree<'_, DownloadGuard<T, B>, B>
    where
        M: AsyncMode,
    {
        View::<T, B, M>::new(self.all()).start_download_when_free()
    }

    /// [`Buffer::frame_queue`] for downloads of the buffer while it is bound.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[0_u32; 2])?.into_async();
    /// let mut heights = heights.bind(&physics)?;
    ///
    /// let mut frames = heights.frame_queue();
    /// for step in 1..=3 {
    ///     device.launch_on(&physics, (&mut heights,), move |(heights,)| heights.fill(step))?;
    ///     if let Some(frame) = frames.push(heights.start_download()?)? { assert!(frame[1] < step) }
    /// }
    /// assert_eq!(frames.drain().last().unwrap()?, [3, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn frame_queue(&self) -> FrameQueue<DownloadGuard<T, B>, B>
    where
        M: AsyncMode,
    {
        self.buffer.frame_queue()
    }

    /// Ends the binding, as dropping the guard does, and reports failures.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let physics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[1.0_f32, 2.0])?;
    /// let mut bound = heights.bind(&physics)?;
    /// device.launch_on(&physics, (&mut bound,), |(heights,)| heights.fill(7.0))?;
    /// bound.finish()?; // from here on the buffer is used as before
    /// assert_eq!(heights.download()?, [7.0, 7.0]); // after the kernel
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the end of the stream's work could not be noted. The buffer cannot be
    /// written then, and its memory is given up when the buffer is dropped.
    pub fn finish(self) -> Result<(), Error> {
        self.note()
    }

    fn all(&self) -> BufferRange<'_, B> {
        BufferRange { binding: Some(&self.binding), ..BufferRange::all(&self.buffer.raw) }
    }

    pub(crate) fn raw(&self) -> &RawBuffer<B> {
        &self.buffer.raw
    }

    /// Makes the stream wait for all work on the buffer elsewhere, for a kernel that the caller queues there.
    pub(crate) fn enter(&mut self) -> Result<(), Error> {
        self.binding.enter(&self.buffer.raw)
    }

    /// Makes the compute stream wait for the stream's kernels.
    pub(crate) fn note(&self) -> Result<(), Error> {
        self.binding.note(&self.buffer.raw)
    }
}

impl<T: Element, B: Backend, M: Mode> Drop for Bound<'_, T, B, M> {
    fn drop(&mut self) {
        log_unnoted(self.note());
    }
}

impl<T: Element, B: Backend, M: Mode> fmt::Debug for Bound<'_, T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("buffer", &self.buffer.label()).finish_non_exhaustive()
    }
}
