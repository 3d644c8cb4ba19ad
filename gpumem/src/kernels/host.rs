//! Kernels on the host: closures that run on a stream.
//!
//! A launch borrows its buffers only until the closure is queued. It is sound all the same. The closure runs
//! on the compute stream. All work that writes, moves or frees a buffer runs there too or in its order, so
//! the closure sees each buffer as of the launch (rule 1). If a buffer is lent mutably, the compute stream
//! first waits for its running downloads (rule 2); later downloads wait for an event of the compute stream.
//! Host access to the memory (`host_slice`) waits for the compute stream. The lifetime of the slices cannot
//! be named by the closure, so no slice leaves it.

use super::arg::{KernelArgs, queue_with};
use crate::backend::{Backend, Host};
use crate::device::Device;
use crate::error::Error;
use crate::memory::Stream;
use std::panic::Location;

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
        A: KernelArgs<Host>,
        F: for<'a> FnOnce(A::Slices<'a>) + Send + 'static,
    {
        queue(B::host_device(self), None, args, kernel, Location::caller())
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
    pub fn launch_on<A, F>(&self, stream: &Stream<B>, args: A, kernel: F) -> Result<(), Error>
    where
        B: HostKernels,
        A: KernelArgs<Host>,
        F: for<'a> FnOnce(A::Slices<'a>) + Send + 'static,
    {
        let stream = B::host_stream(stream);
        queue(B::host_device(self), Some(stream), args, kernel, Location::caller())
    }
}

/// Queues a closure on this stream of the application's own, or else on the compute stream.
fn queue<A, F>(
    device: &Device<Host>,
    stream: Option<&Stream<Host>>,
    args: A,
    kernel: F,
    launched_at: &'static Location<'static>,
) -> Result<(), Error>
where
    A: KernelArgs<Host>,
    F: for<'a> FnOnce(A::Slices<'a>) + Send + 'static,
{
    queue_with(device, stream, ("kernel", launched_at), args, |stream, lent| {
        let job = move || {
            // SAFETY: as `KernelArgs::slices` asks, the job runs once, on the stream that `lend` made wait
            // for the earlier uses of every argument, of the device that every argument lives on (rules 1 and
            // 2).
            kernel(unsafe { A::slices(lent) });
        };
        Ok(device.state().backend.run_kernel(stream.raw(), launched_at, job)?)
    })
}
