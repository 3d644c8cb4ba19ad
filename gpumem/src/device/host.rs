//! Kernels on the host: closures that run on the compute stream.
//!
//! A launch borrows the buffers only while it queues. What makes that sound: the closure runs on the compute lane, on which
//! everything that writes, moves or frees a buffer is queued too, so it sees each buffer as it was at the launch
//! (rule 1). Readers on the download lane are waited for first when a buffer is lent mutably (rule 2), and later ones wait
//! for the event of the compute lane. Host access to the memory (`as_slice`) waits for the lane. The slices live for a
//! lifetime that the closure cannot name, so they cannot leave it.

use super::Device;
use crate::backend::Host;
use crate::buffer::{Bound, Buffer, Element, Mode, RawBuffer};
use crate::error::Error;
use crate::memory::Stream;
use std::ptr::NonNull;

impl Device<Host> {
    /// Queues `kernel` on the compute stream and returns at once.
    ///
    /// `args` is a tuple of buffers of this device, up to twelve. `&mut Buffer<T>` arrives in the kernel as
    /// `&mut [T]`, `&Buffer<T>` as `&[T]`, each with the length that it has at the launch. The kernel runs after all that was
    /// queued before and before what is queued later: buffers may be used again, resized or dropped right away. A buffer
    /// that is lent mutably first waits, on the stream, for running downloads of it.
    ///
    /// A panic in the kernel fails the device: every later operation and wait gives [`Error::DeviceFailed`] with the
    /// panic's message. A kernel must not wait for a device; that is refused with [`Error::WouldDeadlock`].
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut positions: Buffer<f32> = Buffer::from_slice(&device, "positions", &[0.0, 1.0, 2.0])?;
    /// let velocities: Buffer<f32> = Buffer::from_slice(&device, "velocities", &[0.5, 0.5, -1.0])?;
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
    /// [`Error::DifferentDevices`] when a buffer lives on another device; [`Error::DeviceFailed`] when the device has failed.
    /// Nothing is queued then.
    pub fn launch<A, F>(&self, args: A, kernel: F) -> Result<(), Error>
    where
        A: HostArgs,
        F: for<'a> FnOnce(A::Slices<'a>) + Send + 'static,
    {
        let mut args = args;
        let lent = args.lend(self, None)?;
        let job = move || {
            // SAFETY: the job runs on the compute lane of the device that `lend` checked every argument to live on,
            // once, as `HostArgs::slices` asks (rules 1 and 2).
            kernel(unsafe { A::slices(lent) });
        };
        let state = self.state();
        Ok(state.backend.run(state.compute.stream().raw(), job)?)
    }

    /// Queues `kernel` on a stream of the application's own, beside the compute stream, and returns at once.
    ///
    /// It runs after all that was done with its buffers before. What writes a buffer afterwards waits for a kernel that reads it,
    /// and what uses it in any way waits for one that writes it, on the stream and not on the host. A kernel that writes a
    /// buffer holds the compute stream up until it has ended; one that only reads does not.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    /// use std::sync::mpsc;
    ///
    /// let device = Device::host();
    /// let statistics = device.create_stream()?;
    /// let mut heights: Buffer<f32> = Buffer::from_slice(&device, "heights", &[3.0, 1.0, 2.0])?;
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
    /// Those of [`Device::launch`], and [`Error::DifferentDevices`] for a stream of another device when buffers are lent to it. Where the
    /// kernel was queued and its end could not be noted, which is [`Error::DeviceFailed`] too, it runs: its buffers cannot be used any more
    /// then, and their memory is given up.
    pub fn launch_on<A, F>(&self, stream: &Stream<Host>, mut args: A, kernel: F) -> Result<(), Error>
    where
        A: HostArgs,
        F: for<'a> FnOnce(A::Slices<'a>) + Send + 'static,
    {
        let lent = args.lend(self, Some(stream))?;
        let job = move || {
            // SAFETY: as for `launch`; the job runs on the stream that `lend` put behind all writers of every argument, and behind its
            // readers where it is lent mutably (rules 1 and 2).
            kernel(unsafe { A::slices(lent) });
        };
        self.state().backend.run(stream.raw(), job)?;
        // Whatever fails here: the buffers concerned know that they are in use for good.
        args.used_on(stream)
    }
}

/// What can be passed to a kernel of [`Device::launch`]: `&Buffer<T, Host, M>`, which arrives as `&[T]`, and
/// `&mut Buffer<T, Host, M>` and `&mut Bound<T, Host, M>`, which arrive as `&mut [T]`. Sealed.
#[diagnostic::on_unimplemented(
    message = "a kernel on the host cannot take `{Self}`",
    label = "not an argument of a kernel",
    note = "an argument is `&buffer`, which arrives as `&[T]`, or `&mut buffer` or `&mut bound`, which arrive as `&mut [T]`",
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
    /// What the kernel gets: a tuple of slices.
    type Slices<'a>;

    #[doc(hidden)]
    fn lend(&mut self, device: &Device<Host>, stream: Option<&Stream<Host>>) -> Result<Self::Lent, Error>;

    /// Notes the uses of a job that was queued on a stream of the application's own.
    #[doc(hidden)]
    fn used_on(&mut self, stream: &Stream<Host>) -> Result<(), Error>;

    /// # Safety
    ///
    /// To be called once, in a job on the stream given to `lend`, or else on the compute lane of the device given to it, which is
    /// queued while the borrow of the arguments lasts, and whose uses are noted on another stream. The slices
    /// do not outlive the job (rules 1 and 2).
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

/// The elements of a buffer on their way to the compute lane.
pub struct Lent<T> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: it is an address that only the job uses which it was made for, under rule 1 (order); elements are `Send` and
// `Sync`.
unsafe impl<T: Element> Send for Lent<T> {}

impl<T: Element> Lent<T> {
    fn of(raw: &RawBuffer<Host>, device: &Device<Host>) -> Result<Self, Error> {
        if !raw.device().is(device) {
            return Err(Error::DifferentDevices {
                buffer: Some(raw.label()),
                other: "the kernel's launch".into(),
            });
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
        // SAFETY: `len` elements from `start` on were written before the launch, in the order of the compute lane
        // (rules 1 and 5). Nothing writes them while this job runs: writers are queued behind it on the lane, host access
        // waits for the lane, and another argument of the same launch cannot borrow the buffer mutably. The memory is free only
        // in the order of the lane. On another stream, the job is a pending use of the buffer for all of these (rule 2).
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
        // SAFETY: as for the shared slice; and no reader is left either: the download lane's earlier copies were put before
        // this job by `order_after_uses` (rule 2), its later ones wait for an event behind this job, and the buffer was
        // borrowed mutably while this job was queued. On another stream, `lend_to` put all uses before this job, and the
        // compute lane waits for it.
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
                self.arrive()?;
                Lent::of(self.raw(), device)
            }
            // Elsewhere it is a buffer as any other.
            other => self.buffer()?.lend(device, other),
        }
    }

    fn used_on(&mut self, stream: &Stream<Host>) -> Result<(), Error> {
        // Noted with each kernel, since nothing makes the application end the binding: the compute lane waits for it.
        self.raw().used_on(stream, true)
    }

    unsafe fn slice<'a>(lent: Lent<T>) -> &'a mut [T] {
        // SAFETY: the caller's promise is the one that is asked there. On the stream that the buffer is bound to, `arrive` put the job
        // behind all uses elsewhere; other jobs of that stream come before or after it, and so do downloads behind it (rules 1 and 2).
        unsafe { <&mut Buffer<T, Host, M> as sealed::Arg>::slice(lent) }
    }
}

impl<T: Element, M: Mode> HostArg for &mut Bound<'_, T, Host, M> {}

macro_rules! host_args {
    ($($arg:ident)*) => {
        impl<$($arg: HostArg),*> sealed::Args for ($($arg,)*) {
            type Lent = ($($arg::Lent,)*);
        }

        // The names of the parameters serve as those of the values; a kernel of no buffers uses none.
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
                // All of them, whatever fails.
                let noted = [$($arg.used_on(stream)),*];
                noted.into_iter().collect()
            }

            unsafe fn slices<'a>(lent: Self::Lent) -> Self::Slices<'a> {
                let ($($arg,)*) = lent;
                // SAFETY: the caller's promise is the one that is asked here (rules 1 and 2).
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
