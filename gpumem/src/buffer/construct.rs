//! How buffers are made, and how their mode changes.

use super::element::{Async, Blocking, Element};
use super::raw::RawBuffer;
use super::typed::Buffer;
use crate::backend::Backend;
use crate::device::Device;
use crate::error::Error;
use crate::spec::BufferSpec;

/// Bytes of the elements that [`Buffer::from_fn`] holds on the host at a time.
const PIECE: usize = 2 << 20;

/// Constructors. Each takes a device, and a [`BufferSpec`] or just a name. The buffer has the device's
/// backend; its downloads are blocking until [`into_async`](Buffer::into_async) is called.
impl<T: Element, B: Backend> Buffer<T, B> {
    /// An empty buffer. It takes no memory yet, unless `spec` has a `min`.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let device = Device::host();
    /// let mut heights = Buffer::new(&device, "heights")?; // a name is enough
    /// heights.extend_from_slice(&[1.0_f32, 2.0])?;
    ///
    /// let spec = BufferSpec::new("colours").growth(2.0).max(1 << 20);
    /// let colours = Buffer::<[u8; 4], _>::new(&device, spec)?;
    /// assert_eq!((heights.len(), colours.len(), colours.capacity()), (2, 0, 0));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] for a specification that cannot work, and the errors of [`Buffer::reserve`] for
    /// its `min`.
    #[track_caller]
    pub fn new(device: &Device<B>, spec: impl Into<BufferSpec>) -> Result<Self, Error> {
        Self::with_capacity(device, spec, 0)
    }

    /// An empty buffer with memory for `capacity` elements.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let samples = Buffer::<f32, _>::with_capacity(&Device::host(), "samples", 1_000)?;
    /// assert_eq!((samples.len(), samples.capacity()), (0, 1_000));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::new`] and [`Buffer::reserve`].
    #[track_caller]
    pub fn with_capacity(
        device: &Device<B>,
        spec: impl Into<BufferSpec>,
        capacity: usize,
    ) -> Result<Self, Error> {
        Ok(Self::from_raw(RawBuffer::new(device, spec.into().element::<T>(), capacity, None)?))
    }

    /// Whether a buffer with memory for `capacity` elements could be made now: [`Buffer::with_capacity`]
    /// without the buffer. For a set, the generated managers have `would_fit`.
    ///
    /// Nothing is taken, so the answer holds until something else takes memory. The pressure callback is not
    /// called. It costs a call to the driver, and a few locks.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::builder().memory_limit(1_000).host()?;
    /// let _kept = Buffer::<u8>::with_capacity(&device, "kept", 600)?;
    /// Buffer::<u32>::would_fit(&device, "cells", 100)?;
    /// let error = Buffer::<u32>::would_fit(&device, "cells", 101).unwrap_err();
    /// assert!(matches!(error, Error::DeviceLimit { requested: 404, used: 600, limit: 1_000, .. }));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those that [`Buffer::with_capacity`] would give, with the same figures: [`Error::BufferLimit`],
    /// [`Error::DeviceLimit`], [`Error::OutOfMemory`] and [`Error::InvalidSpec`] among them.
    /// `OutOfMemory` has the figures of now, before any free memory went back to the driver.
    pub fn would_fit(device: &Device<B>, spec: impl Into<BufferSpec>, capacity: usize) -> Result<(), Error> {
        let (spec, mut forecast) = (spec.into().element::<T>(), device.state().forecast());
        RawBuffer::would_fit(device, &spec, capacity, None, &mut forecast).map(drop)
    }

    /// A buffer with the elements of `data`.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let c = Buffer::from_slice(&Device::host(), "c", &[1.0_f32, 2.0])?;
    /// assert_eq!(c.download()?, [1.0, 2.0]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::new`] and [`Buffer::upload`].
    #[track_caller]
    pub fn from_slice(device: &Device<B>, spec: impl Into<BufferSpec>, data: &[T]) -> Result<Self, Error> {
        let mut buffer = Self::with_capacity(device, spec, data.len())?;
        buffer.upload(data)?;
        Ok(buffer)
    }

    /// A buffer of `len` elements, each of which `element` computes from its index. The host holds 2 MiB of
    /// them at a time, or one if it is larger.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let squares = Buffer::from_fn(&Device::host(), "squares", 1_000, |i| i as u64 * i as u64)?;
    /// assert_eq!(squares.view(998..)?.download()?, [998 * 998, 999 * 999]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::from_slice`].
    #[track_caller]
    pub fn from_fn(
        device: &Device<B>,
        spec: impl Into<BufferSpec>,
        len: usize,
        mut element: impl FnMut(usize) -> T,
    ) -> Result<Self, Error> {
        let mut buffer = Self::with_capacity(device, spec, len)?;
        let piece = (PIECE / size_of::<T>()).max(1);
        let mut elements = Vec::with_capacity(piece.min(len));
        for start in (0..len).step_by(piece) {
            elements.clear();
            elements.extend((start..len.min(start + piece)).map(&mut element));
            buffer.extend_from_slice(&elements)?;
        }
        Ok(buffer)
    }

    /// A buffer of `len` elements that are zero. The device writes the zeros.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let forces = Buffer::<[f32; 2], _>::zeroed(&Device::host(), "forces", 1_000)?;
    /// assert_eq!(forces.download()?, [[0.0; 2]; 1_000]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::new`] and [`Buffer::resize`].
    #[track_caller]
    pub fn zeroed(device: &Device<B>, spec: impl Into<BufferSpec>, len: usize) -> Result<Self, Error> {
        let mut buffer = Self::with_capacity(device, spec, len)?;
        buffer.resize(len)?;
        Ok(buffer)
    }
}

// These methods need no bound on `T`. So a wrong element type is one error, and not one per method.
impl<T, B: Backend> Buffer<T, B> {
    /// The same buffer with async downloads: [`start_download`](Buffer::start_download) and its kin. Costs
    /// nothing. A field of a derived set is async by `#[buffer(async)]` instead.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut frame = Buffer::from_slice(&Device::host(), "frame", &[1, 2, 3])?.into_async();
    /// let download = frame.start_download()?;
    /// frame.fill(0)?; // waits for the copy, on the device
    /// assert_eq!(*download.wait()?, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn into_async(self) -> Buffer<T, B, Async> {
        self.with_mode()
    }
}

impl<T, B: Backend> Buffer<T, B, Async> {
    /// The same buffer with blocking downloads only: undoes [`into_async`](Buffer::into_async). Costs
    /// nothing. Downloads that are under way go on.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let frame = Buffer::from_slice(&Device::host(), "frame", &[1, 2, 3])?.into_async();
    /// let download = frame.start_download()?;
    /// let frame: Buffer<i32> = frame.into_blocking();
    /// assert_eq!(*download.wait()?, frame.download()?[..]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn into_blocking(self) -> Buffer<T, B, Blocking> {
        self.with_mode()
    }
}
