//! The results of transfers, and how the parts of a ticket become one.

use super::guard::DownloadGuard;
use super::part::TicketPart;
use crate::backend::Backend;
use crate::buffer::element::Element;
use crate::error::Error;
use std::fmt;

/// The result of a [`Ticket`](crate::Ticket): a [`DownloadGuard`], a tuple of guards (for
/// [`Device::start_downloads`](crate::Device::start_downloads)), the frame of a derived set, or `()` for an
/// upload.
///
/// It is implemented by the derive, and for tuples of up to twelve guards. It has no methods to call; it is a
/// bound for functions that take tickets of any kind:
///
/// ```
/// use gpumem::{Async, Backend, Buffer, Device, Frame, Host, Ticket};
/// use std::time::Duration;
///
/// /// The frame, if it comes in time for the next picture.
/// fn in_time<O: Frame<B>, B: Backend>(ticket: &mut Ticket<O, B>) -> gpumem::Result<Option<O>> {
///     ticket.wait_timeout(Duration::from_secs(60))
/// }
///
/// let device = Device::host();
/// let levels: Buffer<u8, Host, Async> = Buffer::from_slice(&device, "levels", &[7, 8])?.into_async();
/// let guard = in_time(&mut levels.start_download()?)?.expect("it takes no minute");
/// assert_eq!(*guard, [7, 8]);
/// let (levels,) = in_time(&mut device.start_downloads((&levels,))?)?.expect("neither does this");
/// assert_eq!(*levels, [7, 8]);
/// # Ok::<(), gpumem::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "no transfer on a device of backend `{B}` brings `{Self}`",
    label = "neither a `DownloadGuard`, nor a tuple of guards, nor the frame of a derived set, nor `()`"
)]
pub trait Frame<B: Backend>: Sized {
    /// Takes the parts, in the order in which they were started.
    #[doc(hidden)]
    fn __arrive(parts: &mut Arrived<'_, B>) -> Result<Self, Error>;
}

/// The parts of a frame that are there and were not taken yet. [`Ticket`](crate::Ticket) makes it.
pub struct Arrived<'a, B: Backend> {
    parts: std::slice::Iter<'a, TicketPart<B>>,
}

impl<B: Backend> fmt::Debug for Arrived<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived").field("parts", &self.parts.len()).finish()
    }
}

impl<'a, B: Backend> Arrived<'a, B> {
    /// # Safety
    ///
    /// The caller has seen the end of the copies of these parts (rule 3).
    pub(super) unsafe fn new(parts: &'a [TicketPart<B>]) -> Self {
        Self { parts: parts.iter() }
    }

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
        // SAFETY: the end of the copies was seen, as `new` asks (rule 3). Any bits are an `Element` (rule 5).
        unsafe { part.take() }
    }
}

/// An upload brings nothing.
impl<B: Backend> Frame<B> for () {
    fn __arrive(_: &mut Arrived<'_, B>) -> Result<Self, Error> {
        Ok(())
    }
}

impl<T: Element, B: Backend> Frame<B> for DownloadGuard<T, B> {
    fn __arrive(parts: &mut Arrived<'_, B>) -> Result<Self, Error> {
        parts.take_next()
    }
}

macro_rules! tuples {
    ($($element:ident)*) => {
        impl<B: Backend, $($element: Element),*> Frame<B> for ($(DownloadGuard<$element, B>,)*) {
            fn __arrive(parts: &mut Arrived<'_, B>) -> Result<Self, Error> {
                Ok(($(parts.take_next::<$element>()?,)*))
            }
        }
    };
}

tuples!(T0);
tuples!(T0 T1);
tuples!(T0 T1 T2);
tuples!(T0 T1 T2 T3);
tuples!(T0 T1 T2 T3 T4);
tuples!(T0 T1 T2 T3 T4 T5);
tuples!(T0 T1 T2 T3 T4 T5 T6);
tuples!(T0 T1 T2 T3 T4 T5 T6 T7);
tuples!(T0 T1 T2 T3 T4 T5 T6 T7 T8);
tuples!(T0 T1 T2 T3 T4 T5 T6 T7 T8 T9);
tuples!(T0 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10);
tuples!(T0 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11);
