//! Typed, growable buffers in GPU memory, generated from a struct of `Vec`s.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod buffer;
mod device;
mod error;
mod ledger;
mod memory;
mod set;
mod spec;

#[cfg(feature = "cuda")]
pub use self::backend::Cuda;
pub use self::backend::{Backend, Host, MemoryInfo};
pub use self::buffer::{Async, Blocking, Buffer, Download, DownloadGuard, Element, Mode, View, ViewMut};
pub use self::device::{Device, DeviceBuilder, HostArg, HostArgs};
pub use self::error::{BufferLabel, Error, Result};
pub use self::ledger::{BufferStats, DeviceStats, LeakReport, LiveBuffer, SetStats};
pub use self::memory::Stream;
pub use self::set::GpuBuffers;
pub use self::spec::BufferSpec;
pub use bytemuck;

#[cfg(feature = "derive")]
pub use gpumem_derive::GpuBuffers;

/// What generated code refers to. Not part of the public interface: it changes with the derive, which is tied to this
/// version.
#[doc(hidden)]
pub mod __private {
    pub use crate::buffer::RawBuffer;
    pub use crate::set::{PlainData, Set};
    pub use core;
    pub use std::string::String;
    pub use std::vec::Vec;
}
