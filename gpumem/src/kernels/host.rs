//! Kernels on the host: closures that run on a stream.
//!
//! A launch borrows its buffers only until the closure is queued. It is sound all the same. The closure runs
//! on the compute stream. All work that writes, moves or frees a buffer runs there too or in its order, so
//! the closure sees each buffer as of the launch (rule 1). If a buffer is lent mutably, the compute stream
//! first waits for its running downloads (rule 2); later downloads wait for an event of the compute stream.
//! Host access to the memory (`host_slice`) waits for the compute stream. The lifetime of the slices cannot
//! be named by the closure, so no slice leaves it.

use crate::backend::{Backend, Host};
use crate::buffer::{Bound, Buffer, Element, Mode, RawBuffer};
use crate::device::Device;
use crate::error::Error;
use crate::memory::Stream;
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;

/// A backend whose kernels are closures of [`Device::launch`]: [`Host`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`launch` runs a closure, which only the host backend can do, and this is `Device<{Self}>`",
    label = "no closures as kernels",
    note = "on a card, load kernels with `Device::load_ptx` and launch them with `Stream::launch`",
    note = "in code that is generic over the backend, give the kernel to a trait of your own, with an implementation for \
            `Host` and one for `Cuda`"
)]
pub trait HostKernels: Backend {
    #[doc(hidden)]
    fn host_device(device: &Device<Self>) -> &Device<Host>;

    #[doc(hidden)]
    fn host_stream(stream: &Stream<Self>) -> &Stream<Host>;
}

impl HostKernels for Host {
    fn host_device(device: &Device<Self>) -> &Device<Host> {
        device
    }

    fn host_stream(stream: &Stream<Self>) -> &Stream<Host> {
        stream
    }
}

impl<B: Backend> Device<B> {
    /// Queues `kernel` on the compute stream and returns at once.
    ///
    /// `args` is a tuple of up to twelve buffers of this device. `&mut Buffer<T>` arrives in the kernel as
    /// `&mut [T]`, `&Buffer<T>` as `&[T]`, each with the buffer's length at the launch. The kernel runs after
    /// all work that was queued before and before all work that is queued later, so the buffers may be used
    /// again, resized or dropped right away. If a buffer is lent mutably, the stream waits for its running
    /// downloads before the kernel.
    ///
    /// Other values are captured by the closure, with `move`. Two buffers of one set, of which one is lent
    /// mutably, come from the set's `split_mut`, which borrows all of them at once.
    ///
    /// A panic in the kernel fails the device: every later operation and wait gives [`Error::DeviceFailed`]
    /// with the panic's message and the line of the launch. A kernel must not wait for a device; such a wait
    /// is refused with [`Error::WouldDeadlock`].
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut positions = Buffer::from_slice(&device, "positions", &[0.0_f32, 1.0, 2.0])?;
    /// let velocities = Buffer::from_slice(&device, "velocities", &[0.5_f32, 0.5, -1.0])?;
    ///
    /// device.launch((&mut positions, &velocities), |(positions, velocities)| {
    ///     for (position, velocity) in positions.iter_mut().zip(velocities) {
    ///         *position += velocity;
    ///     }
    /// })?;
    /// assert_eq!(positions.download()?, [0.5, 1.5, 1.0]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`] when a buffer lives on another device; [`Error::DeviceFailed`] when the
    /// device has failed. The kernel is not queued then.
    #[track_caller]
    pub fn launch<A, F>(&self, args: A, kernel: F) -> Result<(), Error>
    where
        B: HostKernels,
        A: HostArgs,
        F: for<'a> FnOnce(A::Slices<'a>) + Send + 'static,
    {
        let (device, mut args) = (B::host_device(self), args);
        let lent = args.lend(device, None)?;
        let job = move || {
            // SAFETY: as `HostArgs::slices` asks, the job runs once, on the compute stream of the device that
            // every argument lives on, which `lend` checked (rules 1 and 2).
            kernel(unsafe { A::slices(lent) });
        };
        let state = device.state();
        Ok(state.backend.run_kernel(state.lanes.compute.stream().raw(), Location::caller(), job)?)
    }

    /// Queues `kernel` on a stream of the application's own, beside the compute stream, and returns at once.
    ///
    /// The kernel runs after all earlier work on its buffers. Later writes of a buffer wait for a kernel that
    /// reads it, and later uses of any kind wait for a kernel that writes it; the wait is on the stream and
    /// not on the host. A kernel that writes a buffer holds the compute stream up until it has ended; a
    /// kernel that only reads does not.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    /// use std::sync::mpsc;
    ///
    /// let device = Device::host();
    /// let statistics = device.create_stream()?;
    /// let mut heights = Buffer::from_slice(&device, "heights", &[3.0_f32, 1.0, 2.0])?;
    /// let (send, highest) = mpsc::channel();
    /// device.launch_on(&statistics, (&heights,), move |(heights,)| {
    ///     send.send(heights.iter().copied().fold(0.0, f32::max)).unwrap();
    /// })?;
    /// heights.fill(0.0)?; // waits for the kernel, on the compute stream
    /// assert_eq!(highest.recv(), Ok(3.0));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Device::launch`], and [`Error::DifferentDevices`] when a buffer is lent to a stream of
    /// another device. If the kernel was queued and its end could not be noted, which is
    /// [`Error::DeviceFailed`] too, the kernel runs: its buffers cannot be used any more then, and their
    /// memory is given up.
    #[track_caller]
    pub fn launch_on<A, F>(&self, stream: &Stream<B>, mut args: A, kernel: F) -> Result<(), Error>
    where
        B: HostKernels,
        A: HostArgs,
        F: for<'a> FnOnce(A::Slices<'a>) + Send + 'static,
    {
        let (device, stream) = (B::host_device(self), B::host_stream(stream));
        let lent = args.lend(device, Some(stream))?;
        let job = move || {
            // SAFETY: as for `launch`. The job runs on `stream`, which `lend` made wait for all writers of
            // every argument, and for its readers if the argument is lent mutably (rules 1 and 2).
            kernel(unsafe { A::slices(lent) });
        };
        device.state().backend.run_kernel(stream.raw(), Location::caller(), job)?;
        // If this fails, the buffers concerned are marked as in use for good.
        args.used_on(stream)
    }
}

/// An argument of a kernel of [`Device::launch`]: `&Buffer<T, Host, M>`, which arrives as `&[T]`, or
/// `&mut Buffer<T, Host, M>` or `&mut Bound<T, Host, M>`, which arrive as `&mut [T]`. Sealed.
#[diagnostic::on_unimplemented(
    message = "a kernel on the host cannot take `{Self}`",
    label = "not an argument of a kernel",
    note = "an argument is `&buffer`, which arrives as `&[T]`, or `&mut buffer` or `&mut bound`, which arrive as `&mut [T]`",
    note = "a value such as a number is no argument: the closure captures it, `device.launch((&mut x,), move |(x,)| x[0] += value)`",
    note = "with a buffer itself, `launch_on` begins and ends its use on the stream: `use_on` is for kernels of a card"
)]
pub trait HostArg: sealed::Arg {}

/// The arguments of a kernel of [`Device::launch`]: a tuple of up to twelve [`HostArg`]s.
#[diagnostic::on_unimplemented(
    message = "a kernel on the host cannot take `{Self}`",
    label = "not a tuple of up to 12 buffers",
    note = "the arguments are a tuple such as `(&mut positions, &velocities)`, and `(&mut positions,)` for a single buffer"
)]
pub trait HostArgs: sealed::Args {
    /// The kernel's parameter: a tuple of slices.
    type Slices<'a>;

    #[doc(hidden)]
    fn lend(&mut self, device: &Device<Host>, stream: Option<&Stream<Host>>) -> Result<Self::Lent, Error>;

    /// Notes the uses of the buffers by a job that was queued on a stream of the application's own.
    #[doc(hidden)]
    fn used_on(&mut self, stream: &Stream<Host>) -> Result<(), Error>;

    /// # Safety
    ///
    /// To be called once, in a job that is queued while the borrow of the arguments lasts. The job runs on
    /// the stream that `lend` was given, and its uses are noted there, or else on the compute stream of the
    /// device that `lend` was given. The slices do not outlive the job (rules 1 and 2).
    #[doc(hidden)]
    unsafe fn slices<'a>(lent: Self::Lent) -> Self::Slices<'a>;
}

mod sealed {
    use super::{Device, Error, Host, Stream};

    pub trait Arg: Sized {
        type Lent: Send + 'static;
        type Slice<'a>;

        fn lend(&mut self, device: &Device<Host>, stream: Option<&Stream<Host>>)
        -> Result<Self::Lent, Error>;

        fn used_on(&mut self, stream: &Stream<Host>) -> Result<(), Error>;

        /// # Safety
        ///
        /// As for `HostArgs::slices` (rules 1 and 2).
        unsafe fn slice<'a>(lent: Self::Lent) -> Self::Slice<'a>;
    }

    pub trait Args: Sized {
        type Lent: Send + 'static;
    }
}

/// The address and length of a buffer's elements, for a job that is being queued.
pub struct Lent<T> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: the address is used by one job alone, in the order of its stream (rule 1); elements are `Send` and
// `Sync`.
unsafe impl<T: Element> Send for Lent<T> {}

impl<T> fmt::Debug for Lent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<T: Element> Lent<T> {
    fn of(raw: &RawBuffer<Host>, device: &Device<Host>) -> Result<Self, Error> {
        if !raw.device().is(device) {
            return Err(raw.on_another_device("the kernel was launched on another".into()));
        }
        Ok(Self { start: raw.host_address().cast(), len: raw.len() })
    }
}

impl<T: Element, M: Mode> sealed::Arg for &Buffer<T, Host, M> {
    type Lent = Lent<T>;
    type Slice<'a> = &'a [T];

    fn lend(&mut self, device: &Device<Host>, stream: Option<&Stream<Host>>) -> Result<Lent<T>, Error> {
        let lent = Lent::of(self.__raw(), device)?;
        match stream {
            Some(stream) => self.__raw().lend_to(stream, false)?,
            None => self.__raw().check_uses()?,
        }
        Ok(lent)
    }

    fn used_on(&mut self, stream: &Stream<Host>) -> Result<(), Error> {
        self.__raw().used_on(stream, false)
    }

    unsafe fn slice<'a>(Lent { start, len }: Lent<T>) -> &'a [T] {
        // SAFETY: `len` elements from `start` on were written before the launch, in the order of the compute
        // stream (rules 1 and 5). They are not written while this job runs: later writers come after it on
        // that stream, host access waits for the stream, and another argument of the same launch cannot
        // borrow the buffer mutably. The memory becomes free only in the order of the stream. On another
        // stream, the job is a pending use of the buffer for all of these (rule 2).
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }
}

impl<T: Element, M: Mode> HostArg for &Buffer<T, Host, M> {}

impl<T: Element, M: Mode> sealed::Arg for &mut Buffer<T, Host, M> {
    type Lent = Lent<T>;
    type Slice<'a> = &'a mut [T];

    fn lend(&mut self, device: &Device<Host>, stream: Option<&Stream<Host>>) -> Result<Lent<T>, Error> {
        let lent = Lent::of(self.__raw(), device)?;
        match stream {
            Some(stream) => self.__raw().lend_to(stream, true)?,
            None => self.raw_mut().order_after_uses()?,
        }
        Ok(lent)
    }

    fn used_on(&mut self, stream: &Stream<Host>) -> Result<(), Error> {
        self.__raw().used_on(stream, true)
    }

    unsafe fn slice<'a>(Lent { start, len }: Lent<T>) -> &'a mut [T] {
        // SAFETY: as for the shared slice, and there is no reader either: this job waits for earlier
        // downloads (`order_after_uses`, rule 2), later downloads wait for an event that comes after this
        // job, and the buffer was borrowed mutably while this job was queued. On another stream, this job
        // waits for all uses (`lend_to`), and the compute stream waits for this job.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), len) }
    }
}

impl<T: Element, M: Mode> HostArg for &mut Buffer<T, Host, M> {}

impl<T: Element, M: Mode> sealed::Arg for &mut Bound<'_, T, Host, M> {
    type Lent = Lent<T>;
    type Slice<'a> = &'a mut [T];

    fn lend(&mut self, device: &Device<Host>, stream: Option<&Stream<Host>>) -> Result<Lent<T>, Error> {
        match stream {
            Some(stream) if stream.number() == self.stream().number() => {
                self.enter()?;
                Lent::of(self.raw(), device)
            }
            // On any other stream it is used as a buffer that is not bound.
            other => self.buffer()?.lend(device, other),
        }
    }

    fn used_on(&mut self, stream: &Stream<Host>) -> Result<(), Error> {
        if stream.number() == self.stream().number() {
            // Each kernel is noted, so that the compute stream waits for it: the application may forget the
            // guard.
            self.note()
        } else {
            self.raw().used_on(stream, true)
        }
    }

    unsafe fn slice<'a>(lent: Lent<T>) -> &'a mut [T] {
        // SAFETY: the caller promises the same. On the stream that the buffer is bound to, the job waits for
        // all uses elsewhere (`enter`); other jobs of that stream come before or after it, and so do
        // downloads (rules 1 and 2).
        unsafe { <&mut Buffer<T, Host, M> as sealed::Arg>::slice(lent) }
    }
}

impl<T: Element, M: Mode> HostArg for &mut Bound<'_, T, Host, M> {}

macro_rules! host_args {
    ($($arg:ident)*) => {
        impl<$($arg: HostArg),*> sealed::Args for ($($arg,)*) {
            type Lent = ($($arg::Lent,)*);
        }

        // The type parameters' names are also those of the values; a kernel without buffers uses none.
        #[allow(non_snake_case, unused_variables, clippy::unused_unit)]
        impl<$($arg: HostArg),*> HostArgs for ($($arg,)*) {
            type Slices<'a> = ($($arg::Slice<'a>,)*);

            fn lend(
                &mut self,
                device: &Device<Host>,
                stream: Option<&Stream<Host>>,
            ) -> Result<Self::Lent, Error> {
                let ($($arg,)*) = self;
                Ok(($($arg.lend(device, stream)?,)*))
            }

            fn used_on(&mut self, stream: &Stream<Host>) -> Result<(), Error> {
                let ($($arg,)*) = self;
                // All of them, even if one fails.
                let noted = [$($arg.used_on(stream)),*];
                noted.into_iter().collect()
            }

            unsafe fn slices<'a>(lent: Self::Lent) -> Self::Slices<'a> {
                let ($($arg,)*) = lent;
                // SAFETY: the caller promises the same (rules 1 and 2).
                ($(unsafe { $arg::slice($arg) },)*)
            }
        }
    };
}

host_args!();
host_args!(A);
host_args!(A B);
host_args!(A B C);
host_args!(A B C D);
host_args!(A B C D E);
host_args!(A B C D E F);
host_args!(A B C D E F G);
host_args!(A B C D E F G H);
host_args!(A B C D E F G H I);
host_args!(A B C D E F G H I J);
host_args!(A B C D E F G H I J K);
host_args!(A B C D E F G H I J K L);
