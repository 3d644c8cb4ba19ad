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
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | the attributes, and the generated types | [`GpuBuffers`](derive@GpuBuffers) |
//! | code that is generic over sets, and lists of sets | [`BufferSet`], [`AnySet`] |
//! | the operations of a buffer | [`Buffer`], [`View`], [`ViewMut`] |
//! | uploads without a copy on the host, awaited or not | [`Buffer::stage`], [`Stage::commit`] |
//! | async downloads, awaited or waited for | [`Buffer::start_download`], [`Ticket`], [`DownloadGuard`]; [how they stay safe](guide::downloads) |
//! | a loop that reads one frame while the next one comes down | [`FrameQueue`] |
//! | several buffers at one point of the stream | `start_download` of a set, [`Device::start_downloads`] |
//! | limits, free memory that is kept, statistics | [`Device`], [`DeviceBuilder`], [`DeviceStats`], [`MemoryReport`] |
//! | streams of your own | [`Stream`], [`Device::create_stream`], [`Buffer::use_on`], [`Buffer::bind`] |
//! | kernels that are declared once, for the host and for a card | [`kernels`](macro@kernels) |
//! | kernels on the host | [`Device::launch`] |
//! | CUDA: device pointers and kernels | `Cuda`, and the module `cuda` (feature `cuda`) |
//! | errors | [`Error`] |
//! | the calls of `cust` and `cudarc`, side by side | [coming from them](guide::coming_from) |
//!
//! # Guides
//!
//! * [Getting started](guide::getting_started), on the host and on a card.
//! * [Coming from `cust` or `cudarc`](guide::coming_from).
//! * [Adding and removing elements](guide::adding_and_removing): growth, limits, and the cost of each change.
//! * [One source for any backend](guide::generic_backend).
//! * [Chunks](guide::chunked_pipelines): data that is larger than the device's memory.
//! * [Streaming under tokio](guide::streaming_under_tokio).
//! * [Testing without a card](guide::testing_without_a_card).
//! * [How downloads stay safe](guide::downloads).
//!
//! # Order
//!
//! A device has one compute stream, [`Device::stream`]. Operations that write a buffer take effect in its
//! order, which is the order of the calls, and so do kernels that are launched on it. Calls return without
//! waiting, with these exceptions: calls that give data to the host; uploads that run far ahead of the device
//! (see [`Buffer::upload`]); an allocation that would pass a limit, which first waits for memory that was
//! dropped while a download read it; and [`Buffer::shrink_to_fit`] of a large buffer, which waits for the
//! work that uses the buffer. Downloads run on streams of their own, with events between these and the
//! compute stream: a download shows the buffer at the time of its start, and later writes of the buffer wait
//! for the copy, on the device and not on the host.
//!
//! # Memory
//!
//! A buffer of up to about 1 MiB is a piece of a larger block. A larger buffer, or one whose specification
//! says [`stable`](BufferSpec::stable), is a *segment*: addresses for its `max` (or for all of the device's
//! memory) are reserved, and growth maps memory after its end. No element is copied, the address stays, and
//! the peak is the new size. On the way from small to large a buffer moves once. If a device has no virtual
//! memory, growth allocates, copies and frees.
//!
//! The memory of a dropped buffer is kept for the next buffers, which get it in the order of the compute
//! stream. Taking memory and giving it back costs some tens of nanoseconds, without a call to the driver and
//! without a lock that threads share. The [`DeviceBuilder`] sets how much free memory is kept, and for how
//! long ([`overhead`](DeviceBuilder::overhead), [`retain`](DeviceBuilder::retain),
//! [`retain_for`](DeviceBuilder::retain_for)); [`Device::trim`] gives it back at once. When memory runs out,
//! all free memory is given back and the allocation is tried again. Then the application is asked to free
//! memory ([`DeviceBuilder::on_pressure`]), and after that the allocation fails with [`Error::OutOfMemory`]
//! and the figures. [`Device::stats`] counts all of this, calls to the driver included.
//!
//! # Failure
//!
//! An operation that fails leaves every buffer as it was; [`Error`] has the exception, a driver that fails in
//! the middle of the work. Memory limits are checked before the driver is called, growth near a limit falls
//! back to the exact need, and the messages name the buffer and the figures. Dropping any value, on any
//! thread, never waits and never panics.
//!
//! # Features
//!
//! * `derive` (default): `#[derive(GpuBuffers)]` and `#[kernels]`.
//! * `cuda`: the CUDA backend. Building it needs no toolkit and no driver. A program that has it starts on
//!   every machine; the driver is loaded by [`Device::cuda`](Device), which gives
//!   [`Error::BackendUnavailable`] where there is no driver or no card. The oldest driver that works is that
//!   of CUDA 11.2 (460.27).
//! * `cust`: `cuda`, and the crate `cust` 0.3 beside this one. Its `launch!` takes streams, kernels and
//!   addresses of this crate, and a [`Stream`] launches kernels that it loaded. Building `cust` needs the
//!   driver's library to link with: from a CUDA toolkit, or from the folder in `CUDA_LIBRARY_PATH`.
//! * `futures`: [`FrameQueue`] is a `futures_core::Stream`.
//! * `testing`: failures on purpose and slow transfers, for tests of the reactions to them.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

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
mod set;
mod spec;
#[cfg(feature = "testing")]
pub mod testing;
mod threads;

#[cfg(feature = "cuda")]
pub use self::backend::Cuda;
pub use self::backend::{Backend, Dim3, Host, MemoryInfo};
pub use self::buffer::{
    Async, AsyncMode, Blocking, Bound, Buffer, Download, DownloadGuard, Element, Frame, FrameQueue, Mode,
    Selection, SelectionPart, Stage, StreamUse, Ticket, Upload, View, ViewMut, WhenFree,
};
pub use self::device::{AnyDevice, Device, DeviceBuilder};
pub use self::error::{Error, Result};
pub use self::kernels::{
    HostKernels, IntoLaunch, KernelArg, KernelArgs, KernelBackend, KernelSlice, KernelSliceMut, KernelValue,
    Launch, LaunchOn,
};
pub use self::label::BufferLabel;
pub use self::ledger::{BufferStats, DeviceStats, LeakReport, LiveBuffer, LiveHandle, SetStats};
pub use self::memory::{MemoryReport, Pressure, Stream};
pub use self::set::{AnySet, BufferSet, GpuBuffers};
pub use self::spec::BufferSpec;
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
    pub use crate::kernels::{Entry, KernelSet, Length, Slot, Source, Value};
    pub use crate::memory::{Pool, PoolBlock};
    pub use crate::set::{AsyncSet, HostDefault, PlainData, Set, debug};
    pub use core;
    pub use std::string::String;
    pub use std::vec::Vec;
}
