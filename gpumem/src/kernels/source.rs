//! Kernels as the macro found them: names, parameters and PTX, as data.

use crate::backend::Backend;
use crate::error::Error;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;

/// The kernels of a module, as the macro found them.
#[derive(Debug)]
pub struct Source {
    pub(super) module: &'static str,
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    pub(super) ptx: Option<&'static str>,
    pub(super) entries: &'static [Entry],
}

/// A kernel.
#[derive(Debug)]
pub struct Entry {
    /// Its name in the PTX and in the module.
    pub name: &'static str,
    /// Whether it runs on the host.
    pub has_body: bool,
    /// The threads that a block must have on a card, if the PTX says so.
    pub block: Option<(u32, u32, u32)>,
    /// The parameters in the PTX, in their order.
    pub origins: &'static [ParamOrigin],
}

/// The origin of a parameter in the PTX. The number counts the slices, or the other parameters.
#[derive(Clone, Copy, Debug)]
pub enum ParamOrigin {
    /// The address of a slice.
    Slice(usize),
    /// The length of a slice, as a `u32`.
    Length32(usize),
    /// The length of a slice, as a `u64`.
    Length64(usize),
    /// A value.
    Value(usize),
}

impl Source {
    /// Kernels for the host alone.
    #[must_use]
    pub const fn host(module: &'static str, entries: &'static [Entry]) -> Self {
        Self { module, ptx: None, entries }
    }

    /// Kernels with PTX.
    ///
    /// # Safety
    ///
    /// For each entry, the PTX has a kernel of this name with these parameters. For any size of the launch,
    /// any slices and any values that the checks of the module let through, it touches no memory but the
    /// elements of its slices, writes none of its shared slices, and leaves elements that are values of their
    /// type (rules 1, 2 and 5).
    #[must_use]
    pub const unsafe fn ptx(module: &'static str, ptx: &'static str, entries: &'static [Entry]) -> Self {
        Self { module, ptx: Some(ptx), entries }
    }

    pub(super) fn refused<B: Backend>(&self, reason: fmt::Arguments<'_>) -> Error {
        Error::KernelRefused { backend: B::NAME, reason: format!("`{}`: {reason}", self.module) }
    }
}

/// A type that a kernel takes by value: plain data (`bytemuck::NoUninit`), such as a number, or a struct of
/// numbers without padding.
#[diagnostic::on_unimplemented(
    message = "a kernel cannot take `{Self}` by value",
    label = "not plain data (`bytemuck::NoUninit`)",
    note = "for a struct of your own, write `#[derive(Clone, Copy, bytemuck::NoUninit)]` (or `Pod`) and `#[repr(C)]` on it",
    note = "a kernel knows no references, strings or tuples: a buffer is passed as a slice, `&[T]` or `&mut [T]`"
)]
pub trait KernelValue: bytemuck::NoUninit + Send {}

#[diagnostic::do_not_recommend]
impl<T: bytemuck::NoUninit + Send> KernelValue for T {}

/// A parameter of a kernel that is no slice.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    pub(super) address: *const c_void,
    value: PhantomData<&'a ()>,
}

impl<'a> Value<'a> {
    /// Any plain value: the driver copies its bytes.
    pub fn of<T: KernelValue>(value: &'a T) -> Self {
        Self { address: std::ptr::from_ref(value).cast(), value: PhantomData }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value")
    }
}
