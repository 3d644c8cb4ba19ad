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
    pub fn push(&mut self, _element: T)
    where
        M: Push,
    {
    }

    pub fn extend(&mut self, _elements: impl IntoIterator)
    where
        M: Extend,
    {
    }

    pub fn append(&mut self, _elements: &mut Vec<T>)
    where
        M: Extend,
    {
    }

    pub fn iter(&self) -> std::slice::Iter<'_, T>
    where
        M: Iterate,
    {
        [].iter()
    }

    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T>
    where
        M: Iterate,
    {
        [].iter_mut()
    }

    #[must_use]
    pub fn to_vec(&self) -> Vec<T>
    where
        M: ToVec,
    {
        Vec::new()
    }
}
