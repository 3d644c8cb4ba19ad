//! A queue of downloads: the loop that computes a frame while earlier frames come down and are read.

use super::Ticket;
use super::frame::Frame;
use crate::backend::Backend;
use crate::error::Error;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Downloads in flight, in the order in which they were started: double buffering, and triple buffering.
///
/// The loop that it is for queues work, starts a download of the result, and reads an earlier result while
/// the device is busy:
///
/// ```
/// use gpumem::{Async, Buffer, Device, Host};
///
/// let device = Device::host();
/// let mut cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[0; 100])?.into_async();
/// let mut drawn = Vec::new();
/// let mut draw = |frame: &[u32]| drawn.push(frame[99]);
///
/// let mut frames = cells.frame_queue();
/// for step in 1..=4 {
///     cells.fill(step)?; // or a kernel
///     if let Some(frame) = frames.push(cells.start_download()?)? { draw(&frame) }
/// }
/// for frame in frames.drain() { draw(&frame?) }
/// assert_eq!(drawn, [1, 2, 3, 4]);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// # Slots
///
/// A queue for `n` [slots](crate::BufferSpec::slots) holds at most `n - 1` downloads after each push. The
/// frame that the push returned has the last slot. Drop that frame before the next download is started, as
/// the loop above does: then there is always a free slot, and `start_download` is never refused. So with the
/// two slots that a buffer has by default, one frame comes down while another is read. With one slot, `push`
/// waits for the download that it is given.
///
/// A frame that the loop holds for longer keeps its slot. If the loop keeps one frame more, make the queue
/// for one slot less, with [`FrameQueue::new`]. If another thread reads the frames, start the downloads with
/// `start_download_when_free`, which waits until that thread has dropped a frame:
/// `frames.push(cells.start_download_when_free().wait()?)?`.
///
/// # Errors, and drops
///
/// A download that fails leaves the queue, and its error takes the place of its frame; the downloads after it
/// stay. A wait that is refused, with [`Error::WouldDeadlock`] or [`Error::CallRefused`], loses nothing: the
/// download stays the oldest of the queue. After [`abandon_downloads`](crate::Buffer::abandon_downloads) each
/// download that was in the queue gives [`Error::DownloadAbandoned`]. To drop the queue drops its tickets:
/// the copies end on their own, and the slots come back when they have.
///
/// # In a task
///
/// [`push_async`](Self::push_async) and [`next`](Self::next) are for tasks of any executor, and block no
/// thread. If a `push_async` is dropped before its end, by `select!` or a timeout, the queue holds one
/// download more until `next` has given the oldest: do that before the next start, which has no slot
/// otherwise. With the feature `futures` the queue is a `futures_core::Stream`, which ends when the queue is
/// empty.
///
/// ```
/// use gpumem::{Async, Buffer, Device, Host, Result};
///
/// async fn film(cells: &mut Buffer<u32, Host, Async>, mut draw: impl FnMut(&[u32])) -> Result<()> {
///     let mut frames = cells.frame_queue();
///     for step in 1..=4 {
///         cells.fill(step)?;
///         if let Some(frame) = frames.push_async(cells.start_download()?).await? { draw(&frame) }
///     }
///     while let Some(frame) = frames.next().await { draw(&frame?) }
///     Ok(())
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
/// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[0; 100])?.into_async();
/// let mut drawn = Vec::new();
/// block_on(film(&mut cells, |frame| drawn.push(frame[99])))?; // on any executor
/// assert_eq!(drawn, [1, 2, 3, 4]);
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct FrameQueue<O, B: Backend> {
    tickets: VecDeque<Ticket<O, B>>,
    /// The most downloads that are in the queue after a push.
    capacity: usize,
}

impl<O: Frame<B>, B: Backend> FrameQueue<O, B> {
    /// A queue for downloads of which `slots` may be in flight or unread at a time, the frame that is being
    /// read included.
    ///
    /// [`Buffer::frame_queue`](crate::Buffer::frame_queue), `frame_queue` of a view or a derived set, and
    /// [`Device::frame_queue`](crate::Device::frame_queue) of a selection take the number of slots from the
    /// buffers. This is for a loop that needs slots for other downloads, or keeps frames:
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, FrameQueue, Host};
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("cells").slots(3);
    /// let mut cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[0; 100])?.into_async();
    /// let (mut last, mut changes) = (None, 0);
    ///
    /// let mut frames = FrameQueue::new(2); // the third slot is for `last`
    /// for step in [1, 1, 2, 3] {
    ///     cells.fill(step)?;
    ///     if let Some(frame) = frames.push(cells.start_download()?)? {
    ///         changes += usize::from(last.as_deref().is_some_and(|last| *last != *frame));
    ///         last = Some(frame);
    ///     }
    /// }
    /// assert_eq!(changes, 1); // of the first three frames; the fourth is in the queue
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self { tickets: VecDeque::new(), capacity: slots.saturating_sub(1) }
    }

    /// Adds a download that was just started. If the queue is full, waits for its oldest download, and
    /// returns that frame.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2])?.into_async();
    /// let mut frames = cells.frame_queue(); // for two slots: it holds one download
    /// assert!(frames.push(cells.start_download()?)?.is_none());
    /// cells.fill(7)?;
    /// let oldest = frames.push(cells.start_download()?)?.expect("the queue was full");
    /// assert_eq!(*oldest, [1, 2]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Ticket::wait`] for the oldest download. The download that was added is in the queue, unless
    /// it is the oldest itself, as in a queue for one slot.
    pub fn push(&mut self, download: Ticket<O, B>) -> Result<Option<O>, Error> {
        self.tickets.push_back(download);
        if self.has_room() { Ok(None) } else { self.wait_for_oldest().transpose() }
    }

    /// [`FrameQueue::push`] for a task: awaits the oldest download, and blocks no thread.
    ///
    /// The download is in the queue as soon as this is called. If the future is dropped before its end, no
    /// frame is lost: the queue has one download more than it should, and [`next`](Self::next) gives the
    /// oldest, whose slot the next start needs.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host, Result};
    ///
    /// async fn film(cells: &mut Buffer<u32, Host, Async>) -> Result<Vec<u32>> {
    ///     let (mut frames, mut drawn) = (cells.frame_queue(), Vec::new());
    ///     for step in 1..=3 {
    ///         cells.fill(step)?;
    ///         if let Some(frame) = frames.push_async(cells.start_download()?).await? {
    ///             drawn.push(frame[0]);
    ///         }
    ///     }
    ///     Ok(drawn)
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
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[0; 100])?.into_async();
    /// assert_eq!(block_on(film(&mut cells))?, [1, 2]); // the third frame went with the queue
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`FrameQueue::push`].
    pub fn push_async(
        &mut self,
        download: Ticket<O, B>,
    ) -> impl Future<Output = Result<Option<O>, Error>> + use<'_, O, B> {
        self.tickets.push_back(download);
        async move { if self.has_room() { Ok(None) } else { self.next().await.transpose() } }
    }

    // The name that `StreamExt` has for it, so that the same code compiles with the feature `futures` and
    // without.
    /// Awaits the oldest download, and gives its frame, or the error in its place; `None` if the queue is
    /// empty.
    ///
    /// The future may be dropped at any time: the download stays in the queue until its frame was given.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, FrameQueue, Host, Result};
    ///
    /// async fn sum(cells: &Buffer<u32, Host, Async>) -> Result<u32> {
    ///     let (mut frames, mut sum) = (FrameQueue::new(3), 0);
    ///     frames.push(cells.view(..2)?.start_download()?)?;
    ///     frames.push(cells.view(2..)?.start_download()?)?;
    ///     while let Some(frame) = frames.next().await { sum += frame?.iter().sum::<u32>() }
    ///     Ok(sum)
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
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4])?.into_async();
    /// assert_eq!(block_on(sum(&cells))?, 10); // on any executor
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<O, Error>>> + use<'_, O, B> {
        poll_fn(|context| self.poll_oldest(context))
    }

    /// Takes the downloads out of the queue, the oldest first, and waits for each: an iterator of frames, or
    /// errors in their place.
    ///
    /// Downloads that the loop does not come to stay in the queue. The iterator ends after a wait that was
    /// refused.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("cells").slots(3);
    /// let mut cells = Buffer::from_slice(&Device::host(), spec, &[0_u32; 2])?.into_async();
    /// let (mut frames, mut drawn) = (cells.frame_queue(), Vec::new());
    /// for step in 1..=2 {
    ///     cells.fill(step)?;
    ///     frames.push(cells.start_download()?)?; // for three slots: it holds two downloads
    /// }
    /// for frame in frames.drain() { drawn.push(frame?[0]) }
    /// assert_eq!(drawn, [1, 2]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn drain(&mut self) -> impl Iterator<Item = Result<O, Error>> + use<'_, O, B> {
        let mut refused = false;
        std::iter::from_fn(move || {
            let oldest = if refused { None } else { self.wait_for_oldest() };
            refused = oldest.as_ref().is_some_and(is_refused);
            oldest
        })
    }

    fn has_room(&self) -> bool {
        self.tickets.len() <= self.capacity
    }

    fn wait_for_oldest(&mut self) -> Option<Result<O, Error>> {
        let end = self.tickets.front()?.wait_by_ref();
        self.leave(&end);
        Some(end)
    }

    /// Takes the oldest download out of the queue if it came to this end.
    fn leave(&mut self, end: &Result<O, Error>) {
        if !is_refused(end) {
            self.tickets.pop_front();
        }
    }

    /// The frame of the oldest download, once it is there.
    fn poll_oldest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<O, Error>>> {
        let Some(oldest) = self.tickets.front_mut() else { return Poll::Ready(None) };
        let end = Pin::new(oldest).poll(context);
        if let Poll::Ready(end) = &end {
            self.leave(end);
        }
        end.map(Some)
    }
}

/// Whether this is no end of a download, but a wait that was refused: the download goes on.
fn is_refused<O>(end: &Result<O, Error>) -> bool {
    matches!(end, Err(Error::WouldDeadlock | Error::CallRefused { .. }))
}

impl<O, B: Backend> FrameQueue<O, B> {
    /// The number of downloads in the queue.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2])?.into_async();
    /// let mut frames = cells.frame_queue();
    /// frames.push(cells.start_download()?)?;
    /// assert_eq!(frames.len(), 1);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether there is no download in the queue.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2])?.into_async();
    /// let mut frames = cells.frame_queue();
    /// assert!(frames.is_empty());
    /// frames.push(cells.start_download()?)?;
    /// assert!(!frames.is_empty());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }
}

#[cfg(feature = "futures")]
impl<O: Frame<B>, B: Backend> futures_core::Stream for FrameQueue<O, B> {
    type Item = Result<O, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_oldest(context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<O, B: Backend> fmt::Debug for FrameQueue<O, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameQueue")
            .field("downloads", &self.tickets)
            .field("capacity", &self.capacity)
            .finish()
    }
}
