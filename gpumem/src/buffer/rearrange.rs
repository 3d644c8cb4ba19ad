//! Operations that move elements on the device: in a buffer, and between buffers.

use super::element::{Element, Mode};
use super::raw::RawBuffer;
use super::typed::Buffer;
use super::view::View;
use crate::backend::Backend;
use crate::error::Error;
use std::ops::RangeBounds;

/// Operations that move elements on the device. None of them takes data over the bus, or waits.
impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Appends the elements of a range of another buffer, growing as needed. They are copied on the device.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let born = Buffer::from_slice(&device, "born", &[4, 5, 6])?;
    /// let mut all = Buffer::from_slice(&device, "all", &[1, 2, 3])?;
    /// all.extend_from_view(&born.view(..2)?)?;
    /// assert_eq!(all.download()?, [1, 2, 3, 4, 5]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`], and [`Error::DifferentDevices`].
    pub fn extend_from_view<N: Mode>(&mut self, source: &View<'_, T, B, N>) -> Result<(), Error> {
        source.append_to(&mut self.raw)
    }

    /// Another buffer with the same elements, and the same specification and name. It belongs to no set.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// let before = cells.clone_on_device()?;
    /// cells.fill(0)?;
    /// assert_eq!(before.download()?, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::with_capacity`].
    #[track_caller]
    pub fn clone_on_device(&self) -> Result<Self, Error> {
        let mut raw = RawBuffer::new(self.device(), self.spec().clone(), self.len(), None)?;
        raw.copy_from(&self.raw)?;
        Ok(Self::from_raw(raw))
    }
}

// These methods need no bound on `T`. So a wrong element type is one error, and not one per method.
impl<T, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Overwrites the elements from `to` on by those of a range of the same buffer, which may overlap them:
    /// `copy_within` of a slice.
    ///
    /// A copy by less than 4 MiB that overlaps takes up to 4 MiB of device memory for the time that it runs.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut log = Buffer::from_slice(&Device::host(), "log", &[1, 2, 3, 4, 5])?;
    /// log.copy_within(2.., 0)?; // forgets the oldest two
    /// log.truncate(3);
    /// assert_eq!(log.download()?, [3, 4, 5]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] when the elements of one of the two ranges do not all exist, and those of
    /// [`Buffer::reserve`].
    pub fn copy_within(&mut self, range: impl RangeBounds<usize>, to: usize) -> Result<(), Error> {
        let range = self.raw.range(range)?;
        self.raw.copy_within(range, to)
    }

    /// Removes the element at `index`. The last element takes its place, so that one element is copied.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4])?;
    /// cells.swap_remove(1)?;
    /// assert_eq!(cells.download()?, [1, 4, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] when there is no such element, and [`Error::DeviceFailed`].
    pub fn swap_remove(&mut self, index: usize) -> Result<(), Error> {
        self.raw.swap_remove(index)
    }

    /// Exchanges the elements of two buffers, and the memory that they are in: ping-pong. Queues no work and
    /// costs nothing.
    ///
    /// Names, limits and sets stay where they are, as do download slots; a download that is under way shows
    /// what it was started for. (`std::mem::swap` would exchange the buffers themselves: their names too, and
    /// a set would refuse the other's buffer.) The addresses on the device go along with the elements.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut now = Buffer::from_slice(&device, "now", &[1.0, 2.0])?;
    /// let mut next = Buffer::zeroed(&device, "next", 2)?;
    /// for _ in 0..3 {
    ///     device.launch((&now, &mut next), |(now, next)| {
    ///         next.iter_mut().zip(now).for_each(|(next, now)| *next = now + 0.5);
    ///     })?;
    ///     now.swap_contents(&mut next)?;
    /// }
    /// assert_eq!((now.name(), now.download()?), ("now", vec![2.5, 3.5]));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// Two buffers of a set are borrowed at once by `split_mut`:
    /// `let all = gpu.split_mut(); all.now.swap_contents(all.next)?;`.
    ///
    /// # Errors
    ///
    /// [`Error::DifferentDevices`]; [`Error::InvalidSpec`] when the specifications differ in more than their
    /// names; [`Error::SetLimit`] when the buffers are of two sets and one has no room. Nothing has changed
    /// then.
    pub fn swap_contents<N: Mode>(&mut self, other: &mut Buffer<T, B, N>) -> Result<(), Error> {
        self.raw.swap_contents(&mut other.raw)
    }
}
