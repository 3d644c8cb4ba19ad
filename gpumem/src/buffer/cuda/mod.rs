//! The addresses of buffers on a CUDA card.
//!
//! An address is a number without a lifetime, so taking one is safe and using one is not: a kernel's launch
//! is `unsafe`, and the methods here name its conditions. The mutable ones take `&mut self`, so that no safe
//! code holds a view of the buffer, and make the compute stream wait for the pending uses (rule 2).

mod device_pointer;

pub use self::device_pointer::DevicePointer;

use super::element::{Element, Mode};
use super::streams::{Bound, StreamUse};
use super::typed::Buffer;
use crate::backend::Cuda;
use crate::error::Error;

/// Addresses for kernels.
///
/// The rules for all four: launch the kernel on [`Device::stream`](crate::Device::stream). Take the address
/// anew for each launch, and do not use the buffer otherwise in between. An address is valid until the buffer
/// grows, shrinks or is dropped; work that was queued before that still finds the memory. (The address of a
/// `stable` buffer stays the same while it grows.) A buffer without memory has the address 0.
impl<T: Element, M: Mode> Buffer<T, Cuda, M> {
    /// The address of the elements, for a kernel that reads them.
    ///
    /// It queues no work: the kernel may read the buffer while a download does.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// # const KERNELS: &str = "";
    /// let device = Device::cuda(0)?;
    /// let module = device.load_ptx(KERNELS)?;
    /// let maximum = module.get_function("maximum")?;
    /// let heights = Buffer::from_slice(&device, "heights", &[3.0_f32; 256])?;
    /// let mut highest = Buffer::<f32, _>::zeroed(&device, "highest", 1)?;
    /// let (mut from, mut to) = (heights.as_device_ptr(), highest.as_device_ptr_mut()?);
    /// let args = [(&raw mut from).cast(), (&raw mut to).cast()];
    /// // SAFETY: the kernel reads 256 elements and writes one, which the buffers have.
    /// unsafe { device.stream().launch(&maximum, 1, 256, 0, &args)? };
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn as_device_ptr(&self) -> DevicePointer<T> {
        DevicePointer::new(self.as_raw())
    }

    /// The address of the elements, for a kernel that writes them. Work that is queued on the device's
    /// compute stream from now on waits for running downloads of this buffer.
    ///
    /// The kernel may write up to the capacity; elements beyond the length become part of the buffer with
    /// [`Buffer::set_len`].
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// # const KERNELS: &str = "";
    /// let device = Device::cuda(0)?;
    /// let module = device.load_ptx(KERNELS)?;
    /// let add_one = module.get_function("add_one")?;
    /// let mut numbers = Buffer::from_slice(&device, "numbers", &[1_u32; 256])?;
    /// let mut address = numbers.as_device_ptr_mut()?;
    /// // SAFETY: each of the 256 threads changes one of the 256 elements.
    /// unsafe { device.stream().launch(&add_one, 1, 256, 0, &[(&raw mut address).cast()])? };
    /// assert_eq!(numbers.download()?, [2; 256]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the waits could not be queued.
    pub fn as_device_ptr_mut(&mut self) -> Result<DevicePointer<T>, Error> {
        self.as_raw_mut().map(DevicePointer::new)
    }
}

/// Addresses for kernels on a stream of the application's own. Launch the kernel on that stream, while the
/// use lasts.
impl<T: Element, M: Mode> StreamUse<'_, T, Cuda, M> {
    /// The address of the elements, for a kernel that reads them.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// # const KERNELS: &str = "";
    /// let device = Device::cuda(0)?;
    /// let (module, statistics) = (device.load_ptx(KERNELS)?, device.create_stream()?);
    /// let maximum = module.get_function("maximum")?;
    /// let heights = Buffer::from_slice(&device, "heights", &[3.0_f32; 256])?;
    /// let mut highest = Buffer::<f32, _>::zeroed(&device, "highest", 1)?;
    /// let (read, mut written) = (heights.use_on(&statistics)?, highest.bind(&statistics)?);
    /// let (mut from, mut to) = (read.as_device_ptr(), written.as_device_ptr()?);
    /// let args = [(&raw mut from).cast(), (&raw mut to).cast()];
    /// // SAFETY: the kernel reads 256 elements and writes one, on the stream of both uses.
    /// unsafe { statistics.launch(&maximum, 1, 256, 0, &args)? };
    /// read.finish()?;
    /// written.finish()?;
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn as_device_ptr(&self) -> DevicePointer<T> {
        self.buffer.as_device_ptr()
    }
}

/// Addresses for kernels on the stream that a buffer is bound to. Launch the kernel on that stream, before
/// the buffer is used in any other way, and end the binding (drop the guard) before the buffer is used
/// elsewhere.
impl<T: Element, M: Mode> Bound<'_, T, Cuda, M> {
    /// The address of the elements, for a kernel that reads or writes them. Work that is queued on the stream
    /// from now on waits for running downloads of this buffer.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// # const KERNELS: &str = "";
    /// let device = Device::cuda(0)?;
    /// let (module, physics) = (device.load_ptx(KERNELS)?, device.create_stream()?);
    /// let add_one = module.get_function("add_one")?;
    /// let mut numbers = Buffer::from_slice(&device, "numbers", &[1_u32; 256])?;
    /// let mut bound = numbers.bind(&physics)?;
    /// let mut address = bound.as_device_ptr()?;
    /// // SAFETY: each of the 256 threads changes one of the 256 elements, on the stream of this binding.
    /// unsafe { physics.launch(&add_one, 1, 256, 0, &[(&raw mut address).cast()])? };
    /// bound.finish()?;
    /// assert_eq!(numbers.download()?, [2; 256]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the waits could not be queued.
    pub fn as_device_ptr(&mut self) -> Result<DevicePointer<T>, Error> {
        self.enter()?;
        Ok(self.buffer.as_device_ptr())
    }
}

/// Addresses as plain numbers; the same rules apply.
impl<T: Element, M: Mode> Buffer<T, Cuda, M> {
    /// [`Buffer::as_device_ptr`] as a number.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::cuda(0)?, "cells", &[1_u32, 2, 3])?;
    /// let address: u64 = cells.as_raw(); // for a library that reads the elements there
    /// assert_ne!(address, 0);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn as_raw(&self) -> u64 {
        self.raw.block().map_or(0, |block| {
            let (memory, offset) = block.at(0);
            memory.address() + offset as u64
        })
    }

    /// [`Buffer::as_device_ptr_mut`] as a number.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::cuda(0)?, "cells", &[1_u32, 2, 3])?.into_async();
    /// let before = cells.start_download()?;
    /// let address: u64 = cells.as_raw_mut()?; // for a library that writes the elements
    /// // Its work, which it queues on the compute stream, waits for the copy.
    /// assert_eq!((address, &*before.wait()?), (cells.as_raw(), &[1, 2, 3][..]));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the waits could not be queued.
    pub fn as_raw_mut(&mut self) -> Result<u64, Error> {
        self.raw.order_after_uses()?;
        Ok(self.as_raw())
    }
}
