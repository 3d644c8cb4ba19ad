//! Selections: buffers and ranges of buffers that are downloaded together.
//!
//! A selection is a tuple; a part of it is `&Buffer<T, B, Async>` or a [`Part`], which is a range of one. The traits say what types
//! the parts and the frame have; all else is that of [`Downloads`].

use super::download::{Busy, DownloadGuard};
use super::frame::{Arrived, Downloads, Frame};
use super::raw::RawBuffer;
use super::{AsyncMode, Buffer, Element, Mode};
use crate::backend::Backend;
use crate::device::Device;
use crate::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeBounds};

/// A range of an async buffer, as a part of a [selection](Device::start_downloads). Made by [`Buffer::part`].
///
/// It borrows the buffer, and queues nothing.
pub struct Part<'a, T, B: Backend> {
    raw: &'a RawBuffer<B>,
    range: Range<usize>,
    element: PhantomData<&'a [T]>,
}

// Written out, since a derive would ask the backend to be `Clone`, which none is.
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
    /// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3, 4, 5])?;
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
    /// Starts to copy several buffers, or ranges of them, to the host: all of them or none. Returns at once with one ticket for all.
    ///
    /// `selection` is a tuple of up to twelve parts, each `&Buffer` of mode [`Async`](crate::Async) or a [`Part`] of one, such as
    /// `(&positions, velocities.part(..100)?)`. The ticket gives a tuple of as many [`DownloadGuard`]s. All `async` buffers of a derived
    /// set come down with its own `start_download`; a selection is for some of them, for ranges, and for buffers of several sets.
    ///
    /// What arrives is all of one point of the stream: no work that is queued by then is missing in one part and seen in another, and
    /// what is queued later is seen in none. Otherwise each part is as [`Buffer::start_download`] makes it: it takes a
    /// slot of its buffer, and what writes the buffer later waits for the copies, on the device. A buffer may come up more than once
    /// and needs as many slots.
    ///
    /// The copies run one after the other and wait once for the compute stream, so it costs less than starting each by itself; and all
    /// arrive with the last. As with [`Buffer::start_download`], pinned memory is slow to come by the first time.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let mut positions: Buffer<f32, Host, Async> = Buffer::from_slice(&device, "positions", &[0.0, 1.0])?;
    /// let mut kinds: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "kinds", &[7, 8, 9])?;
    ///
    /// let downloads = device.start_downloads((&positions, kinds.part(1..)?))?;
    /// positions.fill(5.0)?; // waits for the copies, on the stream
    /// kinds.clear();
    /// let (positions, kinds) = downloads.wait()?; // or `.await?`
    /// assert_eq!((&*positions, &*kinds), (&[0.0, 1.0][..], &[8, 9][..]));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] for a buffer of another device, [`Error::SlotsBusy`] when one has no slot left,
    /// [`Error::TooFewSlots`] when a buffer comes up more often than it has slots, [`Error::OutOfPinnedMemory`] and
    /// [`Error::DeviceFailed`], and for `snapshot` buffers those of [`Buffer::reserve`]. Nothing was started then, and no slot is taken.
    // By value, since a tuple of references is written in place.
    #[allow(clippy::needless_pass_by_value)]
    pub fn start_downloads<S: Selection<B>>(&self, selection: S) -> Result<Downloads<S::Frame>, Error> {
        Downloads::start(self.state(), &selection.places(), Busy::Refuse)
    }

    /// [`Device::start_downloads`] that waits for slots where there are not enough.
    ///
    /// It takes all slots at once or none: while it waits, others may have those that are free, so threads that wait for the same
    /// buffers, in whatever order, do not hold each other up. Nor is there an order among them: one that needs many slots may be
    /// overtaken by others that need few. Tickets and guards that nobody lets go of it waits for for ever, those of the calling thread
    /// among them. It keeps that thread meanwhile: a task of an executor awaits
    /// [`Device::start_downloads_when_free`] instead.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, Host};
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2, 3])?;
    /// let first = frame.start_download()?;
    /// let reader = std::thread::spawn(move || first.wait().map(|guard| guard.len()));
    /// let (second,) = device.start_downloads_wait((&frame,))?.wait()?; // when the reader is done
    /// assert_eq!(*second, [1, 2, 3]);
    /// # assert_eq!(reader.join().unwrap(), Ok(3));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Device::start_downloads`] but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] where
    /// [`Buffer::start_download_wait`] gives it.
    // By value, since a tuple of references is written in place.
    #[allow(clippy::needless_pass_by_value)]
    pub fn start_downloads_wait<S: Selection<B>>(&self, selection: S) -> Result<Downloads<S::Frame>, Error> {
        Downloads::start(self.state(), &selection.places(), Busy::Wait)
    }

    /// [`Device::start_downloads`] for a task: where there are not enough slots it awaits them, and keeps no thread.
    ///
    /// As [`Device::start_downloads_wait`] it takes all slots at once or none, and no order is kept among those who wait. The point of the stream
    /// that is shown is the one at which it starts. The future borrows the buffers until then, and may be dropped at any time.
    ///
    /// # Errors
    ///
    /// Those of [`Device::start_downloads`] but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] inside a host kernel where it
    /// would have to wait.
    pub async fn start_downloads_when_free<S: Selection<B>>(
        &self,
        selection: S,
    ) -> Result<Downloads<S::Frame>, Error> {
        Downloads::start_when_free(self.state(), &selection.places()).await
    }
}

/// What can be downloaded together: a tuple of 1 to 12 parts, see [`Device::start_downloads`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a selection of buffers",
    label = "not a tuple of 1 to 12 parts",
    note = "a selection is a tuple such as `(&positions, velocities.part(..100)?)`, and `(&positions,)` for a single part"
)]
pub trait Selection<B: Backend>: sealed::Selection<B> {
    /// What arrives: a tuple of guards.
    type Frame: Frame<Backend = B>;
}

/// What can be a part of a [`Selection`]: `&Buffer<T, B, Async>` or a [`Part`]. Sealed.
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
        fn places(&self) -> Vec<(&RawBuffer<B>, Range<usize>)>;
    }

    pub trait Part<B: Backend> {
        fn place(&self) -> (&RawBuffer<B>, Range<usize>);
    }
}

impl<T: Element, B: Backend, M: AsyncMode> sealed::Part<B> for &Buffer<T, B, M> {
    fn place(&self) -> (&RawBuffer<B>, Range<usize>) {
        (&self.raw, 0..self.raw.len())
    }
}

impl<T: Element, B: Backend, M: AsyncMode> SelectionPart<B> for &Buffer<T, B, M> {
    type Element = T;
}

impl<T: Element, B: Backend> sealed::Part<B> for Part<'_, T, B> {
    fn place(&self) -> (&RawBuffer<B>, Range<usize>) {
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
        // The names of the parameters serve as those of the values.
        #[allow(non_snake_case)]
        impl<B: Backend, $($part: SelectionPart<B>),*> sealed::Selection<B> for ($($part,)*) {
            fn places(&self) -> Vec<(&RawBuffer<B>, Range<usize>)> {
                let ($($part,)*) = self;
                vec![$($part.place()),*]
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
