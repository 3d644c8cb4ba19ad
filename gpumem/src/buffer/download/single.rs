//! The methods that start the download of one buffer, or of a range of it.

use super::start::Request;
use super::when_free::WhenFree;
use crate::backend::Backend;
use crate::buffer::element::{Async, AsyncMode, Element, Mode};
use crate::buffer::ticket::{Download, DownloadGuard, FrameQueue};
use crate::buffer::typed::Buffer;
use crate::buffer::view::{BufferRange, View};
use crate::error::Error;

/// Async downloads, which buffers of mode [`Async`] have.
impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Starts to copy all elements to the host, and returns at once with a ticket for them.
    ///
    /// The copy shows the buffer at this point of the compute stream: it waits for earlier work, and later
    /// writes of the buffer wait for the copy, on the device. The buffer may be written, resized and dropped
    /// meanwhile, and the ticket may be dropped. For a range of the elements, take a [`view`](Self::view).
    ///
    /// A buffer has two slots, or as many as [`BufferSpec::slots`](crate::BufferSpec::slots) says: so many
    /// downloads can be in flight or unread at a time. A slot comes back when its ticket or guard is dropped.
    /// With [`BufferSpec::snapshot`](crate::BufferSpec::snapshot) the elements are first copied on the
    /// device, and later writes wait for that copy only.
    ///
    /// The call queues two operations and takes microseconds. It pins memory if no earlier transfer has left
    /// pinned memory that fits, and that is slow: a third of a millisecond per MiB, on the machine of the
    /// tables.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let mut frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "frame", &[1, 2, 3])?.into_async();
    /// let before = frame.start_download()?;
    /// frame.fill(0)?; // waits for the copy, on the device
    /// assert_eq!(*before.wait()?, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::SlotsBusy`] when no slot is free, [`Error::OutOfPinnedMemory`] and [`Error::DeviceFailed`],
    /// and for a `snapshot` buffer those of [`Buffer::reserve`]. No download was started then.
    #[doc(alias = "readback", alias = "double buffer")]
    #[track_caller]
    pub fn start_download(&self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        self.request().start()
    }

    /// [`Buffer::start_download`] that waits for a slot if all are taken: the value that it returns can be
    /// waited for, or awaited. See [`WhenFree`].
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, Host};
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2, 3])?.into_async();
    /// let first = frame.start_download()?;
    /// let reader = std::thread::spawn(move || first.wait().map(|guard| guard.len()));
    /// let second = frame.start_download_when_free().wait()?; // once the reader is done
    /// assert_eq!(*second.wait()?, [1, 2, 3]);
    /// # assert_eq!(reader.join().unwrap(), Ok(3));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[track_caller]
    pub fn start_download_when_free(&self) -> WhenFree<'_, DownloadGuard<T, B>, B>
    where
        M: AsyncMode,
    {
        WhenFree::new(self.request())
    }

    /// A queue for downloads of this buffer, or of ranges of it: for as many as it has slots. See
    /// [`FrameQueue`], which has the loop.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[0_u32; 100])?.into_async();
    /// let mut last = Vec::new();
    /// let mut frames = cells.frame_queue();
    /// for step in 1..=3 {
    ///     cells.fill(step)?;
    ///     if let Some(frame) = frames.push(cells.view(99..)?.start_download()?)? { last.push(frame[0]) }
    /// }
    /// for frame in frames.drain() { last.push(frame?[0]) }
    /// assert_eq!(last, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn frame_queue(&self) -> FrameQueue<DownloadGuard<T, B>, B>
    where
        M: AsyncMode,
    {
        self.request().frame_queue()
    }

    #[track_caller]
    fn request(&self) -> Request<'_, B> {
        Request::of(BufferRange::all(&self.raw))
    }
}

/// Async downloads, which views of buffers of mode [`Async`] have.
impl<'a, T: Element, B: Backend, M: Mode> View<'a, T, B, M> {
    /// [`Buffer::start_download`] of the elements of the range.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let mut frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "frame", &[1, 2, 3])?.into_async();
    /// let tail = frame.view(1..)?.start_download()?;
    /// frame.fill(0)?; // waits for the copy, on the device
    /// assert_eq!(*tail.wait()?, [2, 3]);
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
        Request::of(self.part.clone()).start()
    }

    /// [`Buffer::start_download_when_free`] of the elements of the range.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame = Buffer::from_slice(&Device::host(), spec, &[1_u32, 2, 3])?.into_async();
    /// drop(frame.start_download()?); // keeps the slot until its copy has ended
    /// let tail = frame.view(1..)?.start_download_when_free().wait()?; // waits for the slot
    /// assert_eq!(*tail.wait()?, [2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[track_caller]
    pub fn start_download_when_free(&self) -> WhenFree<'a, DownloadGuard<T, B>, B>
    where
        M: AsyncMode,
    {
        WhenFree::new(Request::of(self.part.clone()))
    }

    /// [`Buffer::frame_queue`] of the buffer. It takes downloads of any range.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[0_u32; 100])?.into_async();
    /// let mut frames = cells.view(..)?.frame_queue();
    /// frames.push(cells.view(..1)?.start_download()?)?;
    /// cells.fill(7)?;
    /// let first = frames.push(cells.view(99..)?.start_download()?)?;
    /// assert_eq!(first.unwrap(), [0]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn frame_queue(&self) -> FrameQueue<DownloadGuard<T, B>, B>
    where
        M: AsyncMode,
    {
        Request::of(self.part.clone()).frame_queue()
    }
}

impl<T, B: Backend> Buffer<T, B, Async> {
    /// Gives back the slots of all downloads of this buffer that were not waited for, even if the tickets
    /// still exist or were forgotten. Waiting for such a ticket, or for a frame with such a part, gives
    /// [`Error::DownloadAbandoned`]. Guards stay valid.
    ///
    /// Running copies go on to their end, and their memory is not used again before.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Error, Host};
    ///
    /// let device = Device::host();
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "frame", &[1, 2, 3])?.into_async();
    /// std::mem::forget(frame.start_download()?);
    /// let ticket = frame.start_download()?;
    /// assert!(matches!(frame.start_download(), Err(Error::SlotsBusy { slots: 2, .. })));
    /// frame.abandon_downloads();
    /// assert!(matches!(ticket.wait(), Err(Error::DownloadAbandoned { .. })));
    /// assert_eq!(*frame.start_download()?.wait()?, [1, 2, 3]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn abandon_downloads(&self) {
        self.raw.abandon_downloads();
    }
}
