//! Selections: buffers and views that are downloaded together.
//!
//! A selection is a tuple. Each part of it is a `&Buffer<T, B, Async>` or a [`View`] of one. The traits give
//! the types of the parts and of the frame; the ticket is a [`Ticket`] of that frame.

use super::start::Request;
use super::when_free::WhenFree;
use crate::backend::Backend;
use crate::buffer::element::{AsyncMode, Element};
use crate::buffer::ticket::{DownloadGuard, Frame, FrameQueue, OneOrMany, Ticket};
use crate::buffer::typed::Buffer;
use crate::buffer::view::{BufferRange, View};
use crate::device::Device;
use crate::error::Error;

impl<B: Backend> Device<B> {
    /// Starts to copy several buffers, or ranges of them, to the host: all of them or none. Returns at once
    /// with one ticket for all.
    ///
    /// `selection` is a tuple of up to twelve parts, each a `&Buffer` of mode [`Async`](crate::Async) or a
    /// [`View`] of one, such as `(&positions, velocities.view(..100)?)`. The ticket becomes a tuple of as
    /// many [`DownloadGuard`]s. The `start_download` of a derived set downloads all of its `async` buffers; a
    /// selection is for some of them, for ranges, and for buffers of several sets.
    ///
    /// All parts show one point of the compute stream: all work that was queued before is seen in every part,
    /// and no work that is queued later is seen in any. Otherwise each part is as with
    /// [`Buffer::start_download`]: it takes a slot of its buffer, and later writes of the buffer wait for the
    /// copies, on the device. A buffer may come up more than once, and needs as many slots.
    ///
    /// The copies wait once for the compute stream. Where the driver is that of CUDA 12.8 or a newer one, up
    /// to 16 of them are one call of it. So it costs less than to start each one by itself, and all parts are
    /// there when the last one is. As with [`Buffer::start_download`], memory is pinned the first time, which
    /// is slow.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let mut positions: Buffer<f32, Host, Async> = Buffer::from_slice(&device, "positions", &[0.0, 1.0])?.into_async();
    /// let mut kinds: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "kinds", &[7, 8, 9])?.into_async();
    ///
    /// let downloads = device.start_downloads((&positions, kinds.view(1..)?))?;
    /// positions.fill(5.0)?; // waits for the copies, on the device
    /// kinds.clear();
    /// let (positions, kinds) = downloads.wait()?; // or `.await?`
    /// assert_eq!((&*positions, &*kinds), (&[0.0, 1.0][..], &[8, 9][..]));
    ///
    /// // Two ranges of one buffer take two slots.
    /// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3, 4, 5])?.into_async();
    /// let (first, last) = device.start_downloads((cells.view(..2)?, cells.view(4..)?))?.wait()?;
    /// assert_eq!((&*first, &*last), (&[1, 2][..], &[5][..]));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a buffer of another device, [`Error::SlotsBusy`] when a buffer has no
    /// slot left, [`Error::TooFewSlots`] when a buffer comes up more often than it has slots,
    /// [`Error::OutOfPinnedMemory`] and [`Error::DeviceFailed`], and for `snapshot` buffers those of
    /// [`Buffer::reserve`]. No download was started then, and no slot is taken.
    #[track_caller]
    pub fn start_downloads<S: Selection<B>>(&self, selection: S) -> Result<Ticket<S::Frame, B>, Error> {
        self.request(selection).start()
    }

    /// [`Device::start_downloads`] that waits for slots if there are not enough: the value that it returns
    /// can be waited for, or awaited. See [`WhenFree`].
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, Host};
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2, 3])?.into_async();
    /// let first = frame.start_download()?;
    /// let reader = std::thread::spawn(move || first.wait().map(|guard| guard.len()));
    /// let second = device.start_downloads_when_free((&frame,)).wait()?; // once the reader is done
    /// assert_eq!(*second.wait()?.0, [1, 2, 3]);
    /// # assert_eq!(reader.join().unwrap(), Ok(3));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[track_caller]
    pub fn start_downloads_when_free<'a, S>(&'a self, selection: S) -> WhenFree<'a, S::Frame, B>
    where
        S: Selection<B> + 'a,
    {
        WhenFree::new(self.request(selection))
    }

    /// A queue for downloads of this selection: for as many as its buffers have slots. See [`FrameQueue`],
    /// which has the loop.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let mut a: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "a", &[0; 3])?.into_async();
    /// let b: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "b", &[7; 3])?.into_async();
    /// let mut sums = Vec::new();
    /// let mut frames = device.frame_queue((&a, b.view(..1)?));
    /// for step in 1..=4 {
    ///     a.fill(step)?;
    ///     let download = device.start_downloads((&a, b.view(..1)?))?;
    ///     if let Some((a, b)) = frames.push(download)? { sums.push(a[0] + b[0]) }
    /// }
    /// for frame in frames.drain() {
    ///     let (a, b) = frame?;
    ///     sums.push(a[0] + b[0]);
    /// }
    /// assert_eq!(sums, [8, 9, 10, 11]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn frame_queue<S: Selection<B>>(&self, selection: S) -> FrameQueue<S::Frame, B> {
        self.request(selection).frame_queue()
    }

    #[track_caller]
    fn request<'a, S: Selection<B> + 'a>(&'a self, selection: S) -> Request<'a, B> {
        Request::new(self.state(), OneOrMany::Many(selection.buffer_ranges()))
    }
}

/// Buffers and views that can be downloaded together: a tuple of 1 to 12 parts, see
/// [`Device::start_downloads`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a selection of buffers",
    label = "not a tuple of 1 to 12 parts",
    note = "a selection is a tuple such as `(&positions, velocities.view(..100)?)`, and `(&positions,)` for a single part"
)]
pub trait Selection<B: Backend>: sealed::Selection<B> {
    /// The downloaded data: a tuple of guards.
    type Frame: Frame<B>;
}

/// A type that can be a part of a [`Selection`]: `&Buffer<T, B, Async>`, or a [`View`] of such a buffer.
/// Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be downloaded together with others from a device of backend `{B}`",
    label = "not a part of a selection",
    note = "a part is `&Buffer<_, {B}, Async>`, or a range of one: `buffer.view(range)?`"
)]
pub trait SelectionPart<B: Backend>: sealed::Part<B> {
    /// Its elements.
    type Element: Element;
}

mod sealed {
    use super::{Backend, BufferRange};

    pub trait Selection<B: Backend> {
        fn buffer_ranges<'a>(self) -> Vec<BufferRange<'a, B>>
        where
            Self: 'a;
    }

    pub trait Part<B: Backend> {
        fn buffer_range<'a>(self) -> BufferRange<'a, B>
        where
            Self: 'a;
    }
}

impl<T: Element, B: Backend, M: AsyncMode> sealed::Part<B> for &Buffer<T, B, M> {
    fn buffer_range<'a>(self) -> BufferRange<'a, B>
    where
        Self: 'a,
    {
        BufferRange::all(&self.raw)
    }
}

impl<T: Element, B: Backend, M: AsyncMode> SelectionPart<B> for &Buffer<T, B, M> {
    type Element = T;
}

impl<T: Element, B: Backend, M: AsyncMode> sealed::Part<B> for View<'_, T, B, M> {
    fn buffer_range<'a>(self) -> BufferRange<'a, B>
    where
        Self: 'a,
    {
        self.part
    }
}

impl<T: Element, B: Backend, M: AsyncMode> SelectionPart<B> for View<'_, T, B, M> {
    type Element = T;
}

macro_rules! selections {
    ($($part:ident)*) => {
        // The type parameters' names are also those of the values.
        #[allow(non_snake_case)]
        impl<B: Backend, $($part: SelectionPart<B>),*> sealed::Selection<B> for ($($part,)*) {
            fn buffer_ranges<'a>(self) -> Vec<BufferRange<'a, B>>
            where
                Self: 'a,
            {
                let ($($part,)*) = self;
                vec![$($part.buffer_range()),*]
            }
        }

        impl<B: Backend, $($part: SelectionPart<B>),*> Selection<B> for ($($part,)*) {
            type Frame = ($(DownloadGuard<$part::Element, B>,)*);
        }
    };
}

selections!(T0);
selections!(T0 T1);
selections!(T0 T1 T2);
selections!(T0 T1 T2 T3);
selections!(T0 T1 T2 T3 T4);
selections!(T0 T1 T2 T3 T4 T5);
selections!(T0 T1 T2 T3 T4 T5 T6);
selections!(T0 T1 T2 T3 T4 T5 T6 T7);
selections!(T0 T1 T2 T3 T4 T5 T6 T7 T8);
selections!(T0 T1 T2 T3 T4 T5 T6 T7 T8 T9);
selections!(T0 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10);
selections!(T0 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11);
