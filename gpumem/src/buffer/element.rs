//! The elements of a buffer, and its mode.

use bytemuck::Pod;

/// A type of elements that a buffer can hold: plain data, of which any bits are a value, and which any thread
/// may have.
///
/// It is implemented for every type that is [`bytemuck::Pod`], `Send` and `Sync`, and cannot be implemented
/// otherwise. For a struct of your own, add `#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]` and
/// `#[repr(C)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a GPU buffer",
    label = "not plain data (`bytemuck::Pod`)",
    note = "for a struct of your own, write `#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]` and `#[repr(C)]` on it \
            (with the `derive` feature of `bytemuck`)",
    note = "for a type of another crate, such as `glam::Vec3`, turn on that crate's feature `bytemuck`",
    note = "a field that is to stay on the host takes `#[buffer(skip)]`"
)]
pub trait Element: Pod + Send + Sync {}

#[diagnostic::do_not_recommend]
impl<T: Pod + Send + Sync> Element for T {}

/// How a buffer is downloaded: [`Blocking`] or [`Async`]. Sealed.
pub trait Mode: sealed::Mode + Send + Sync + 'static {}

/// The mode of a buffer whose downloads return when the data is there; the mode of a new buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blocking {}

/// The mode of a buffer that also has [`start_download`](crate::Buffer::start_download). Made by
/// [`Buffer::into_async`](crate::Buffer::into_async), and by `#[buffer(async)]` on a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Async {}

impl Mode for Blocking {}
impl Mode for Async {}

/// The modes that have async downloads: [`Async`]. A bound on methods, so that the compiler can name the
/// attribute to add.
#[diagnostic::on_unimplemented(
    message = "this buffer has no async downloads",
    label = "its downloads are blocking",
    note = "for a buffer of a derived set, add `async` to the field: `#[buffer(async)]`",
    note = "for a buffer outside a set, call `into_async()` where it is made: `Buffer::from_slice(..)?.into_async()`"
)]
pub trait AsyncMode: Mode {}

impl AsyncMode for Async {}

mod sealed {
    pub trait Mode {}
    impl Mode for super::Blocking {}
    impl Mode for super::Async {}
}
