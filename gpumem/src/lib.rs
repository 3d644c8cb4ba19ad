//! Typed, growable buffers in GPU memory, generated from a struct of `Vec`s.
//!
//! Write the struct that your application works with, and derive [`GpuBuffers`] for it. The derive makes a
//! manager with one typed [`Buffer`] per field. So a buffer is reached by a field access, not by a look-up,
//! and mistakes are compile errors.
//!
#![cfg_attr(feature = "derive", doc = "```")]
#![cfg_attr(not(feature = "derive"), doc = "```ignore")]
//! use gpumem::{Device, GpuBuffers};
//!
//! /// A force-directed graph.
//! #[derive(GpuBuffers, Default)]
//! pub struct Graph {
//!     /// Node positions in layout units.
//!     #[buffer(growth = 1.3, max = "512MiB", async)]
//!     pub positions: Vec<[f32; 2]>,
//!     /// Edges as pairs of node indices.
//!     #[buffer(growth = 2.0, max = "2GiB")]
//!     pub edges: Vec<[u32; 2]>,
//!     /// Stays on the host.
//!     #[buffer(skip)]
//!     pub title: String,
//! }
//!
//! fn main() -> Result<(), gpumem::Error> {
//!     let device = Device::host(); // or Device::cuda(0)?
//!     let graph = Graph { edges: vec![[0, 1], [1, 2]], ..Graph::default() };
//!     let mut gpu = graph.upload(&device)?; // GraphBuffers<Host>, the generated manager
//!
//!     gpu.positions_mut().resize(5_000)?; // new elements are zero
//!     let download = gpu.positions().start_download()?; // exists on `async` buffers only
//!     gpu.positions_mut().fill([1.0, 1.0])?; // waits for the copy, on the device
//!     let positions = download.wait()?; // &[[f32; 2]] in pinned memory: no second copy
//!     assert_eq!(positions[4_999], [0.0, 0.0]);
//!
//!     gpu.check_leaks()?;
//!     gpu.close() // all memory is given back, or an error lists the buffers that are left
//! }
//! ```
//!
#![doc = include_str!("../guide/crate.md")]
// Two links of that page are to the macros, which are not there without the feature.
#![cfg_attr(not(feature = "derive"), allow(rustdoc::broken_intra_doc_links))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

// Tests share a file with other crates (`tests/cuda/card.rs`), where this crate has its name.
#[cfg(all(test, feature = "cuda"))]
extern crate self as gpumem;

// The page of `Device` shows the methods in this order. The blank lines keep rustfmt from sorting the files.
mod device;

mod kernels;

mod backend;
mod buffer;
mod error;
pub mod guide;
mod label;
mod ledger;
mod log_safely;
mod memory;
pub mod named;
mod set;
mod spec;
#[cfg(feature = "testing")]
pub mod testing;
mod threads;
mod timeline;

#[cfg(feature = "cuda")]
pub use self::backend::Cuda;
pub use self::backend::{Backend, Dim3, Host, MemoryInfo};
pub use self::buffer::{
    Async, AsyncMode, Blocking, Bound, Buffer, Download, DownloadGuard, Element, Frame, FrameQueue, Mode,
    Selection, SelectionPart, Stage, StreamUse, Ticket, Upload, View, ViewMut, WhenFree,
};
pub use self::device::{AnyDevice, Device, DeviceBuilder, LeakScope};
pub use self::error::{Error, Result};
pub use self::kernels::{
    HostKernels, IntoLaunch, KernelArg, KernelArgs, KernelBackend, KernelSlice, KernelSliceMut, KernelValue,
    Launch, LaunchOn,
};
pub use self::label::BufferLabel;
pub use self::ledger::{BufferStats, DeviceStats, ErrorCounts, Held, LeakReport, SetStats};
pub use self::memory::{MemoryReport, Pressure, Stream};
pub use self::set::{AnySet, BufferSet, GpuBuffers};
pub use self::spec::BufferSpec;
#[cfg(feature = "timeline")]
pub use self::timeline::Timeline;
pub use bytemuck;

#[cfg(feature = "derive")]
pub use gpumem_derive::{GpuBuffers, kernels};

/// Kernels on CUDA cards, which [`Device::load_ptx`] loads and [`Stream::launch`] queues, and the addresses
/// that they take.
#[cfg(feature = "cuda")]
pub mod cuda {
    pub use crate::backend::cuda::{Function, Kernel};
    pub use crate::buffer::DevicePointer;
    pub use crate::kernels::Module;
}

/// The names that generated code uses. Not part of the public interface: it changes with the derive, which is
/// tied to this version.
#[doc(hidden)]
pub mod __private {
    pub use crate::buffer::{Arrived, RawBuffer, RawMut, RawOwned};
    pub use crate::kernels::{Entry, Header, HeaderPart, KernelSet, Length, ParamOrigin, Source, Value};
    pub use crate::memory::{Pool, PoolBlock};
    pub use crate::set::{AsyncSet, HostDefault, PlainData, Set, debug};
    pub use core;
    pub use std::string::String;
    pub use std::vec::Vec;
}
