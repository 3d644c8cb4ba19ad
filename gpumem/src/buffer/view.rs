//! Ranges of a buffer.

use super::element::{Blocking, Element, Mode};
use super::raw::{Binding, RawBuffer};
use crate::backend::Backend;
use crate::error::Error;
use crate::memory::Stream;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeBounds};

/// Refuses, at compile time, to see elements of one type as elements of another that they are not made of.
const fn assert_is_made_of<T, U>() {
    assert!(
        size_of::<U>() > 0 && size_of::<T>().is_multiple_of(size_of::<U>()),
        "gpumem: an element is not made of whole elements of the other type"
    );
}

/// The elements of a view that an element of the buffer is made of: one, unless the view was cast.
fn parts<T, B: Backend>(raw: &RawBuffer<B>) -> usize {
    raw.element_size() / size_of::<T>()
}

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

impl<B: Backend> fmt::Debug for BufferRange<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("buffer", &self.raw.label()).field("range", &self.range).finish()
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

    /// Makes a stream wait for the writes of the buffer, for a kernel that reads it there: this stream of the
    /// application's own, or else the compute stream.
    pub(crate) fn lend_to(&self, stream: Option<&Stream<B>>) -> Result<(), Error> {
        match (stream, self.binding) {
            (Some(stream), Some(binding)) if stream.number() == binding.stream().number() => {
                binding.read_on_stream(self.raw)
            }
            (Some(stream), _) => self.on_compute_stream()?.lend_to(stream, false),
            (None, _) => self.on_compute_stream()?.check_uses(),
        }
    }

    pub(crate) fn raw(&self) -> &'a RawBuffer<B> {
        self.raw
    }

    /// The range in bytes.
    pub(crate) fn bytes(&self) -> Range<usize> {
        self.raw.bytes_of(&self.range)
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
/// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3, 4, 5])?.into_async();
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

    pub(crate) fn buffer_range(&self) -> &BufferRange<'a, B> {
        &self.part
    }

    /// The number of elements in the range.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let points = Buffer::<[f32; 2]>::zeroed(&Device::host(), "points", 3)?;
    /// let last = points.view(1..)?;
    /// assert_eq!(last.len(), 2);
    /// assert_eq!(last.cast::<f32>().len(), 4);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.part.range.len() * parts::<T, B>(self.part.raw)
    }

    /// The same memory as elements of another type, of which an element of this one is made:
    /// `[f32; 3]` as `f32`. The compiler refuses a type whose size does not divide that of the element.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let points = Buffer::from_slice(&Device::host(), "points", &[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])?;
    /// let numbers = points.view(1..)?.cast::<f64>();
    /// assert_eq!(numbers.download()?, [4.0, 5.0, 6.0]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// ```compile_fail,E0080
    /// # use gpumem::{Buffer, Device};
    /// # let points = Buffer::from_slice(&Device::host(), "points", &[[1.0_f32, 2.0, 3.0]])?;
    /// let pairs = points.view(..)?.cast::<[f32; 2]>(); // three are not made of pairs
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn cast<U: Element>(self) -> View<'a, U, B, M> {
        const { assert_is_made_of::<T, U>() };
        View { part: self.part, elements: PhantomData, mode: PhantomData }
    }

    /// Whether the range is empty.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// assert!(!cells.view(2..)?.is_empty());
    /// assert!(cells.view(3..)?.is_empty()); // after the last element
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.part.range.is_empty()
    }

    /// The range, in elements of the buffer. (A view that was [`cast`](Self::cast) has as many elements more
    /// as one of the buffer is made of.)
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// assert_eq!(cells.view(1..)?.range(), 1..3);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.part.range.clone()
    }

    /// A copy of the elements on the host. Waits for the queued work.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// assert_eq!(cells.view(..2)?.download()?, [1, 2]); // no other element is copied
    /// # Ok::<(), gpumem::Error>(())
    /// ```
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
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4])?;
    /// let mut ends = [0; 2];
    /// cells.view(..1)?.download_into_slice(&mut ends[..1])?;
    /// cells.view(3..)?.download_into_slice(&mut ends[1..])?;
    /// assert_eq!(ends, [1, 4]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download_into_slice`](crate::Buffer::download_into_slice).
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
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3, 4])?;
    /// let (mut row, mut sums) = (Vec::new(), Vec::new());
    /// for start in [0, 2] {
    ///     cells.view(start..start + 2)?.download_into_vec(&mut row)?; // in the same allocation
    ///     sums.push(row.iter().sum::<u32>());
    /// }
    /// assert_eq!(sums, [3, 7]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download_into_vec`](crate::Buffer::download_into_vec).
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

impl<T, B: Backend, M: Mode> View<'_, T, B, M> {
    /// Appends the elements to another buffer, of the same element.
    pub(super) fn append_to(&self, target: &mut RawBuffer<B>) -> Result<(), Error> {
        target.check_same_device(self.part.raw)?;
        target.extend_from(self.part.on_compute_stream()?, self.part.range.clone())
    }
}

impl<T, B: Backend, M: Mode> fmt::Debug for View<'_, T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part.fmt(f)
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

    pub(crate) fn raw_mut(&mut self) -> &mut RawBuffer<B> {
        self.raw
    }

    /// The range in bytes.
    pub(crate) fn bytes(&self) -> Range<usize> {
        self.raw.bytes_of(&self.range)
    }

    /// The number of elements in the range.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut points = Buffer::<[f32; 2]>::zeroed(&Device::host(), "points", 3)?;
    /// let last = points.view_mut(1..)?;
    /// assert_eq!(last.len(), 2);
    /// assert_eq!(last.cast::<f32>().len(), 4);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len() * parts::<T, B>(self.raw)
    }

    /// The same memory as elements of another type, of which an element of this one is made:
    /// `[f32; 3]` as `f32`. The compiler refuses a type whose size does not divide that of the element.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut points = Buffer::<[f32; 3]>::zeroed(&Device::host(), "points", 2)?;
    /// points.view_mut(..1)?.cast().write(&[1.0_f32, 2.0, 3.0])?;
    /// points.view_mut(1..)?.cast::<f32>().fill(7.0)?;
    /// assert_eq!(points.download()?, [[1.0, 2.0, 3.0], [7.0; 3]]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn cast<U: Element>(self) -> ViewMut<'a, U, B> {
        const { assert_is_made_of::<T, U>() };
        ViewMut { raw: self.raw, range: self.range, element: PhantomData }
    }

    /// Whether the range is empty.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// assert!(!cells.view_mut(2..)?.is_empty());
    /// assert!(cells.view_mut(3..)?.is_empty()); // after the last element
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The range, in elements of the buffer.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// assert_eq!(cells.view_mut(1..)?.range(), 1..3);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Overwrites the elements with `data`, which has the same length.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4])?;
    /// cells.view_mut(1..3)?.write(&[20, 30])?;
    /// assert_eq!(cells.download()?, [1, 20, 30, 4]);
    /// let error = cells.view_mut(1..3)?.write(&[0]).unwrap_err();
    /// assert!(matches!(error, Error::LengthMismatch { len: 2, other: 1, .. }));
    /// # Ok::<(), Error>(())
    /// ```
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
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4])?;
    /// cells.view_mut(2..)?.fill(7)?;
    /// assert_eq!(cells.download()?, [1, 2, 7, 7]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::fill`](crate::Buffer::fill).
    pub fn fill(&mut self, value: T) -> Result<(), Error> {
        self.raw.fill(self.range.clone(), bytemuck::bytes_of(&value))
    }

    /// Overwrites the elements with those of `source`, which has the same length, on the device.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let source = Buffer::from_slice(&device, "source", &[7, 8, 9])?;
    /// let mut target = Buffer::from_slice(&device, "target", &[1, 2, 3, 4])?;
    /// target.view_mut(..2)?.copy_from(&source.view(1..)?)?;
    /// assert_eq!(target.download()?, [8, 9, 3, 4]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
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
