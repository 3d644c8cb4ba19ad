//! [`Buffer`]: a [`RawBuffer`] with an element type.

use super::element::{Blocking, Element, Mode};
use super::raw::{RawBuffer, RawMut, RawOwned};
use super::transfer::Stage;
use super::view::{BufferRange, View, ViewMut};
use crate::backend::{ALIGNMENT, Backend, Host};
use crate::device::Device;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::ledger::BufferStats;
use crate::spec::BufferSpec;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

/// A growable array of `T` in device memory.
///
/// It is a `Vec<T>` in device memory: it has a length and a capacity, and grows by a factor, within the
/// limits of its [`BufferSpec`] and of the device. `M` says whether it has async downloads
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
pub struct Buffer<T, B: Backend = Host, M: Mode = Blocking> {
    pub(super) raw: RawBuffer<B>,
    types: PhantomData<fn() -> (T, M)>,
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Refuses, at compile time, element types that the runtime cannot store.
    const ELEMENT_FITS: () = {
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
    /// cells.truncate(1); // keeps the memory, and what is in it
    /// // SAFETY: the capacity is 3, and the upload has written three elements.
    /// unsafe { cells.set_len(3) };
    /// assert_eq!(cells.download()?, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Safety
    ///
    /// `len` is at most the capacity, and all elements below `len` were written, or are written by work that
    /// is already queued on the device's compute stream.
    pub unsafe fn set_len(&mut self, len: usize) {
        // SAFETY: the caller's promise is the same (rule 5).
        unsafe { self.raw.set_len(len) }
    }
}

// These methods need no bound on `T`. So a wrong element type is one error, and not one per method.
impl<T, B: Backend, M: Mode> Buffer<T, B, M> {
    /// The number of elements.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// assert_eq!(cells.len(), 3);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether the buffer has no elements.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// assert!(!cells.is_empty());
    /// cells.clear();
    /// assert!(cells.is_empty());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of elements that fit without growth.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[7; 100])?;
    /// assert_eq!(cells.capacity(), 100);
    /// cells.extend_from_slice(&[8])?;
    /// assert_eq!(cells.capacity(), 150); // the growth factor is 1.5, unless the specification has another
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.raw.capacity()
    }

    /// The bytes that the elements take.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let points = Buffer::from_slice(&Device::host(), "points", &[[1.0_f32, 2.0], [3.0, 4.0]])?;
    /// assert_eq!(points.bytes(), 16); // two elements of eight bytes
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len() * size_of::<T>()
    }

    /// The bytes of device memory for the buffer's capacity.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let points = Buffer::<[f32; 2]>::with_capacity(&Device::host(), "points", 100)?;
    /// assert_eq!((points.bytes(), points.capacity_bytes()), (0, 800));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }

    /// The buffer's name, as in its specification.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let number = 7;
    /// let tile = Buffer::<u8>::new(&Device::host(), format!("tile_{number}"))?;
    /// assert_eq!(tile.name(), "tile_7");
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.raw.spec().name()
    }

    /// The buffer's name in messages, with the name of its set.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let edges = Buffer::<[u32; 2]>::new(&Device::host(), "edges")?;
    /// assert_eq!(edges.label().to_string(), "buffer `edges`"); // in a set, it is "buffer `Graph.edges`"
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn label(&self) -> BufferLabel {
        self.raw.label()
    }

    /// Its specification.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("now").growth(2.0).max(1 << 20);
    /// let now = Buffer::<u32>::new(&Device::host(), spec)?;
    /// let next = Buffer::<u32>::new(now.device(), now.spec().clone().named("next"))?; // the same settings
    /// assert_eq!((next.name(), next.spec().max_bytes()), ("next", Some(1 << 20)));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn spec(&self) -> &BufferSpec {
        self.raw.spec()
    }

    /// The device that the buffer lives on.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// /// Zeros, as many as `cells` has elements, on the device of `cells`.
    /// fn scratch(cells: &Buffer<u32>) -> gpumem::Result<Buffer<u32>> {
    ///     Buffer::zeroed(cells.device(), "scratch", cells.len())
    /// }
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// assert_eq!(scratch(&cells)?.download()?, [0, 0, 0]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn device(&self) -> &Device<B> {
        self.raw.device()
    }

    /// The buffer's length, capacity and memory, and its taken slots.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?;
    /// cells.reserve_to(10)?;
    /// let stats = cells.stats();
    /// assert_eq!((stats.len, stats.capacity, stats.resizes), (3, 10, 1));
    /// assert_eq!((stats.used_bytes(), stats.live_bytes()), (12, 40));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> BufferStats {
        self.raw.stats()
    }

    /// Makes the capacity large enough for `additional` more elements, or larger by the growth factor if that
    /// is more.
    ///
    /// Growth near a limit falls back to the exact need before it fails. A small buffer moves to other
    /// memory, which costs a copy on the device; above about 1 MiB it grows in place.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[0])?;
    /// cells.reserve(100)?;
    /// let resizes = cells.stats().resizes;
    /// for cell in 1..=100 {
    ///     cells.extend_from_slice(&[cell])?; // there is room: nothing moves
    /// }
    /// assert_eq!((cells.len(), cells.stats().resizes), (101, resizes));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::SizeOverflow`], [`Error::BufferLimit`], [`Error::DeviceLimit`] or [`Error::OutOfMemory`] when
    /// there is not enough memory, [`Error::DeviceFailed`] when the device has failed. The buffer is as it
    /// was.
    pub fn reserve(&mut self, additional: usize) -> Result<(), Error> {
        self.raw.reserve(additional)
    }

    /// Makes the capacity at least `capacity` elements in all, however many the buffer has.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// cells.reserve_to(100)?;
    /// cells.reserve_to(50)?; // there is room
    /// assert_eq!((cells.len(), cells.capacity()), (3, 100));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`].
    pub fn reserve_to(&mut self, capacity: usize) -> Result<(), Error> {
        self.raw.prepare(capacity)?.commit()
    }

    /// Makes the length `len`. New elements are zero.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// cells.resize(5)?;
    /// assert_eq!(cells.download()?, [1, 2, 3, 0, 0]);
    /// cells.resize(2)?;
    /// assert_eq!(cells.download()?, [1, 2]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`].
    pub fn resize(&mut self, len: usize) -> Result<(), Error> {
        self.raw.resize(len)
    }

    /// Shortens the buffer to `len` elements, if it has more. Keeps the capacity, costs nothing.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4])?;
    /// cells.truncate(2);
    /// assert_eq!((cells.len(), cells.capacity()), (2, 4));
    /// cells.truncate(3); // it has fewer
    /// assert_eq!(cells.download()?, [1, 2]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn truncate(&mut self, len: usize) {
        self.raw.truncate(len);
    }

    /// Removes all elements. Keeps the capacity, costs nothing.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// cells.clear();
    /// assert_eq!((cells.len(), cells.capacity()), (0, 3));
    /// cells.extend_from_slice(&[4, 5])?; // in the memory that it has
    /// assert_eq!((cells.download()?, cells.capacity()), (vec![4, 5], 3));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn clear(&mut self) {
        self.raw.truncate(0);
    }

    /// Gives back the capacity that is not needed, down to the specification's `min`.
    ///
    /// A large buffer that has grown in place keeps its address: the call waits for the work that uses the
    /// buffer, and the memory that was mapped for its last growths goes back to the driver. A `stable` buffer
    /// keeps its address too; memory that one growth took goes back as a whole or not at all. Other buffers
    /// are copied on the device to smaller memory.
    ///
    /// ```
    /// use gpumem::{Buffer, BufferSpec, Device};
    ///
    /// let spec = BufferSpec::new("cells").min(50);
    /// let mut cells = Buffer::<u8>::zeroed(&Device::host(), spec, 1_000)?;
    /// cells.truncate(100);
    /// cells.shrink_to_fit()?;
    /// assert_eq!((cells.len(), cells.capacity()), (100, 100));
    /// cells.clear();
    /// cells.shrink_to_fit()?;
    /// assert_eq!((cells.len(), cells.capacity()), (0, 50));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`]: a buffer that is copied takes the smaller memory before it gives the
    /// larger back. (The smaller counts against no limit.) And [`Error::WouldDeadlock`] inside a host kernel
    /// if it would have to wait.
    pub fn shrink_to_fit(&mut self) -> Result<(), Error> {
        self.raw.shrink_to_fit()
    }

    /// Gives the memory back, and waits until that is done.
    ///
    /// Dropping the buffer does the same without waiting.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?.into_async();
    /// let ticket = cells.start_download()?; // reads the memory
    /// cells.close()?; // waits for that
    /// let stats = device.stats();
    /// assert_eq!((stats.live_bytes, stats.retired_bytes), (0, 0));
    /// assert!(ticket.is_ready()?);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    #[doc(alias = "free")]
    pub fn close(self) -> Result<(), Error> {
        let device = self.device().clone();
        drop(self);
        device.synchronize()
    }

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
