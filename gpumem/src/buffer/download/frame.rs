//! Downloads that were started together: one ticket for all of them, and the frame that they become.
//!
//! [`Downloads`] is the ticket, of a selection of buffers (see `selection`) and of a derived set alike. It
//! becomes a [`Frame`], a tuple of guards or a generated struct. The copies share one event, so the ticket
//! waits for one of them and then takes the data of all.

use super::guard::DownloadGuard;
use super::start::Busy;
use super::ticket::RawDownload;
use crate::backend::Backend;
use crate::buffer::element::Element;
use crate::buffer::raw::RawBuffer;
use crate::error::Error;
use crate::memory::DeviceState;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The data of downloads that were started together: a tuple of [`DownloadGuard`]s, for
/// [`Device::start_downloads`](crate::Device::start_downloads), or the frame of a derived set.
///
/// It is implemented by the derive, and for tuples of up to twelve guards. It has no methods to call; it is a
/// bound for functions that take tickets of any kind:
///
/// ```
/// use gpumem::{Async, Buffer, Device, Downloads, Frame, Host};
/// use std::time::Duration;
///
/// /// The frame, if it comes in time for the next picture.
/// fn in_time<F: Frame>(ticket: &mut Downloads<F>) -> gpumem::Result<Option<F>> {
///     ticket.wait_timeout(Duration::from_secs(60))
/// }
///
/// let device = Device::host();
/// let levels: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "levels", &[7, 8])?.into_async();
/// let (levels,) = in_time(&mut device.start_downloads((&levels,))?)?.expect("it takes no minute");
/// assert_eq!(*levels, [7, 8]);
/// # Ok::<(), gpumem::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what downloads bring that were started together",
    label = "neither a tuple of `DownloadGuard`s nor the frame of a derived set"
)]
pub trait Frame: Sized {
    /// The backend of the buffers.
    type Backend: Backend;

    /// The ticket's name in `Debug`.
    #[doc(hidden)]
    const TICKET: &'static str;

    /// Takes the parts, in the order in which they were started.
    #[doc(hidden)]
    fn __arrive(parts: &mut Arrived<'_, Self::Backend>) -> Result<Self, Error>;
}

/// The parts of a frame that are there and were not taken yet. [`Downloads`] makes it.
pub struct Arrived<'a, B: Backend> {
    parts: std::slice::Iter<'a, RawDownload<B>>,
}

impl<B: Backend> fmt::Debug for Arrived<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived").field("parts", &self.parts.len()).finish()
    }
}

impl<B: Backend> Arrived<'_, B> {
    /// Takes the next part.
    ///
    /// # Errors
    ///
    /// [`Error::DownloadAbandoned`], and [`Error::DeviceFailed`].
    ///
    /// # Panics
    ///
    /// If there is no further part, or if the size of its elements is not that of a `T`. Generated code takes
    /// the parts that it has started.
    pub fn take_next<T: Element>(&mut self) -> Result<DownloadGuard<T, B>, Error> {
        let part = self.parts.next().expect("gpumem: a frame has no more parts than were started");
        // SAFETY: `Downloads::take`, which makes these parts, is called when the end of the copies was seen
        // (rule 3). Any bits are an `Element` (rule 5).
        unsafe { part.take() }
    }
}

/// Downloads that were started together and show one point of the compute stream: wait for them, or `.await`
/// them. Made by [`Device::start_downloads`](crate::Device::start_downloads), and by `start_download` of a
/// derived set.
///
/// As a [`Download`](crate::Download) it borrows nothing, may be sent to another thread, may be dropped or
/// forgotten at any time, and is a [`Future`] for any executor. All parts come together, and can be taken
/// once: a further poll or wait gives [`Error::DownloadAbandoned`]. A ticket that was awaited with a timeout
/// (as `&mut`, for instance with `tokio::time::timeout`) is as good as before when the time is over.
///
/// A set's ticket is an alias of it, here `PointsDownload` for `Downloads<PointsFrame>`:
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
#[must_use = "downloads that are not waited for are copies that nobody sees"]
pub struct Downloads<F: Frame> {
    parts: Vec<RawDownload<F::Backend>>,
    frame: PhantomData<fn() -> F>,
}

impl<F: Frame> Downloads<F> {
    /// Starts the downloads of ranges (elements) that lie in their buffers, all of them or none.
    pub(crate) fn start(
        state: &Arc<DeviceState<F::Backend>>,
        parts: &[(&RawBuffer<F::Backend>, Range<usize>)],
        busy: Busy,
    ) -> Result<Self, Error> {
        Ok(Self { parts: RawDownload::start(state, parts, busy)?, frame: PhantomData })
    }

    /// [`Self::start`] that awaits slots.
    pub(crate) async fn start_when_free(
        state: &Arc<DeviceState<F::Backend>>,
        parts: &[(&RawBuffer<F::Backend>, Range<usize>)],
    ) -> Result<Self, Error> {
        Ok(Self { parts: RawDownload::start_when_free(state, parts).await?, frame: PhantomData })
    }

    /// Whether all of the data is there, so that [`wait`](Self::wait) returns at once. Asks the device, and
    /// does not wait.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed: the data will not come.
    pub fn is_ready(&self) -> Result<bool, Error> {
        self.parts.iter().find(|part| part.has_data()).map_or(Ok(true), |part| part.ticket().is_ready())
    }

    /// Blocks the calling thread until the copies have ended, and returns the data in the pinned memory that
    /// the device wrote.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, [`Error::DownloadAbandoned`] after
    /// [`abandon_downloads`](crate::Buffer::abandon_downloads) of one of the buffers, and
    /// [`Error::WouldDeadlock`] inside a host kernel. It never hangs.
    pub fn wait(self) -> Result<F, Error> {
        self.parts.iter().find(|part| part.has_data()).map_or(Ok(()), |part| part.ticket().wait())?;
        self.take()
    }

    /// Blocks the calling thread until the copies have ended, for at most `timeout`, and returns the data if
    /// it is there. If it is not, the ticket is as good as before.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait), [`Error::DownloadAbandoned`] when the data was taken before, and
    /// [`Error::WouldDeadlock`] in a waker that a thread of the device runs.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<F>, Error> {
        let ended = self.with_data().map_or(Ok(true), |part| part.ticket_mut().wait_timeout(timeout))?;
        ended.then(|| self.take()).transpose()
    }

    /// A part with data. Its end is the end of all.
    fn with_data(&mut self) -> Option<&mut RawDownload<F::Backend>> {
        self.parts.iter_mut().find(|part| part.has_data())
    }

    /// Takes the data. The caller has seen the end of one copy, and with it of all (rule 3).
    fn take(&self) -> Result<F, Error> {
        F::__arrive(&mut Arrived { parts: self.parts.iter() })
    }
}

impl<F: Frame> Future for Downloads<F> {
    type Output = Result<F, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let poll = |part: &mut RawDownload<F::Backend>| part.ticket_mut().poll(context.waker());
        let end = this.with_data().map_or(Poll::Ready(Ok(())), poll);
        end.map(|end| end.and_then(|()| this.take()))
    }
}

impl<F: Frame> fmt::Debug for Downloads<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(F::TICKET);
        for part in &self.parts {
            shown.field(part.label().name(), &format_args!("{} elements", part.len()));
        }
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Async, Buffer, Device, Host};

    type Floats = (DownloadGuard<f32, Host>, DownloadGuard<f32, Host>);

    /// As wrong generated code could: it brings buffers and a frame together.
    fn floats(parts: &[&RawBuffer<Host>]) -> Result<Floats, Error> {
        let parts: Vec<_> = parts.iter().map(|raw| (*raw, 0..raw.len())).collect();
        Downloads::<Floats>::start(parts[0].0.state(), &parts, Busy::Refuse)?.wait()
    }

    #[test]
    #[should_panic(expected = "a buffer of another element")]
    fn a_frame_of_other_elements_is_refused() {
        let device = Device::host();
        let bytes: Buffer<u8, Host, Async> =
            Buffer::from_slice(&device, "bytes", &[1, 2]).unwrap().into_async();
        drop(floats(&[bytes.__raw(), bytes.__raw()]));
    }

    #[test]
    #[should_panic(expected = "no more parts than were started")]
    fn a_frame_of_more_parts_is_refused() {
        let device = Device::host();
        let number: Buffer<u32, Host, Async> =
            Buffer::from_slice(&device, "number", &[1]).unwrap().into_async();
        // Of the same size: any bits are a float.
        let two = floats(&[number.__raw(), number.__raw()]).unwrap();
        assert_eq!(two.1[0].to_bits(), 1);
        drop(two);
        drop(floats(&[number.__raw()]));
    }
}
