//! A crate with the prelude, and with types of its own called as the prelude's and the primitives are.
#![deny(warnings)]
#![allow(
    dead_code,
    unused_macros,
    non_camel_case_types,
    clippy::len_without_is_empty,
    reason = "the names are there to be in the way"
)]

/// In the way, as each of these.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct u32 {
    /// Halves.
    pub halves: [u16; 2],
}
/// See above.
pub type usize = u32;
/// See above.
#[derive(Default)]
pub enum Option {
    /// See above.
    #[default]
    Some,
    /// See above.
    None,
}
pub use self::Option::{None, Some};
/// See above.
pub struct Result;
/// See above.
pub struct Ok;
/// See above.
pub struct Err;
/// See above.
pub struct Box;
/// See above.
#[derive(std::prelude::v1::Default)]
pub struct String;
/// See above.
pub trait Send {}
/// See above.
pub trait Sync {}
/// See above.
pub trait Sized {}
/// See above.
pub trait Into {}
/// See above.
pub trait Clone {
    /// See above.
    fn clone(&self) {}
    /// See above.
    fn len(&self) {}
    /// See above.
    fn upload(&self) {}
}
impl<T> Clone for T {}
/// See above.
pub mod core {}
/// See above.
pub mod std {
    pub use ::std::prelude;
}
/// The macros that generated code might call.
macro_rules! assert {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}
macro_rules! unreachable {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}
macro_rules! matches {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}
macro_rules! vec {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}
macro_rules! format_args {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}

macro_rules! include_str {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}
macro_rules! stringify {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}
macro_rules! panic {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}
macro_rules! env {
    ($($anything:tt)*) => {
        no_such_name! {}
    };
}

/// Kernels whose elements and values are called as a primitive is.
#[gpumem::kernels(unsafe(ptx = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/kernels.ptx")), slices = "pointer, length")]
pub mod kernels {
    use super::*;

    /// Adds 1 to each element.
    #[requires(elements.len() == 1)]
    pub fn add_one(elements: &mut [u32]) {
        elements[0].halves[0] += 1;
    }

    /// Takes time.
    pub fn occupy(nanoseconds: Eight) {
        _ = nanoseconds;
    }

    /// Of 8 bytes.
    #[derive(Clone_, Copy_)]
    #[repr(C)]
    pub struct Eight([u32; 2]);

    // SAFETY: numbers without a gap between them.
    unsafe impl bytemuck::Zeroable for Eight {}
    // SAFETY: numbers without a gap between them.
    unsafe impl bytemuck::Pod for Eight {}
}
pub use ::std::prelude::v1::{Clone as Clone_, Copy as Copy_};

/// Of elements that are called as a primitive is.
#[derive(gpumem::GpuBuffers)]
pub struct Shadowed {
    /// Of this crate's type.
    #[buffer(async, max = "4KiB")]
    pub of: Vec<u32>,
    /// By an alias.
    pub alias: Vec<usize>,
    /// On the host.
    #[buffer(skip)]
    pub host: Option,
    /// On the host.
    #[buffer(skip)]
    pub title: String,
}
