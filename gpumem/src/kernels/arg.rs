//! The buffers that a kernel takes.
//!
//! ```text
//! lend        before the launch: is the buffer of this device? The kernel's stream waits for earlier work
//! (launch)    the kernel is queued; on the host it gets `slices`
//! used_on     after it, on a stream of the application's own: later work waits for the kernel
//! ```
//!
//! Each argument does this for itself, and [`KernelArgs`] for a tuple. The borrow of the arguments lasts
//! until the kernel is queued, so no other thread queues work on the buffers in between.

use super::backend::{KernelBackend, Lent};
use crate::buffer::{Bound, Buffer, Element, Mode, RawBuffer, View, ViewMut};
use crate::device::Device;
use crate::error::Error;
use crate::memory::Stream;
use std::panic::Location;

/// An argument of a kernel: `&Buffer` or a [`View`], which arrives as `&[T]`, or `&mut Buffer`, a
/// [`ViewMut`] or `&mut Bound`, which arrives as `&mut [T]`. Sealed.
#[diagnostic::on_unimplemented(
    message = "a kernel cannot take `{Self}`",
    label = "not an argument of a kernel",
    note = "an argument is `&buffer` or a view, which arrives as `&[T]`, or `&mut buffer`, a mutable view or `&mut bound`, which \
            arrive as `&mut [T]`",
    note = "a value such as a number is no argument: the closure captures it, `device.launch((&mut x,), move |(x,)| x[0] += value)`",
    note = "with a buffer itself, `launch_on` begins and ends its use on the stream: `use_on` is for kernels of a card"
)]
pub trait KernelArg<B: KernelBackend>: sealed::Arg<B> {}

/// The buffers of a launch: a tuple of up to twelve [`KernelArg`]s.
#[diagnostic::on_unimplemented(
    message = "a kernel cannot take `{Self}`",
    label = "not a tuple of up to 12 buffers",
    note = "the arguments are a tuple such as `(&mut positions, &velocities)`, and `(&mut positions,)` for a single buffer"
)]
pub trait KernelArgs<B: KernelBackend>: sealed::Args {
    /// The kernel's parameter on the host: a tuple of slices.
    type Slices<'a>;

    #[doc(hidden)]
    fn lend(&mut self, device: &Device<B>, stream: Option<&Stream<B>>) -> Result<Self::Lent, Error>;

    /// Notes the uses of the buffers by a kernel that was queued on a stream of the application's own.
    #[doc(hidden)]
    fn used_on(&mut self, stream: &Stream<B>) -> Result<(), Error>;

    /// # Safety
    ///
    /// To be called once, in a job that is queued while the borrow of the arguments lasts. The job runs on
    /// the stream that `lend` was given, and its uses are noted there, or else on the compute stream of the
    /// device that `lend` was given. That is a device whose memory this process can address. The slices do
    /// not outlive the job (rules 1 and 2).
    #[doc(hidden)]
    unsafe fn slices<'a>(lent: Self::Lent) -> Self::Slices<'a>;
}

/// An argument for a parameter `&[T]` of a typed kernel: `&Buffer<T>` or [`View<T>`](View). Sealed.
#[diagnostic::on_unimplemented(
    message = "this parameter of the kernel is `&[{T}]` on `{B}`, and cannot be `{Self}`",
    label = "not a buffer of `{T}` to read",
    note = "it is `&buffer`, or a view: `buffer.view(range)?`",
    note = "for a mutable borrow, as `split_mut` gives, write `&*buffer`",
    note = "elements on the host are uploaded before: `Buffer::from_slice(&device, \"name\", &elements)?`"
)]
pub trait KernelSlice<T, B: KernelBackend>:
    for<'a> sealed::Arg<B, Slice<'a> = &'a [T]> + KernelArg<B>
{
}

/// An argument for a parameter `&mut [T]` of a typed kernel: `&mut Buffer<T>`, [`ViewMut<T>`](ViewMut) or
/// `&mut Bound<T>`. Sealed.
#[diagnostic::on_unimplemented(
    message = "this parameter of the kernel is `&mut [{T}]` on `{B}`, and cannot be `{Self}`",
    label = "not a buffer of `{T}` to write",
    note = "it is `&mut buffer`, `&mut bound`, or a mutable view: `buffer.view_mut(range)?`",
    note = "elements on the host are uploaded before: `Buffer::from_slice(&device, \"name\", &elements)?`"
)]
pub trait KernelSliceMut<T, B: KernelBackend>:
    for<'a> sealed::Arg<B, Slice<'a> = &'a mut [T]> + KernelArg<B>
{
}

pub(super) mod sealed {
    use super::{Device, Error, KernelBackend, Lent, Stream};

    pub trait Arg<B: KernelBackend>: Sized {
        type Slice<'a>;

        fn lend(&mut self, device: &Device<B>, stream: Option<&Stream<B>>) -> Result<Lent, Error>;

        fn used_on(&mut self, stream: &Stream<B>) -> Result<(), Error>;

        /// The number of elements.
        fn __elements(&self) -> usize;

        /// # Safety
        ///
        /// As for `KernelArgs::slices` (rules 1 and 2).
        unsafe fn slice<'a>(lent: Lent) -> Self::Slice<'a>;
    }

    pub trait Args: Sized {
        type Lent: AsRef<[Lent]> + Copy + Send + 'static;
    }
}

/// Queues a kernel with these arguments: on this stream of the application's own, or else on the compute
/// stream. The name and the line of the launch are for the timeline. `queue` gets the stream and the memory
/// of the arguments, and is called once.
pub(super) fn queue_with<B: KernelBackend, A: KernelArgs<B>>(
    device: &Device<B>,
    stream: Option<&Stream<B>>,
    (name, launched_at): (&'static str, &'static Location<'static>),
    mut args: A,
    queue: impl FnOnce(&Stream<B>, A::Lent) -> Result<(), Error>,
) -> Result<(), Error> {
    let lent = args.lend(device, stream)?;
    let state = device.state();
    let on = stream.unwrap_or_else(|| state.lanes.compute.stream());
    queue(on, lent).map_err(|error| error.counted(&state.ledger.counters))?;
    state.ledger.recorder.kernel(name, launched_at, on.number());
    // If this fails, the buffers concerned are marked as in use for good.
    stream.map_or(Ok(()), |stream| args.used_on(stream))
}

impl Lent {
    /// `len` elements, from the byte `offset` of the buffer on.
    fn of<B: KernelBackend>(
        raw: &RawBuffer<B>,
        device: &Device<B>,
        (offset, len): (usize, usize),
    ) -> Result<Self, Error> {
        if !raw.device().is(device) {
            return Err(raw.on_another_device("the kernel was launched on another".into()));
        }
        Ok(Self { start: B::__address(raw, offset), len })
    }

    /// # Safety
    ///
    /// As for `KernelArgs::slices`, for elements of type `T` that no work writes meanwhile (rules 1, 2 and
    /// 5).
    unsafe fn shared<'a, T: Element>(self) -> &'a [T] {
        // SAFETY: `len` elements from `start` on were written before the launch, in the order of the kernel's
        // stream (rules 1 and 5). They are not written while the kernel runs: later writers come after it on
        // that stream, host access waits for the stream, and another argument of the same launch cannot
        // borrow the buffer mutably. The memory becomes free only in the order of the stream. On another
        // stream, the kernel is a pending use of the buffer for all of these (rule 2).
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.len) }
    }

    /// # Safety
    ///
    /// As for `KernelArgs::slices`, for elements of type `T` that no other work uses meanwhile (rules 1, 2
    /// and 5).
    unsafe fn exclusive<'a, T: Element>(self) -> &'a mut [T] {
        // SAFETY: as for the shared slice, and there is no reader either: the kernel waits for earlier
        // downloads (`order_after_uses`, rule 2), later downloads wait for an event that comes after the
        // kernel, and the buffer was borrowed mutably while the kernel was queued. On another stream, the
        // kernel waits for all uses (`lend_to`), and the compute stream waits for the kernel.
        unsafe { std::slice::from_raw_parts_mut(self.start.cast(), self.len) }
    }
}

impl<T: Element, B: KernelBackend, M: Mode> sealed::Arg<B> for &Buffer<T, B, M> {
    type Slice<'a> = &'a [T];

    fn lend(&mut self, device: &Device<B>, stream: Option<&Stream<B>>) -> Result<Lent, Error> {
        let raw = self.__raw();
        let lent = Lent::of(raw, device, (0, raw.len()))?;
        match stream {
            Some(stream) => raw.lend_to(stream, false)?,
            None => raw.check_uses()?,
        }
        Ok(lent)
    }

    fn used_on(&mut self, stream: &Stream<B>) -> Result<(), Error> {
        self.__raw().used_on(stream, false)
    }

    fn __elements(&self) -> usize {
        self.len()
    }

    unsafe fn slice<'a>(lent: Lent) -> &'a [T] {
        // SAFETY: the caller promises the same; `lend` took a buffer of `T` (rules 1, 2 and 5).
        unsafe { lent.shared() }
    }
}

impl<T: Element, B: KernelBackend, M: Mode> sealed::Arg<B> for View<'_, T, B, M> {
    type Slice<'a> = &'a [T];

    fn lend(&mut self, device: &Device<B>, stream: Option<&Stream<B>>) -> Result<Lent, Error> {
        let part = self.buffer_range();
        let lent = Lent::of(part.raw(), device, (part.bytes().start, self.len()))?;
        part.lend_to(stream)?;
        Ok(lent)
    }

    fn used_on(&mut self, stream: &Stream<B>) -> Result<(), Error> {
        self.buffer_range().raw().used_on(stream, false)
    }

    fn __elements(&self) -> usize {
        self.len()
    }

    unsafe fn slice<'a>(lent: Lent) -> &'a [T] {
        // SAFETY: the caller promises the same; `lend` took a view of as many `T` (rules 1, 2 and 5).
        unsafe { lent.shared() }
    }
}

/// Makes the kernel's stream wait for all uses of a buffer that the kernel writes.
fn lend_mut<B: KernelBackend>(raw: &mut RawBuffer<B>, stream: Option<&Stream<B>>) -> Result<(), Error> {
    match stream {
        Some(stream) => raw.lend_to(stream, true),
        None => raw.order_after_uses(),
    }
}

impl<T: Element, B: KernelBackend, M: Mode> sealed::Arg<B> for &mut Buffer<T, B, M> {
    type Slice<'a> = &'a mut [T];

    fn lend(&mut self, device: &Device<B>, stream: Option<&Stream<B>>) -> Result<Lent, Error> {
        let lent = Lent::of(self.__raw(), device, (0, self.len()))?;
        lend_mut(self.raw_mut(), stream)?;
        Ok(lent)
    }

    fn used_on(&mut self, stream: &Stream<B>) -> Result<(), Error> {
        self.__raw().used_on(stream, true)
    }

    fn __elements(&self) -> usize {
        self.len()
    }

    unsafe fn slice<'a>(lent: Lent) -> &'a mut [T] {
        // SAFETY: the caller promises the same; `lend` took a buffer of `T` (rules 1, 2 and 5).
        unsafe { lent.exclusive() }
    }
}

impl<T: Element, B: KernelBackend> sealed::Arg<B> for ViewMut<'_, T, B> {
    type Slice<'a> = &'a mut [T];

    fn lend(&mut self, device: &Device<B>, stream: Option<&Stream<B>>) -> Result<Lent, Error> {
        let place = (self.bytes().start, self.len());
        let lent = Lent::of(self.raw_mut(), device, place)?;
        lend_mut(self.raw_mut(), stream)?;
        Ok(lent)
    }

    fn used_on(&mut self, stream: &Stream<B>) -> Result<(), Error> {
        self.raw_mut().used_on(stream, true)
    }

    fn __elements(&self) -> usize {
        self.len()
    }

    unsafe fn slice<'a>(lent: Lent) -> &'a mut [T] {
        // SAFETY: the caller promises the same; `lend` took a view of as many `T` (rules 1, 2 and 5).
        unsafe { lent.exclusive() }
    }
}

impl<T: Element, B: KernelBackend, M: Mode> sealed::Arg<B> for &mut Bound<'_, T, B, M> {
    type Slice<'a> = &'a mut [T];

    fn lend(&mut self, device: &Device<B>, stream: Option<&Stream<B>>) -> Result<Lent, Error> {
        match stream {
            Some(stream) if stream.number() == self.stream().number() => {
                self.enter()?;
                Lent::of(self.raw(), device, (0, self.len()))
            }
            // On any other stream it is used as a buffer that is not bound.
            other => self.buffer()?.lend(device, other),
        }
    }

    fn used_on(&mut self, stream: &Stream<B>) -> Result<(), Error> {
        if stream.number() == self.stream().number() {
            // Each kernel is noted, so that the compute stream waits for it: the application may forget the
            // guard.
            self.note()
        } else {
            self.raw().used_on(stream, true)
        }
    }

    fn __elements(&self) -> usize {
        self.len()
    }

    unsafe fn slice<'a>(lent: Lent) -> &'a mut [T] {
        // SAFETY: the caller promises the same. On the stream that the buffer is bound to, the kernel waits
        // for all uses elsewhere (`enter`); other kernels of that stream come before or after it, and so do
        // downloads (rules 1 and 2).
        unsafe { lent.exclusive() }
    }
}

impl<T: Element, B: KernelBackend, M: Mode> KernelArg<B> for &Buffer<T, B, M> {}
impl<T: Element, B: KernelBackend, M: Mode> KernelArg<B> for View<'_, T, B, M> {}
impl<T: Element, B: KernelBackend, M: Mode> KernelArg<B> for &mut Buffer<T, B, M> {}
impl<T: Element, B: KernelBackend> KernelArg<B> for ViewMut<'_, T, B> {}
impl<T: Element, B: KernelBackend, M: Mode> KernelArg<B> for &mut Bound<'_, T, B, M> {}

impl<T: Element, B: KernelBackend, M: Mode> KernelSlice<T, B> for &Buffer<T, B, M> {}
impl<T: Element, B: KernelBackend, M: Mode> KernelSlice<T, B> for View<'_, T, B, M> {}
impl<T: Element, B: KernelBackend, M: Mode> KernelSliceMut<T, B> for &mut Buffer<T, B, M> {}
impl<T: Element, B: KernelBackend> KernelSliceMut<T, B> for ViewMut<'_, T, B> {}
impl<T: Element, B: KernelBackend, M: Mode> KernelSliceMut<T, B> for &mut Bound<'_, T, B, M> {}

macro_rules! kernel_args {
    ($count:literal: $($arg:ident)*) => {
        impl<$($arg),*> sealed::Args for ($($arg,)*) {
            type Lent = [Lent; $count];
        }

        // The type parameters' names are also those of the values; a kernel without buffers uses none.
        #[allow(non_snake_case, unused_variables, clippy::unused_unit)]
        impl<B: KernelBackend, $($arg: KernelArg<B>),*> KernelArgs<B> for ($($arg,)*) {
            type Slices<'a> = ($($arg::Slice<'a>,)*);

            fn lend(&mut self, device: &Device<B>, stream: Option<&Stream<B>>) -> Result<Self::Lent, Error> {
                let ($($arg,)*) = self;
                Ok([$($arg.lend(device, stream)?),*])
            }

            fn used_on(&mut self, stream: &Stream<B>) -> Result<(), Error> {
                let ($($arg,)*) = self;
                // All of them, even if one fails.
                let noted = [$($arg.used_on(stream)),*];
                noted.into_iter().collect()
            }

            unsafe fn slices<'a>(lent: Self::Lent) -> Self::Slices<'a> {
                let [$($arg),*] = lent;
                // SAFETY: the caller promises the same (rules 1 and 2).
                ($(unsafe { <$arg as sealed::Arg<B>>::slice($arg) },)*)
            }
        }
    };
}

kernel_args!(0:);
kernel_args!(1: P0);
kernel_args!(2: P0 P1);
kernel_args!(3: P0 P1 P2);
kernel_args!(4: P0 P1 P2 P3);
kernel_args!(5: P0 P1 P2 P3 P4);
kernel_args!(6: P0 P1 P2 P3 P4 P5);
kernel_args!(7: P0 P1 P2 P3 P4 P5 P6);
kernel_args!(8: P0 P1 P2 P3 P4 P5 P6 P7);
kernel_args!(9: P0 P1 P2 P3 P4 P5 P6 P7 P8);
kernel_args!(10: P0 P1 P2 P3 P4 P5 P6 P7 P8 P9);
kernel_args!(11: P0 P1 P2 P3 P4 P5 P6 P7 P8 P9 P10);
kernel_args!(12: P0 P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11);
