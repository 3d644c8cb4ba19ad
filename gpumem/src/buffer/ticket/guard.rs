//! The data of a download, in the pinned memory that the device wrote: no further copy is made.

use crate::backend::{ALIGNMENT, Backend};
use crate::error::Error;
use crate::label::BufferLabel;
use crate::memory::{PinnedBlock, Slot};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// Downloaded elements, in the pinned memory that the device wrote them to. It derefs to `[T]`.
///
/// It borrows nothing: it may outlive the buffer and the device, and go to another thread. Dropping it gives
/// the memory back for the next download, and its slot to the buffer. So keep it only as long as it is read,
/// or take a copy (`to_vec`).
///
/// ```
/// use gpumem::{Async, Buffer, Device, Host};
///
/// let device = Device::host();
/// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3])?.into_async();
/// let guard = cells.start_download()?.wait()?;
/// drop(cells);
/// assert_eq!(guard.iter().sum::<u32>(), 6); // it is a slice
/// for cell in &guard {
///     assert!((1..4).contains(cell));
/// }
/// assert!(guard == [1, 2, 3]);
/// let kept: Vec<u32> = guard.into();
/// assert_eq!(kept, [1, 2, 3]);
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct DownloadGuard<T, B: Backend> {
    /// None for no elements.
    data: Option<(PinnedBlock<B>, Slot)>,
    len: usize,
    label: BufferLabel,
    element: PhantomData<fn() -> T>,
}

impl<T, B: Backend> DownloadGuard<T, B> {
    /// The guard for `len` elements of the buffer, each of `element_size` bytes.
    ///
    /// # Safety
    ///
    /// The copy that wrote the elements to `data` has ended (rule 3), and any bits are a `T` (rule 5).
    pub(super) unsafe fn new(
        data: Option<(PinnedBlock<B>, Slot)>,
        len: usize,
        element_size: usize,
        label: BufferLabel,
    ) -> Self {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        // Generated code could bring a buffer and a guard of different elements together.
        // An element of a view that was cast is a part of one of the buffer.
        assert!(element_size.is_multiple_of(size_of::<T>()), "gpumem: a buffer of another element");
        let len = if data.is_some() { len * (element_size / size_of::<T>()) } else { 0 };
        Self { len, data, label, element: PhantomData }
    }

    /// The elements.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?.into_async();
    /// let guard = cells.start_download()?.wait()?;
    /// let elements: &[u32] = guard.as_slice(); // or `&guard`, which derefs
    /// assert_eq!(elements, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        let Some((pinned, _)) = &self.data else { return &[] };
        // SAFETY: the copy has written `len` elements of this size, and any bits are a `T` (rules 3 and 5,
        // the caller's promise to `new`). The block is aligned to 256 bytes, which `new` checked to be
        // enough, and this guard alone has it.
        unsafe { std::slice::from_raw_parts(pinned.address().cast(), self.len) }
    }
}

impl<T: Copy, B: Backend> DownloadGuard<T, B> {
    /// Copies the elements into `target`, which has the same length. (`to_vec` makes a `Vec` of them.)
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3])?.into_async();
    /// let mut shown = [0; 3];
    /// cells.start_download()?.wait()?.copy_to_slice(&mut shown)?; // the slot is free again
    /// assert_eq!(shown, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::LengthMismatch`]; nothing is copied then.
    pub fn copy_to_slice(&self, target: &mut [T]) -> Result<(), Error> {
        if target.len() != self.len {
            return Err(Error::LengthMismatch {
                buffer: self.label.clone(),
                len: self.len,
                other: target.len(),
            });
        }
        target.copy_from_slice(self);
        Ok(())
    }
}

impl<T, B: Backend> Deref for DownloadGuard<T, B> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T, B: Backend> AsRef<[T]> for DownloadGuard<T, B> {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: fmt::Debug, B: Backend> fmt::Debug for DownloadGuard<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}
