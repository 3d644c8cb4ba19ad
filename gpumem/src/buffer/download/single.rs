//! The download of one buffer: its ticket, and the methods that start it.

use super::guard::DownloadGuard;
use super::start::Busy;
use super::ticket::RawDownload;
use crate::backend::Backend;
use crate::buffer::element::{Async, AsyncMode, Element, Mode};
use crate::buffer::raw::RawBuffer;
use crate::buffer::typed::Buffer;
use crate::error::Error;
use crate::memory::Stream;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeBounds};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The ticket of a download that was started: [`wait`](Self::wait) for it,
/// [`wait_timeout`](Self::wait_timeout), or `.await` it.
///
/// It borrows nothing and may be sent to another thread. Dropping it gives its slot back when the copy has
/// ended. Forgetting it is harmless, but it keeps the slot until
/// [`abandon_downloads`](crate::Buffer::abandon_downloads).
///
/// It is a [`Future`] for any executor, and needs no runtime of its own: a thread of the device, which the
/// first await starts, waits for the end of the copy and then wakes the task. The future may be dropped at
/// any time, moved between threads and polled with another waker each time; the last waker is woken. If the
/// device fails, the future resolves to the error. Inside a host kernel a download that has not ended gives
/// [`Error::WouldDeadlock`], as `wait` does.
///
/// The data can be taken once. After a poll or [`wait_timeout`](Self::wait_timeout) that gave the data, a
/// further one gives [`Error::DownloadAbandoned`]. An await of `&mut download` that is given up (by
/// `tokio::time::timeout` or `select!`) takes nothing: the ticket is as good as before.
///
/// ```
/// use gpumem::{Async, Buffer, Device, Host};
///
/// async fn sum(numbers: &Buffer<u32, Host, Async>) -> gpumem::Result<u32> {
///     Ok(numbers.start_download()?.await?.iter().sum())
/// }
/// # use std::{pin::pin, sync::Arc, task::{Context, Poll, Wake, Waker}, thread};
/// # struct Unpark(thread::Thread);
/// # impl Wake for Unpark { fn wake(self: Arc<Self>) { self.0.unpark() } }
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Unpark(thread::current()))));
/// #     loop {
/// #         match future.as_mut().poll(&mut Context::from_waker(&waker)) {
/// #             Poll::Ready(output) => return output,
/// #             Poll::Pending => thread::park(),
/// #         }
/// #     }
/// # }
///
/// let device = Device::host();
/// let numbers = Buffer::from_slice(&device, "numbers", &[1, 2, 3])?.into_async();
/// assert_eq!(block_on(sum(&numbers))?, 6); // on any executor
/// # Ok::<(), gpumem::Error>(())
/// ```
#[must_use = "a download that is not waited for is a copy that nobody sees"]
pub struct Download<T, B: Backend> {
    raw: RawDownload<B>,
    element: PhantomData<fn() -> T>,
}

impl<T: Element, B: Backend> Download<T, B> {
    /// Starts the download of a range that lies in the buffer.
    pub(in crate::buffer) fn start(
        raw: &RawBuffer<B>,
        range: Range<usize>,
        busy: Busy,
    ) -> Result<Self, Error> {
        Self::start_after(raw.state().lanes.compute.stream(), raw, range, busy)
    }

    /// See [`RawDownload::start_after`].
    pub(in crate::buffer) fn start_after(
        stream: &Stream<B>,
        raw: &RawBuffer<B>,
        range: Range<usize>,
        busy: Busy,
    ) -> Result<Self, Error> {
        RawDownload::start_after(raw.state(), stream, &[(raw, range)], busy).map(Self::one)
    }

    /// See [`RawDownload::start_when_free`].
    async fn start_when_free(raw: &RawBuffer<B>, range: Range<usize>) -> Result<Self, Error> {
        RawDownload::start_when_free(raw.state(), &[(raw, range)]).await.map(Self::one)
    }

    /// The only one of the tickets.
    fn one(mut tickets: Vec<RawDownload<B>>) -> Self {
        let raw = tickets.pop().unwrap_or_else(|| unreachable!("there is a ticket per part"));
        Self { raw, element: PhantomData }
    }
}

impl<T, B: Backend> Download<T, B> {
    /// The number of elements in the download.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether the download has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the data is there, so that [`wait`](Self::wait) returns at once. Asks the device, and does not
    /// wait.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed: the data will not come.
    pub fn is_ready(&self) -> Result<bool, Error> {
        self.raw.ticket().is_ready()
    }

    /// Blocks the calling thread until the copy has ended, and returns the data in the pinned memory that the
    /// device wrote.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, [`Error::DownloadAbandoned`] after
    /// [`abandon_downloads`](crate::Buffer::abandon_downloads), and [`Error::WouldDeadlock`] inside a host
    /// kernel. It never hangs.
    pub fn wait(self) -> Result<DownloadGuard<T, B>, Error> {
        self.raw.ticket().wait()?;
        self.take()
    }

    /// Blocks the calling thread until the copy has ended, for at most `timeout`, and returns the data if it
    /// is there. If it is not, the ticket is as good as before.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    /// use std::time::Duration;
    ///
    /// let device = Device::host();
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "frame", &[1, 2, 3])?.into_async();
    /// device.launch((), |()| std::thread::sleep(Duration::from_millis(50)))?;
    /// let mut ticket = frame.start_download()?;
    /// assert!(ticket.wait_timeout(Duration::from_millis(1))?.is_none());
    /// let arrived = ticket.wait_timeout(Duration::from_secs(60))?.expect("the kernel takes 50 ms");
    /// assert_eq!(*arrived, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Download::wait`], [`Error::DownloadAbandoned`] when the data was taken before, and
    /// [`Error::WouldDeadlock`] in a waker that a thread of the device runs.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<DownloadGuard<T, B>>, Error> {
        if !self.raw.ticket_mut().wait_timeout(timeout)? {
            return Ok(None);
        }
        self.take().map(Some)
    }

    /// Takes the data, once the end of the copy was seen.
    fn take(&self) -> Result<DownloadGuard<T, B>, Error> {
        // SAFETY: each caller has just seen the end of the copy (rule 3). A ticket is made for an `Element`
        // only, of which any bits are a value (rule 5).
        unsafe { self.raw.take() }
    }
}

impl<T, B: Backend> Future for Download<T, B> {
    type Output = Result<DownloadGuard<T, B>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.raw.ticket_mut().poll(context.waker()).map(|end| end.and_then(|()| this.take()))
    }
}

impl<T, B: Backend> fmt::Debug for Download<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (label, len) = (self.raw.label(), self.raw.len());
        f.debug_struct("Download").field("buffer", &label).field("len", &len).finish_non_exhaustive()
    }
}

/// Async downloads, which buffers of mode [`Async`] have.
impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Starts to copy all elements to the host, and returns at once with a ticket for them.
    ///
    /// The copy shows the buffer at this point of the compute stream: it waits for earlier work, and later
    /// writes of the buffer wait for the copy, on the device. The buffer may be written, resized and dropped
    /// meanwhile, and the ticket may be dropped.
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
    pub fn start_download(&self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        self.start_download_range(..)
    }

    /// [`Buffer::start_download`] for a range of the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`], and [`Error::OutOfBounds`].
    pub fn start_download_range(&self, range: impl RangeBounds<usize>) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        let range = self.raw.range(range)?;
        Download::start(&self.raw, range, Busy::Refuse)
    }

    /// [`Buffer::start_download`] that waits for a slot if all are taken.
    ///
    /// It returns as soon as any thread drops a ticket or guard of this buffer, or the copy of a dropped
    /// ticket ends. If no ticket or guard is ever dropped, the calling thread's own included, this call never
    /// returns.
    ///
    /// It blocks the calling thread while it waits for the slot, even if the ticket is awaited afterwards. A
    /// task of an executor awaits [`start_download_when_free`](Self::start_download_when_free) instead.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, Host};
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2, 3])?.into_async();
    /// let first = frame.start_download()?;
    /// let reader = std::thread::spawn(move || first.wait().map(|guard| guard.len()));
    /// let second = frame.start_download_wait()?; // once the reader is done
    /// assert_eq!(*second.wait()?, [1, 2, 3]);
    /// # assert_eq!(reader.join().unwrap(), Ok(3));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`] but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] if it
    /// would have to wait inside a host kernel, in a waker that a thread of the device runs, or inside
    /// [`DeviceBuilder::on_pressure`](crate::DeviceBuilder::on_pressure) when a download has asked for the
    /// memory.
    pub fn start_download_wait(&self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        self.start_download_range_wait(..)
    }

    /// [`Buffer::start_download_wait`] for a range of the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download_wait`], and [`Error::OutOfBounds`].
    pub fn start_download_range_wait(&self, range: impl RangeBounds<usize>) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        let range = self.raw.range(range)?;
        Download::start(&self.raw, range, Busy::Wait)
    }

    /// [`Buffer::start_download`] for a task: if all slots are taken it awaits one, and blocks no thread.
    ///
    /// The download shows the buffer at the point of the compute stream at which it starts. The future
    /// borrows the buffer until then; it works with any executor, and may be dropped at any time. If no
    /// ticket or guard is ever dropped, the future never resolves.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, Host};
    ///
    /// async fn both(frame: &Buffer<u32, Host, Async>) -> gpumem::Result<[u32; 2]> {
    ///     let first = frame.start_download()?;
    ///     let second = async { frame.start_download_when_free().await?.await }; // the only slot is taken
    ///     let sum = |numbers: &[u32]| numbers.iter().sum();
    ///     let first = sum(&*first.await?); // and free here
    ///     Ok([first, sum(&*second.await?)])
    /// }
    /// # use std::{pin::pin, sync::Arc, task::{Context, Poll, Wake, Waker}, thread};
    /// # struct Unpark(thread::Thread);
    /// # impl Wake for Unpark { fn wake(self: Arc<Self>) { self.0.unpark() } }
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Unpark(thread::current()))));
    /// #     loop {
    /// #         match future.as_mut().poll(&mut Context::from_waker(&waker)) {
    /// #             Poll::Ready(output) => return output,
    /// #             Poll::Pending => thread::park(),
    /// #         }
    /// #     }
    /// # }
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2, 3])?.into_async();
    /// assert_eq!(block_on(both(&frame))?, [6, 6]); // on any executor
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`] but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] inside
    /// a host kernel if it would have to wait.
    pub async fn start_download_when_free(&self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        self.start_download_range_when_free(..).await
    }

    /// [`Buffer::start_download_when_free`] for a range of the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download_when_free`], and [`Error::OutOfBounds`].
    pub async fn start_download_range_when_free(
        &self,
        range: impl RangeBounds<usize>,
    ) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        let range = self.raw.range(range)?;
        Download::start_when_free(&self.raw, range).await
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
