//! Typed, growable buffers on a device.
//!
//! [`Buffer<T, B, M>`] is a typed face of [`RawBuffer<B>`], which knows the size of an element and not its
//! type, so that the logic is compiled once per backend and not once per element type.
//!
//! # Order
//!
//! Imports run downwards only, in a folder as well as between folders: each file may name those above it in
//! this list. A folder's `mod.rs` re-exports from its files; where it holds a type of its own, the folder's
//! files may name that.
//!
//! * `element`: the elements of a buffer, and its mode (with or without async downloads);
//! * `copies`: the copies and fills on the device that all operations are made of;
//! * `ticket`: the part that tickets of downloads and of uploads share;
//! * `raw`: the untyped buffer: its length, capacity and growth, the staging copies that snapshots read
//!   (`staging_copy`), and the part of a limit that the buffers of a set share (`set_share`);
//! * `transfer`: blocking copies between host and device, fills, and uploads from memory that is filled in
//!   place (`stage`);
//! * `view`: ranges of a buffer;
//! * `typed`: [`Buffer`] itself;
//! * `construct`: how buffers are made, and how their mode changes;
//! * `rearrange`: operations that move elements on the device;
//! * `hints`: methods that a buffer does not have, for messages of the compiler;
//! * `download`: async downloads, of one buffer or of several at one point of the compute stream;
//! * `streams`: uses of a buffer on streams of the application's own;
//! * `host`, `cuda`: operations that one backend alone has, such as slices and device pointers.

mod construct;
mod copies;
#[cfg(feature = "cuda")]
mod cuda;
mod download;
mod element;
mod hints;
mod host;
mod raw;
mod rearrange;
mod streams;
mod ticket;
mod transfer;
mod typed;
mod view;

#[cfg(feature = "cuda")]
pub use self::cuda::DevicePointer;
pub(crate) use self::download::Busy;
pub use self::download::{
    Arrived, Download, DownloadGuard, Downloads, Frame, Part, Selection, SelectionPart,
};
pub use self::element::{Async, AsyncMode, Blocking, Element, Mode};
pub(crate) use self::raw::{Growth, Old, SetShared};
pub use self::raw::{RawBuffer, RawMut, RawOwned};
pub use self::streams::{Bound, StreamUse, StreamUseMut};
pub use self::transfer::{Stage, Upload};
pub use self::typed::Buffer;
pub use self::view::{View, ViewMut};
