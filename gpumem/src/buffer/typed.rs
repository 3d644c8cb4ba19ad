//! [`Buffer`]: a [`RawBuffer`] with an element type.

use super::element::{Blocking, Element, Mode};
use super::raw::{RawBuffer, RawMut, RawOwned};
use super::transfer::Stage;
use super::view::{BufferRange, View, ViewMut};
use crate::backend::{ALIGNMENT, Backend, Host};
use crate::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;
use std::ptr;

/// A growable array of `T` in device memory.
///
/// It is a `Vec<T>` in device memory: it has a length and a capacity, and grows by a factor, within the
/// limits of its [`BufferSpec`](crate::BufferSpec) and of the device. `M` says whether it has async downloads
/// ([`Async`](crate::Async)) or not ([`Blocking`], the default). The constructors make a blocking buffer;
/// [`into_async`](Buffer::into_async) makes it async, for free.
///
/// Operations are queued on the device's compute stream in the order of the calls. They return without
/// waiting for the stream, except those that give data to the host and those that say so. An operation that
/// fails leaves the buffer as it was; [`Error`] has the exception, a driver that fails in the middle of the
/// work.
///
/// A buffer may be used and dropped on any thread. Dropping it never waits: the memory goes back when the
/// work that uses it is done.
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let mut cells = Buffer::from_slice(&device, "cells", &[1, 2, 3])?; // a Buffer<i32>
/// cells.resize(5)?;
/// cells.write(3, &[40, 50])?;
/// assert_eq!(cells.download()?, [1, 2, 3, 40, 50]);
/// cells.truncate(2);
/// assert_eq!(cells.view(1..)?.download()?, [2]);
/// # Ok::<(), gpumem::Error>(())
/// ```
#[repr(transparent)]
pub struct Buffer<T, B: Backend = Host, M: Mode = Blocking> {
    pub(super) raw: RawBuffer<B>,
    types: PhantomData<fn() -> (T, M)>,
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Refuses, at compile time, element types that the runtime cannot store.
    pub(crate) const ELEMENT_FITS: () = {
        assert!(size_of::<T>() > 0, "gpumem: a buffer's elements must not be zero-sized");
        assert!(
            align_of::<T>() <= ALIGNMENT,
            "gpumem: a buffer's elements must not be aligned to more than 256 bytes"
        );
    };

    /// The caller vouches that `raw` was made for elements of type `T`.
    pub(crate) fn from_raw(raw: RawBuffer<B>) -> Self {
        let () = Self::ELEMENT_FITS;
        debug_assert_eq!(raw.element_size(), size_of::<T>());
        Self { raw, types: PhantomData }
    }

    /// The same buffer, with its element type.
    ///
    /// # Safety
    ///
    /// `raw` was made for elements of type `T` (rule 5).
    #[inline]
    pub(crate) unsafe fn of_raw(raw: &RawBuffer<B>) -> &Self {
        let () = Self::ELEMENT_FITS;
        debug_assert_eq!(raw.element_size(), size_of::<T>());
        // SAFETY: a buffer is a transparent wrapper of a `RawBuffer` (Rust's contract).
        unsafe { &*ptr::from_ref(raw).cast() }
    }

    /// As [`Self::of_raw`], for writing.
    ///
    /// # Safety
    ///
    /// `raw` was made for elements of type `T`, and no buffer of other elements is put in its place (rule 5).
    /// The reference that this gives allows only buffers of `T`.
    #[inline]
    pub(crate) unsafe fn of_raw_mut(raw: &mut RawBuffer<B>) -> &mut Self {
        let () = Self::ELEMENT_FITS;
        debug_assert_eq!(raw.element_size(), size_of::<T>());
        // SAFETY: as in `of_raw` (Rust's contract).
        unsafe { &mut *ptr::from_mut(raw).cast() }
    }

    /// As [`Self::from_raw`], for buffers that pass through generated code. Their element size is checked.
    pub(crate) fn from_made(raw: RawOwned<B>) -> Self {
        assert_eq!(raw.0.element_size(), size_of::<T>(), "gpumem: a buffer of another element");
        Self::from_raw(raw.0)
    }

    /// Replaces the contents by `data`, growing as needed.
    ///
    /// The data is copied into pinned memory, and the device copies it from there. The call returns when
    /// `data` is no longer needed, not when the device has it. [`Buffer::stage`] needs no copy on the host.
    ///
    /// The data goes in pieces of at most 2 MiB. At most 8 MiB of the data are ahead of the device, or 16 MiB
    /// if the data is larger than 8 MiB and up to four threads copy it. Before its first piece a call waits
    /// until at most 64 pieces of earlier calls are ahead. So the calls of one thread are at most 144 MiB
    /// ahead, and 80 MiB more if four threads copy. Each further thread that uploads at the same time adds at
    /// most 16 MiB.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// cells.upload(&[4, 5])?; // in place of all three
    /// assert_eq!(cells.download()?, [4, 5]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`], and [`Error::OutOfPinnedMemory`].
    #[doc(alias = "memcpy")]
    pub fn upload(&mut self, data: &[T]) -> Result<(), Error> {
        self.raw.upload(bytemuck::cast_slice(data))
    }

    /// Pinned memory for `len` elements, which the caller fills in place and then sends without a copy on the
    /// host: [`Stage::commit`] does as [`Buffer::upload`], [`Stage::commit_at`] as [`Buffer::write`], and
    /// [`Stage::append`] as [`Buffer::extend_from_slice`].
    ///
    /// The elements are those of an earlier transfer of the device, or zero: set them all. Memory of so many
    /// bytes is pinned the first time, which is slow, and used again afterwards. The call waits for the
    /// device only if more than 64 transfers are ahead of it. For a large stage it waits if more than two are
    /// ahead, and more than 256 MiB would be if all of them had the stage's size.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut cells = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
    /// let mut stage = cells.stage(1_000)?;
    /// for (index, cell) in (0..).zip(stage.iter_mut()) {
    ///     *cell = index * index;
    /// }
    /// stage.commit()?;
    /// assert_eq!(cells.view(9..11)?.download()?, [81, 100]);
    ///
    /// let mut stage = cells.stage(2)?;
    /// stage.fill(7);
    /// stage.commit_at(10)?.wait()?; // to wait is optional: later uses of the buffer come after the upload
    /// assert_eq!(cells.view(9..13)?.download()?, [81, 7, 7, 144]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::SizeOverflow`], [`Error::BufferLimit`] and [`Error::OutOfPinnedMemory`], and
    /// [`Error::WouldDeadlock`] inside a host kernel if it would have to wait.
    #[track_caller]
    pub fn stage(&mut self, len: usize) -> Result<Stage<'_, T, B>, Error> {
        Stage::new(&mut self.raw, len)
    }

    /// Overwrites the elements from `offset` on with `data`.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4])?;
    /// cells.write(1, &[20, 30])?; // elements 1 and 2
    /// assert_eq!(cells.download()?, [1, 20, 30, 4]);
    /// let error = cells.write(3, &[40, 50]).unwrap_err(); // there is no element 4
    /// assert!(matches!(error, Error::OutOfBounds { start: 3, end: 5, len: 4, .. }));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] when not all of them exist (see [`Buffer::extend_from_slice`] for appending),
    /// and [`Error::OutOfPinnedMemory`].
    pub fn write(&mut self, offset: usize, data: &[T]) -> Result<(), Error> {
        self.raw.write(offset, bytemuck::cast_slice(data))
    }

    /// Appends `data`, growing as needed.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut log = Buffer::new(&Device::host(), "log")?;
    /// log.extend_from_slice(&[1, 2])?;
    /// log.extend_from_slice(&[3])?;
    /// assert_eq!(log.download()?, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::upload`].
    #[doc(alias = "append", alias = "push", alias = "extend")]
    pub fn extend_from_slice(&mut self, data: &[T]) -> Result<(), Error> {
        self.raw.extend(bytemuck::cast_slice(data))
    }

    /// Sets every element to `value`.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// cells.fill(7)?;
    /// assert_eq!(cells.download()?, [7, 7, 7]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfPinnedMemory`] or [`Error::DeviceFailed`].
    pub fn fill(&mut self, value: T) -> Result<(), Error> {
        self.raw.fill(0..self.len(), bytemuck::bytes_of(&value))
    }

    /// Replaces the contents by those of `source`, on the device, growing as needed.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let source = Buffer::from_slice(&device, "source", &[1, 2, 3])?;
    /// let mut target = Buffer::from_slice(&device, "target", &[0; 10])?;
    /// target.copy_from(&source)?; // the length too
    /// assert_eq!(target.download()?, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`], and [`Error::DifferentDevices`].
    #[doc(alias = "memcpy")]
    pub fn copy_from<N: Mode>(&mut self, source: &Buffer<T, B, N>) -> Result<(), Error> {
        self.raw.copy_from(&source.raw)
    }

    /// A range of the elements, for downloading or copying from.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4, 5])?;
    /// assert_eq!(cells.view(1..3)?.download()?, [2, 3]);
    /// assert!(matches!(cells.view(4..6), Err(Error::OutOfBounds { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`].
    pub fn view(&self, range: impl RangeBounds<usize>) -> Result<View<'_, T, B, M>, Error> {
        Ok(View::new(BufferRange::all(&self.raw).narrowed(range)?))
    }

    /// A range of the elements, for writing.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::<u8>::zeroed(&Device::host(), "cells", 5)?;
    /// cells.view_mut(1..3)?.fill(7)?;
    /// cells.view_mut(4..)?.write(&[9])?;
    /// assert_eq!(cells.download()?, [0, 7, 7, 0, 9]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`].
    pub fn view_mut(&mut self, range: impl RangeBounds<usize>) -> Result<ViewMut<'_, T, B>, Error> {
        ViewMut::new(&mut self.raw, range)
    }

    /// A copy of the elements on the host. Waits for the queued work.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// cells.fill(7)?;
    /// let elements = cells.download()?; // waits for the upload and for the fill
    /// assert_eq!(elements, [7, 7, 7]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfHostMemory`], [`Error::OutOfPinnedMemory`], [`Error::DeviceFailed`], and
    /// [`Error::WouldDeadlock`] inside a host kernel.
    #[doc(alias = "readback", alias = "memcpy", alias = "to_vec")]
    pub fn download(&self) -> Result<Vec<T>, Error> {
        self.view(..)?.download()
    }

    /// Copies the elements into `target`, which has the same length. Returns when they are there.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// let mut rows = [0; 6];
    /// cells.download_into_slice(&mut rows[3..])?;
    /// assert_eq!(rows, [0, 0, 0, 1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::LengthMismatch`], and those of [`Buffer::download`], after which `target` may be partly
    /// written.
    pub fn download_into_slice(&self, target: &mut [T]) -> Result<(), Error> {
        self.view(..)?.download_into_slice(target)
    }

    /// Replaces the contents of `target` by the elements. Its allocation is used again if it is large enough.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::<u32>::zeroed(&Device::host(), "cells", 3)?;
    /// let mut frame = Vec::new();
    /// for step in 1..=4 {
    ///     cells.fill(step)?;
    ///     cells.download_into_vec(&mut frame)?; // allocates in the first step only
    ///     assert_eq!(frame, [step; 3]);
    /// }
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download`]; `target` is empty then.
    pub fn download_into_vec(&self, target: &mut Vec<T>) -> Result<(), Error> {
        self.view(..)?.download_into_vec(target)
    }

    /// Makes the length `len` without writing the new elements: for a kernel that writes all of them, so that
    /// zeros would be written in vain. (From the host, [`extend_from_slice`](Self::extend_from_slice) and
    /// [`Stage::append`] append without zeros too.)
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut squares = Buffer::from_slice(&device, "squares", &[0_u64, 1])?;
    /// // SAFETY: the kernel that is launched next writes the new elements.
    /// unsafe { squares.resize_uninit(1_000)? };
    /// device.launch((&mut squares,), |(squares,)| {
    ///     for (number, square) in (0..).zip(squares) {
    ///         *square = number * number;
    ///     }
    /// })?;
    /// assert_eq!(squares.view(998..)?.download()?, [998 * 998, 999 * 999]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Safety
    ///
    /// All new elements are written before anything reads them: by the work that is queued on the device's
    /// compute stream next, for instance. If that work is not queued, the buffer is truncated.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`].
    pub unsafe fn resize_uninit(&mut self, len: usize) -> Result<(), Error> {
        // SAFETY: the caller's promise is the same (rule 5).
        unsafe { self.raw.resize_unwritten(len) }
    }

    /// Sets the length without touching the elements: after a kernel that writes elements beyond the length.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// cells.truncate(1); // keeps the memory and its contents
    /// // SAFETY: the capacity is 3, and the upload has written three elements.
    /// unsafe { cells.set_len(3) };
    /// assert_eq!(cells.download()?, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Safety
    ///
    /// `len` is at most the capacity, and all elements below `len` were written, or are written by work that
    /// is already queued on the device's compute stream, or that this stream was made to wait for
    /// ([`Bound::buffer`](crate::Bound::buffer)).
    pub unsafe fn set_len(&mut self, len: usize) {
        // SAFETY: the caller's promise is the same (rule 5).
        unsafe { self.raw.set_len(len) }
    }
}

impl<T, B: Backend, M: Mode> Buffer<T, B, M> {
    /// The same buffer in another mode.
    pub(super) fn with_mode<N: Mode>(self) -> Buffer<T, B, N> {
        Buffer { raw: self.raw, types: PhantomData }
    }

    #[doc(hidden)]
    #[inline]
    pub fn __raw(&self) -> &RawBuffer<B> {
        &self.raw
    }

    #[doc(hidden)]
    #[inline]
    pub fn __raw_mut(&mut self) -> RawMut<'_, B> {
        RawMut(&mut self.raw)
    }

    pub(crate) fn raw_mut(&mut self) -> &mut RawBuffer<B> {
        &mut self.raw
    }

    #[doc(hidden)]
    pub fn __into_raw(self) -> RawOwned<B> {
        RawOwned(self.raw)
    }
}

impl<T, B: Backend, M: Mode> fmt::Debug for Buffer<T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}
