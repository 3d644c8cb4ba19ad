//! Tickets: transfers under way, and their results.
//!
//! A [`Ticket`] is a second reference to transfers that their lane owns (rule 3), so it may be dropped and
//! forgotten. Its parts, one per buffer, share one event; so it waits for one of them, and then makes its
//! output of all.
//!
//! In the order of the imports: `guard` is the data of one buffer, and `guard_as_slice` what it has in
//! common with slices. `part` is the transfer of one buffer, without its element type. `frame` makes the
//! output of the parts. `frame_queue` holds tickets in order. `one_or_many` is a list that needs no
//! allocation for a single part.

mod frame;
mod frame_queue;
mod guard;
mod guard_as_slice;
mod one_or_many;
mod part;

pub use self::frame::{Arrived, Frame};
pub use self::frame_queue::FrameQueue;
pub use self::guard::DownloadGuard;
pub(crate) use self::one_or_many::OneOrMany;
pub(in crate::buffer) use self::part::TicketPart;

use crate::backend::Backend;
use crate::error::Error;
use crate::memory::Completion;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The ticket of a download of one buffer: it brings a [`DownloadGuard`].
pub type Download<T, B> = Ticket<DownloadGuard<T, B>, B>;

/// The ticket of a [`Stage`](crate::Stage) that was sent. It ends when the device has the elements, and
/// brings nothing. See [`Stage::commit`](crate::Stage::commit).
pub type Upload<B> = Ticket<(), B>;

/// A transfer that is under way: [`wait`](Self::wait) for it, [`wait_timeout`](Self::wait_timeout), or
/// `.await` it.
///
/// `O` is its result, a [`Frame`]: [`Download`] is the ticket of one buffer, [`Upload`] that of a
/// [`Stage`](crate::Stage). [`Device::start_downloads`](crate::Device::start_downloads) and the
/// `start_download` of a derived set give one ticket for several buffers, whose data comes together.
///
/// A ticket borrows nothing and may be sent to another thread. It may be dropped at any time: the transfer
/// goes on, and a download gives its slot back when the copy has ended. Forgetting a ticket is harmless, but
/// that of a download keeps its slot until [`abandon_downloads`](crate::Buffer::abandon_downloads).
///
/// It is a [`Future`] for any executor, and needs no runtime of its own: a thread of the device, which the
/// first await starts, waits for the end of the transfer and then wakes the task. The future may be dropped
/// at any time, moved between threads and polled with another waker each time; the last waker is woken. If
/// the device fails, the future resolves to the error. Inside a host kernel a transfer that has not ended
/// gives [`Error::WouldDeadlock`], as `wait` does.
///
/// Data can be taken once. After a poll or [`wait_timeout`](Self::wait_timeout) that gave the data, a further
/// one gives [`Error::DownloadAbandoned`] (a ticket without data, of an upload or an empty range, does not).
/// An await of `&mut ticket` that is given up (by
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
///
/// A set's ticket is an alias of it, here `PointsDownload` for `Ticket<PointsFrame>`:
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use gpumem::{Device, GpuBuffers, Result};
///
/// #[derive(GpuBuffers)]
/// struct Points {
///     #[buffer(async)]
///     positions: Vec<[f32; 2]>,
///     #[buffer(async)]
///     ages: Vec<u32>,
/// }
///
/// async fn oldest(download: PointsDownload) -> Result<Option<[f32; 2]>> {
///     let frame: PointsFrame = download.await?; // positions and ages of one moment
///     let points = frame.positions().iter().zip(frame.ages());
///     Ok(points.max_by_key(|(_, age)| **age).map(|(position, _)| *position))
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
/// let points = Points { positions: vec![[0.0, 1.0], [2.0, 3.0]], ages: vec![5, 8] };
/// let mut gpu = points.upload(&Device::host())?;
/// let download = gpu.start_download()?;
/// gpu.ages_mut().fill(0)?; // waits for the copies, on the device
/// assert_eq!(block_on(oldest(download))?, Some([2.0, 3.0])); // on any executor
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct Ticket<O, B: Backend> {
    parts: OneOrMany<TicketPart<B>>,
    output: PhantomData<fn() -> O>,
}

impl<O, B: Backend> Ticket<O, B> {
    /// The ticket of transfers that were started for this output.
    ///
    /// # Safety
    ///
    /// All parts that have an end share one event, which comes after the last of them (rule 3): who has seen
    /// one end has seen all.
    pub(in crate::buffer) unsafe fn new(parts: OneOrMany<TicketPart<B>>) -> Self {
        Self { parts, output: PhantomData }
    }

    /// The end of all parts. Parts of no bytes have none, and have ended.
    fn end(&self) -> Option<&Completion<B>> {
        self.parts.as_slice().iter().find_map(TicketPart::completion)
    }

    /// As [`Self::end`].
    fn end_mut(&mut self) -> Option<&mut Completion<B>> {
        self.parts.as_mut_slice().iter_mut().find_map(TicketPart::completion_mut)
    }
}

impl<O: Frame<B>, B: Backend> Ticket<O, B> {
    /// Whether the transfer has ended, so that [`wait`](Self::wait) returns at once. Asks the device, and
    /// does not wait.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?.into_async();
    /// let ticket = cells.start_download()?;
    /// while !ticket.is_ready()? {
    ///     std::thread::yield_now(); // or other work
    /// }
    /// assert_eq!(*ticket.wait()?, [1, 2, 3]); // returns at once
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed: the data will not come.
    pub fn is_ready(&self) -> Result<bool, Error> {
        Ok(self.end().map_or(Ok(true), Completion::is_ready)?)
    }

    /// Blocks the calling thread until the transfer has ended, and returns what it brings: for a download,
    /// the data in the pinned memory that the device wrote.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?.into_async();
    /// let ticket = cells.start_download()?;
    /// cells.fill(0)?; // waits for the copy, on the device
    /// let guard = ticket.wait()?; // waits for the copy, here
    /// assert_eq!(*guard, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, [`Error::DownloadAbandoned`] after
    /// [`abandon_downloads`](crate::Buffer::abandon_downloads) of one of the buffers, and
    /// [`Error::WouldDeadlock`] inside a host kernel. It never hangs.
    pub fn wait(self) -> Result<O, Error> {
        self.wait_by_ref()
    }

    /// As [`Self::wait`]. After [`Error::WouldDeadlock`] and [`Error::CallRefused`] the ticket is as good as
    /// before.
    fn wait_by_ref(&self) -> Result<O, Error> {
        self.end().map_or(Ok(()), Completion::wait)?;
        // SAFETY: the end was just seen (rule 3).
        unsafe { self.take() }
    }

    /// Blocks the calling thread until the transfer has ended, for at most `timeout`. Returns what it brings
    /// if it has ended. If it has not, the ticket is as good as before.
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
    /// Those of [`Ticket::wait`], [`Error::DownloadAbandoned`] when the data was taken before, and
    /// [`Error::WouldDeadlock`] in a waker that a thread of the device runs.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<O>, Error> {
        if !self.end_mut().map_or(Ok(true), |end| end.wait_timeout(timeout))? {
            return Ok(None);
        }
        // SAFETY: the end was just seen (rule 3).
        unsafe { self.take() }.map(Some)
    }

    /// Takes the results of the parts.
    ///
    /// # Safety
    ///
    /// The caller has seen the end of one part, and with it of all, as [`Self::new`] was promised (rule 3).
    unsafe fn take(&self) -> Result<O, Error> {
        // SAFETY: the caller promises the same (rule 3).
        O::__arrive(&mut unsafe { Arrived::new(self.parts.as_slice()) })
    }
}

impl<T, B: Backend> Ticket<DownloadGuard<T, B>, B> {
    /// The number of elements in the download.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?.into_async();
    /// let ticket = cells.view(1..)?.start_download()?;
    /// assert_eq!(ticket.len(), 2); // known before the elements are there
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        // An element of a view that was cast is a part of one of the buffer.
        let len = |part: &TicketPart<B>| part.len() * (part.element_size() / size_of::<T>());
        self.parts.as_slice().iter().map(len).sum()
    }

    /// Whether the download has no elements.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?.into_async();
    /// assert!(!cells.start_download()?.is_empty());
    /// assert!(cells.view(3..)?.start_download()?.is_empty());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<O: Frame<B>, B: Backend> Future for Ticket<O, B> {
    type Output = Result<O, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let end = this.end_mut().map_or(Poll::Ready(Ok(())), |end| end.poll(context.waker()));
        // SAFETY: the end was just seen (rule 3).
        end.map(|end| end.map_err(Error::from).and_then(|()| unsafe { this.take() }))
    }
}

impl<O, B: Backend> fmt::Debug for Ticket<O, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Ticket");
        for part in self.parts.as_slice() {
            shown.field(part.label().name(), &format_args!("{} elements", part.len()));
        }
        shown.finish()
    }
}
