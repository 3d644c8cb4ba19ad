//! A download that starts when there are free slots.

use super::start::Request;
use crate::backend::Backend;
use crate::buffer::ticket::Ticket;
use crate::error::Error;
use crate::memory::Waiting;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A download that starts when there are free slots: [`wait`](Self::wait) for that, or `.await` it. Either
/// gives the [`Ticket`] of the download. Made by `start_download_when_free` of a buffer, a view or a set, and
/// by [`Device::start_downloads_when_free`](crate::Device::start_downloads_when_free).
///
/// Until then it borrows the buffers, and has started nothing: it may be dropped at any time. The download
/// shows the buffers at the point of the compute stream at which it starts.
///
/// It returns as soon as any thread drops a ticket or guard of the buffer, or the copy of a dropped ticket
/// ends. For several buffers it takes all slots at once or none: while it waits, other downloads may take the
/// free ones. So threads and tasks that wait for the same buffers, in whatever order, do not block each
/// other. They are in no order: a download that needs many slots may be overtaken by others that need few. If
/// no ticket or guard of one of the buffers is ever dropped, those of the caller included, it never returns.
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
///
/// A thread that waits is blocked until there is a slot, even if the ticket is awaited afterwards. So a task
/// of an executor awaits instead:
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
#[must_use = "nothing starts before this is waited for or awaited"]
pub struct WhenFree<'a, O, B: Backend> {
    /// None once it has given the ticket.
    request: Option<Request<'a, B>>,
    waiting: Waiting,
    output: PhantomData<fn() -> O>,
}

impl<'a, O, B: Backend> WhenFree<'a, O, B> {
    pub(crate) fn new(request: Request<'a, B>) -> Self {
        Self { request: Some(request), waiting: Waiting::default(), output: PhantomData }
    }

    /// Blocks the calling thread until there are slots, and starts the download.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame = Buffer::from_slice(&Device::host(), spec, &[1_u32, 2, 3])?.into_async();
    /// drop(frame.start_download()?); // keeps the slot until its copy has ended
    /// let ticket = frame.start_download_when_free().wait()?; // waits for the slot, and starts
    /// assert_eq!(*ticket.wait()?, [1, 2, 3]); // waits for the elements
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `start_download` but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] if it would have
    /// to wait inside a host kernel, in a waker that a thread of the device runs, or inside
    /// [`DeviceBuilder::on_pressure`](crate::DeviceBuilder::on_pressure) when a download has asked for the
    /// memory.
    ///
    /// # Panics
    ///
    /// If it was awaited before, as `&mut`, and has given the ticket or an error.
    pub fn wait(mut self) -> Result<Ticket<O, B>, Error> {
        self.waiting = Waiting::default();
        self.request.take().expect(GIVEN).wait()
    }
}

const GIVEN: &str = "gpumem: this download was started, or refused, already";

/// Gives the ticket, or the errors of [`wait`](WhenFree::wait), but that it may be polled in any waker.
/// It panics if it is polled again after that.
impl<O, B: Backend> Future for WhenFree<'_, O, B> {
    type Output = Result<Ticket<O, B>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let start = this.request.as_ref().expect(GIVEN).poll(&mut this.waiting, context.waker());
        if start.is_ready() {
            this.waiting = Waiting::default();
            this.request = None;
        }
        start
    }
}

impl<O, B: Backend> fmt::Debug for WhenFree<'_, O, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffers = self.request.iter().flat_map(Request::labels).map(|label| label.to_string());
        f.debug_tuple("WhenFree").field(&buffers.collect::<Vec<_>>()).finish()
    }
}
