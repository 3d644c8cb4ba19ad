//! The size of a buffer and its name: methods that need no element.
//!
//! The length is the number of elements that there are, the capacity the number that fit without growth, as
//! with a `Vec`.

use super::element::Mode;
use super::typed::Buffer;
use crate::backend::Backend;
use crate::device::Device;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::ledger::BufferStats;
use crate::spec::BufferSpec;

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

    /// The buffer's length, capacity and memory, its transfers, and the time since its last use.
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

    /// Sets [`BufferStats::peak_bytes`] to the bytes that the buffer holds now. The peaks of its set and of
    /// the device stay.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::<u8>::with_capacity(&Device::host(), "cells", 100)?;
    /// cells.shrink_to_fit()?;
    /// assert_eq!((cells.stats().live_bytes(), cells.stats().peak_bytes), (0, 100));
    /// cells.reset_peak();
    /// assert_eq!(cells.stats().peak_bytes, 0);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn reset_peak(&self) {
        self.raw.reset_peak();
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
}
