//! Selections: buffers and ranges of buffers that are downloaded together.
//!
//! A selection is a tuple. Each part of it is `&Buffer<T, B, Async>` or a [`Part`], which is a range of a
//! buffer. The traits give the types of the parts and of the frame; the ticket is [`Downloads`].

use super::frame::{Arrived, Downloads, Frame};
use super::guard::DownloadGuard;
use super::start::Busy;
use crate::backend::Backend;
use crate::buffer::element::{AsyncMode, Element, Mode};
use crate::buffer::raw::RawBuffer;
use crate::buffer::typed::Buffer;
use crate::device::Device;
use crate::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeBounds};

/// A range of an async buffer, as a part of a [selection](Device::start_downloads). Made by [`Buffer::part`].
///
/// It borrows the buffer, and queues no work.
pub struct Part<'a, T, B: Backend> {
    raw: &'a RawBuffer<B>,
    range: Range<usize>,
    element: PhantomData<&'a [T]>,
}

// Written out, since a derive would require a `Clone` backend, and no backend is one.
impl<T, B: Backend> Clone for Part<'_, T, B> {
    fn clone(&self) -> Self {
        Self { raw: self.raw, range: self.range.clone(), element: PhantomData }
    }
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// A range of the elements, for [`Device::start_downloads`].
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3, 4, 5])?.into_async();
    /// let ends = device.start_downloads((cells.part(..2)?, cells.part(4..)?))?; // two slots
    /// let (first, last) = ends.wait()?;
    /// assert_eq!((&*first, &*last), (&[1, 2][..], &[5][..]));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] when the range does not lie in the buffer.
    pub fn part(&self, range: impl RangeBounds<usize>) -> Result<Part<'_, T, B>, Error>
    where
        M: AsyncMode,
    {
        Ok(Part { raw: &self.raw, range: self.raw.range(range)?, element: PhantomData })
    }
}

impl<B: Backend> Device<B> {
    /// Starts to copy several buffers, or ranges of them, to the host: all of them or none. Returns at once
    /// with one ticket for all.
    ///
    /// `selection` is a tuple of up to twelve parts, each a `&Buffer` of mode [`Async`](crate::Async) or a
    /// [`Part`] of one, such as `(&positions, velocities.part(..100)?)`. The ticket becomes a tuple of as
    /// many [`DownloadGuard`]s. The `start_download` of a derived set downloads all of its `async` buffers; a
    /// selection is for some of them, for ranges, and for buffers of several sets.
    ///
    /// All parts show one point of the compute stream: all work that was queued before is seen in every part,
    /// and no work that is queued later is seen in any. Otherwise each part is as with
    /// [`Buffer::start_download`]: it takes a slot of its buffer, and later writes of the buffer wait for the
    /// copies, on the device. A buffer may come up more than once, and needs as many slots.
    ///
    /// The copies run one after the other and wait once for the compute stream. So it costs less than to
    /// start each one by itself, and all parts are there when the last one is. As with
    /// [`Buffer::start_download`], memory is pinned the first time, which is slow.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let mut positions: Buffer<f32, Host, Async> = Buffer::from_slice(&device, "positions", &[0.0, 1.0])?.into_async();
    /// let mut kinds: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "kinds", &[7, 8, 9])?.into_async();
    ///
    /// let downloads = device.start_downloads((&positions, kinds.part(1..)?))?;
    /// positions.fill(5.0)?; // waits for the copies, on the device
    /// kinds.clear();
    /// let (positions, kinds) = downloads.wait()?; // or `.await?`
    /// assert_eq!((&*positions, &*kinds), (&[0.0, 1.0][..], &[8, 9][..]));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a buffer of another device, [`Error::SlotsBusy`] when a buffer has no
    /// slot left, [`Error::TooFewSlots`] when a buffer comes up more often than it has slots,
    /// [`Error::OutOfPinnedMemory`] and [`Error::DeviceFailed`], and for `snapshot` buffers those of
    /// [`Buffer::reserve`]. No download was started then, and no slot is taken.
    // By value, since a tuple of references is written in place.
    #[allow(clippy::needless_pass_by_value)]
    pub fn start_downloads<S: Selection<B>>(&self, selection: S) -> Result<Downloads<S::Frame>, Error> {
        Downloads::start(self.state(), &selection.buffer_ranges(), Busy::Refuse)
    }

    /// [`Device::start_downloads`] that waits for slots if there are not enough.
    ///
    /// It takes all slots at once or none: while it waits, other downloads may take the free ones. So threads
    /// that wait for the same buffers, in whatever order, do not block each other. The waiting threads are in
    /// no order: a download that needs many slots may be overtaken by others that need few. If no ticket or
    /// guard of one of the buffers is ever dropped, the calling thread's own included, this call never
    /// returns. It blocks the calling thread meanwhile: a task of an executor awaits
    /// [`Device::start_downloads_when_free`] instead.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, Host};
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2, 3])?.into_async();
    /// let first = frame.start_download()?;
    /// let reader = std::thread::spawn(move || first.wait().map(|guard| guard.len()));
    /// let (second,) = device.start_downloads_wait((&frame,))?.wait()?; // once the reader is done
    /// assert_eq!(*second, [1, 2, 3]);
    /// # assert_eq!(reader.join().unwrap(), Ok(3));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Device::start_downloads`] but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] as for
    /// [`Buffer::start_download_wait`].
    // By value, since a tuple of references is written in place.
    #[allow(clippy::needless_pass_by_value)]
    pub fn start_downloads_wait<S: Selection<B>>(&self, selection: S) -> Result<Downloads<S::Frame>, Error> {
        Downloads::start(self.state(), &selection.buffer_ranges(), Busy::Wait)
    }

    /// [`Device::start_downloads`] for a task: if there are not enough slots it awaits them, and blocks no
    /// thread.
    ///
    /// As [`Device::start_downloads_wait`] it takes all slots at once or none, and waiting tasks are in no
    /// order. The downloads show the point of the compute stream at which they start. The future borrows the
    /// buffers until then, and may be dropped at any time.
    ///
    /// # Errors
    ///
    /// Those of [`Device::start_downloads`] but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] inside
    /// a host kernel if it would have to wait.
    pub async fn start_downloads_when_free<S: Selection<B>>(
        &self,
        selection: S,
    ) -> Result<Downloads<S::Frame>, Error> {
        Downloads::start_when_free(self.state(), &selection.buffer_ranges()).await
    }
}

/// Buffers and ranges that can be downloaded together: a tuple of 1 to 12 parts, see
/// [`Device::start_downloads`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a selection of buffers",
    label = "not a tuple of 1 to 12 parts",
    note = "a selection is a tuple such as `(&positions, velocities.part(..100)?)`, and `(&positions,)` for a single part"
)]
pub trait Selection<B: Backend>: sealed::Selection<B> {
    /// The downloaded data: a tuple of guards.
    type Frame: Frame<Backend = B>;
}

/// A type that can be a part of a [`Selection`]: `&Buffer<T, B, Async>` or a [`Part`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be downloaded together with others from a device of backend `{B}`",
    label = "not a part of a selection",
    note = "a part is `&Buffer<_, {B}, Async>`, or a range of one: `buffer.part(range)?`"
)]
pub trait SelectionPart<B: Backend>: sealed::Part<B> {
    /// Its elements.
    type Element: Element;
}

mod sealed {
    use super::{Backend, Range, RawBuffer};

    pub trait Selection<B: Backend> {
        fn buffer_ranges(&self) -> Vec<(&RawBuffer<B>, Range<usize>)>;
    }

    pub trait Part<B: Backend> {
        fn buffer_range(&self) -> (&RawBuffer<B>, Range<usize>);
    }
}

impl<T: Element, B: Backend, M: AsyncMode> sealed::Part<B> for &Buffer<T, B, M> {
    fn buffer_range(&self) -> (&RawBuffer<B>, Range<usize>) {
        (&self.raw, 0..self.raw.len())
    }
}

impl<T: Element, B: Backend, M: AsyncMode> SelectionPart<B> for &Buffer<T, B, M> {
    type Element = T;
}

impl<T: Element, B: Backend> sealed::Part<B> for Part<'_, T, B> {
    fn buffer_range(&self) -> (&RawBuffer<B>, Range<usize>) {
        (self.raw, self.range.clone())
    }
}

impl<T: Element, B: Backend> SelectionPart<B> for Part<'_, T, B> {
    type Element = T;
}

impl<T, B: Backend> fmt::Debug for Part<'_, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("buffer", &self.raw.label()).field("range", &self.range).finish()
    }
}

macro_rules! selections {
    ($($part:ident)*) => {
        // The type parameters' names are also those of the values.
        #[allow(non_snake_case)]
        impl<B: Backend, $($part: SelectionPart<B>),*> sealed::Selection<B> for ($($part,)*) {
            fn buffer_ranges(&self) -> Vec<(&RawBuffer<B>, Range<usize>)> {
                let ($($part,)*) = self;
                vec![$($part.buffer_range()),*]
            }
        }

        impl<B: Backend, $($part: SelectionPart<B>),*> Selection<B> for ($($part,)*) {
            type Frame = ($(DownloadGuard<$part::Element, B>,)*);
        }

        impl<B: Backend, $($part: Element),*> Frame for ($(DownloadGuard<$part, B>,)*) {
            type Backend = B;

            const TICKET: &'static str = "Downloads";

            fn __arrive(parts: &mut Arrived<'_, B>) -> Result<Self, Error> {
                Ok(($(parts.take_next::<$part>()?,)*))
            }
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
