//! Methods of `Vec` that a buffer does not have: each is here under its name, cannot be called, and so makes
//! the compiler name the method that does it on a device.
//!
//! The trait in a method's bound has no implementation. Its `on_unimplemented` is the message.

use super::element::Mode;
use super::typed::Buffer;
use crate::backend::Backend;

#[diagnostic::on_unimplemented(
    message = "a buffer has no `push`: each call would be a transfer of one element",
    label = "the elements are in the memory of a device",
    note = "collect the new elements in a `Vec` and append them at once: `buffer.extend_from_slice(&new)?`"
)]
pub trait Push {}

#[diagnostic::on_unimplemented(
    message = "a buffer has no `extend` or `append`: it takes elements from a slice",
    label = "the elements are in the memory of a device",
    note = "append a slice: `buffer.extend_from_slice(&new)?`, and `collect` an iterator into a `Vec` before"
)]
pub trait Extend {}

#[diagnostic::on_unimplemented(
    message = "a buffer cannot be iterated over where it is",
    label = "the elements are in the memory of a device",
    note = "download them first: `for element in buffer.download()?`",
    note = "on the host backend, `buffer.host_slice()?` and `buffer.host_slice_mut()?` need no copy"
)]
pub trait Iterate {}

#[diagnostic::on_unimplemented(
    message = "a buffer has no `to_vec`: its elements are copied by a transfer, which can fail",
    label = "the elements are in the memory of a device",
    note = "download them: `let elements = buffer.download()?`, or `buffer.download_into_vec(&mut vec)?` into an existing `Vec`"
)]
pub trait ToVec {}

#[doc(hidden)]
#[allow(clippy::unused_self, clippy::needless_pass_by_value)]
impl<T, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Not there: each call would be a transfer of one element. Collect the new elements in a `Vec`, and
    /// append them at once.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1])?;
    /// let mut new = Vec::new();
    /// for cell in 2..5 {
    ///     new.push(cell);
    /// }
    /// cells.extend_from_slice(&new)?; // one transfer
    /// assert_eq!(cells.download()?, [1, 2, 3, 4]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn push(&mut self, _element: T)
    where
        M: Push,
    {
    }

    /// Not there: a buffer takes elements from a slice. Collect the iterator into a `Vec` first.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1])?;
    /// let new: Vec<i32> = (2..5).map(|cell| cell * cell).collect();
    /// cells.extend_from_slice(&new)?;
    /// assert_eq!(cells.download()?, [1, 4, 9, 16]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn extend(&mut self, _elements: impl IntoIterator)
    where
        M: Extend,
    {
    }

    /// Not there: a buffer appends the elements of a slice, or those of another buffer.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut cells = Buffer::from_slice(&device, "cells", &[1])?;
    /// let born = Buffer::from_slice(&device, "born", &[4, 5])?;
    /// cells.extend_from_slice(&[2, 3])?;
    /// cells.extend_from_view(&born.view(..)?)?; // on the device
    /// assert_eq!(cells.download()?, [1, 2, 3, 4, 5]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn append(&mut self, _elements: &mut Vec<T>)
    where
        M: Extend,
    {
    }

    /// Not there: the elements are in the memory of a device. Download them first.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?;
    /// let mut sum = 0;
    /// for cell in cells.download()? {
    ///     sum += cell;
    /// }
    /// assert_eq!(sum, 6);
    /// assert_eq!(cells.host_slice()?.iter().max(), Some(&3)); // on the host backend, without a copy
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn iter(&self) -> std::slice::Iter<'_, T>
    where
        M: Iterate,
    {
        [].iter()
    }

    /// Not there: the elements are in the memory of a device. A kernel changes them there.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// device.launch((&mut cells,), |(cells,)| cells.iter_mut().for_each(|cell| *cell *= 2))?;
    /// assert_eq!(cells.download()?, [2, 4, 6]);
    /// for cell in cells.host_slice_mut()? {
    ///     *cell += 1; // on the host backend, without a kernel
    /// }
    /// assert_eq!(cells.download()?, [3, 5, 7]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T>
    where
        M: Iterate,
    {
        [].iter_mut()
    }

    /// Not there: the copy is a transfer, which can fail. It is `download`.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?;
    /// let elements: Vec<u32> = cells.download()?;
    /// assert_eq!(elements, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn to_vec(&self) -> Vec<T>
    where
        M: ToVec,
    {
        Vec::new()
    }
}
