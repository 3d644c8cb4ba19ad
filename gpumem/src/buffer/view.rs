//! Ranges of a buffer.

use super::element::{Blocking, Element, Mode};
use super::raw::{Binding, RawBuffer};
use crate::backend::Backend;
use crate::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeBounds};

/// A range of a buffer that lies in it, without the element type.
pub struct BufferRange<'a, B: Backend> {
    pub(super) raw: &'a RawBuffer<B>,
    pub(super) range: Range<usize>,
    /// If the buffer is bound to a stream of the application's own.
    pub(super) binding: Option<&'a Binding<'a, B>>,
}

// Written out, since a derive would require a `Clone` backend, and no backend is one.
impl<B: Backend> Clone for BufferRange<'_, B> {
    fn clone(&self) -> Self {
        Self { raw: self.raw, range: self.range.clone(), binding: self.binding }
    }
}

impl<'a, B: Backend> BufferRange<'a, B> {
    /// All elements of a buffer that is not bound.
    pub(crate) fn all(raw: &'a RawBuffer<B>) -> Self {
        Self { raw, range: 0..raw.len(), binding: None }
    }

    /// These elements of the buffer, if all of them exist.
    pub(super) fn narrowed(self, range: impl RangeBounds<usize>) -> Result<Self, Error> {
        Ok(Self { range: self.raw.range(range)?, ..self })
    }

    /// The buffer, for a read on the compute stream.
    pub(super) fn on_compute_stream(&self) -> Result<&'a RawBuffer<B>, Error> {
        self.binding.map_or(Ok(()), |binding| binding.read_elsewhere(self.raw))?;
        Ok(self.raw)
    }
}

/// A range of a buffer's elements, for reading. Made by [`Buffer::view`](crate::Buffer::view), and by
/// [`Bound::view`](crate::Bound::view) of a buffer that is bound to a stream.
///
/// It borrows the buffer, and queues no work by itself. `M` is the mode of the buffer: a view of an
/// [`Async`](crate::Async) buffer has [`start_download`](Self::start_download) too, and can be a part of a
/// [selection](crate::Device::start_downloads).
///
/// ```
/// use gpumem::{Async, Buffer, Device, Host};
///
/// let device = Device::host();
/// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3, 4, 5])?;
/// assert_eq!(cells.view(3..)?.download()?, [4, 5]);
/// let middle = cells.view(1..4)?.start_download()?;
/// assert_eq!(*middle.wait()?, [2, 3, 4]);
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct View<'a, T, B: Backend, M: Mode = Blocking> {
    pub(super) part: BufferRange<'a, B>,
    elements: PhantomData<&'a [T]>,
    mode: PhantomData<fn() -> M>,
}

// Written out, since a derive would require a `Clone` backend, and no backend is one.
impl<T, B: Backend, M: Mode> Clone for View<'_, T, B, M> {
    fn clone(&self) -> Self {
        Self { part: self.part.clone(), ..*self }
    }
}

impl<'a, T: Element, B: Backend, M: Mode> View<'a, T, B, M> {
    pub(crate) fn new(part: BufferRange<'a, B>) -> Self {
        Self { part, elements: PhantomData, mode: PhantomData }
    }

    /// The number of elements in the range.
    #[must_use]
    pub fn len(&self) -> usize {
        self.part.range.len()
    }

    /// Whether the range is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.part.range.is_empty()
    }

    /// The range, in elements of the buffer.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.part.range.clone()
    }

    /// A copy of the elements on the host. Waits for the queued work.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download`](crate::Buffer::download).
    pub fn download(&self) -> Result<Vec<T>, Error> {
        let mut elements = Vec::new();
        self.download_into_vec(&mut elements)?;
        Ok(elements)
    }

    /// Copies the elements into `target`, which has the same length. Returns when they are there.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download_into`](crate::Buffer::download_into_slice).
    pub fn download_into_slice(&self, target: &mut [T]) -> Result<(), Error> {
        if target.len() != self.len() {
            return Err(Error::LengthMismatch {
                buffer: self.part.raw.label(),
                len: self.len(),
                other: target.len(),
            });
        }
        let raw = self.part.on_compute_stream()?;
        // SAFETY: the slice has as many elements as the range; any bits are a `T` (rule 5).
        unsafe { raw.receive(self.range(), target.as_mut_ptr().cast()) }
    }

    /// Replaces the contents of `target` by the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download_to`](crate::Buffer::download_into_vec).
    pub fn download_into_vec(&self, target: &mut Vec<T>) -> Result<(), Error> {
        target.clear();
        let requested = self.len() as u64 * size_of::<T>() as u64;
        let refused = |_| Error::OutOfHostMemory { buffer: self.part.raw.label(), requested };
        target.try_reserve_exact(self.len()).map_err(refused)?;
        let raw = self.part.on_compute_stream()?;
        // SAFETY: the `Vec` has capacity for as many elements as the range has (rule 4).
        unsafe { raw.receive(self.range(), target.as_mut_ptr().cast())? };
        // SAFETY: `receive` has written all of them; any bits are a `T` (rule 5).
        unsafe { target.set_len(self.len()) };
        Ok(())
    }
}

impl<T, B: Backend, M: Mode> fmt::Debug for View<'_, T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BufferRange { raw, range, .. } = &self.part;
        f.debug_struct("View").field("buffer", &raw.label()).field("range", range).finish()
    }
}

/// A range of a buffer's elements, for writing. Made by [`Buffer::view_mut`](crate::Buffer::view_mut).
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let source: Buffer<u8> = Buffer::from_slice(&device, "source", &[7, 8, 9])?;
/// let mut target: Buffer<u8> = Buffer::from_slice(&device, "target", &[0; 6])?;
/// target.view_mut(1..3)?.copy_from(&source.view(..2)?)?;
/// target.view_mut(4..)?.fill(1)?;
/// assert_eq!(target.download()?, [0, 7, 8, 0, 1, 1]);
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct ViewMut<'a, T, B: Backend> {
    raw: &'a mut RawBuffer<B>,
    range: Range<usize>,
    element: PhantomData<&'a mut [T]>,
}

impl<'a, T: Element, B: Backend> ViewMut<'a, T, B> {
    pub(super) fn new(raw: &'a mut RawBuffer<B>, range: impl RangeBounds<usize>) -> Result<Self, Error> {
        let range = raw.range(range)?;
        Ok(Self { raw, range, element: PhantomData })
    }

    /// The number of elements in the range.
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether the range is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The range, in elements of the buffer.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Overwrites the elements with `data`, which has the same length.
    ///
    /// # Errors
    ///
    /// [`Error::LengthMismatch`], and those of [`Buffer::write`](crate::Buffer::write).
    pub fn write(&mut self, data: &[T]) -> Result<(), Error> {
        self.check_len(data.len())?;
        self.raw.write(self.range.start, bytemuck::cast_slice(data))
    }

    /// Sets every element to `value`.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::fill`](crate::Buffer::fill).
    pub fn fill(&mut self, value: T) -> Result<(), Error> {
        self.raw.fill(self.range.start, self.len(), bytemuck::bytes_of(&value))
    }

    /// Overwrites the elements with those of `source`, which has the same length, on the device.
    ///
    /// # Errors
    ///
    /// [`Error::LengthMismatch`] and [`Error::DifferentDevices`].
    pub fn copy_from<M: Mode>(&mut self, source: &View<'_, T, B, M>) -> Result<(), Error> {
        self.check_len(source.len())?;
        self.raw.check_same_device(source.part.raw)?;
        let from = source.part.on_compute_stream()?;
        self.raw.copy_range(self.range.start, from, source.range())
    }

    fn check_len(&self, other: usize) -> Result<(), Error> {
        if other == self.len() {
            return Ok(());
        }
        Err(Error::LengthMismatch { buffer: self.raw.label(), len: self.len(), other })
    }
}

impl<T, B: Backend> fmt::Debug for ViewMut<'_, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewMut").field("buffer", &self.raw.label()).field("range", &self.range).finish()
    }
}
