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
//! * `ticket`: transfers under way, their results, and queues of them;
//! * `raw`: the untyped buffer: its length, capacity and growth, the staging copies that snapshots read
//!   (`staging_copy`), the part of a limit that the buffers of a set share (`set_share`), and the order of
//!   two streams that use it (`binding`);
//! * `transfer`: blocking copies between host and device, fills, and uploads from memory that is filled in
//!   place (`stage`);
//! * `view`: ranges of a buffer;
//! * `typed`: [`Buffer`] itself;
//! * `size`: its length, capacity and name, for which no element is needed;
//! * `construct`: how buffers are made, and how their mode changes;
//! * `rearrange`: operations that move elements on the device;
//! * `hints`: methods that a buffer does not have, for messages of the compiler;
//! * `download`: async downloads, of one buffer or of several at one point of the compute stream;
//! * `streams`: uses of a buffer on streams of the application's own;
//! * `host`, `cuda`: operations that one backend alone has, such as slices and device pointers.

// The page of `Buffer` shows the methods in this order: constructors, then the common, then the rare. The
// blank lines keep rustfmt from sorting the files.
mod construct;

mod typed;

mod size;

mod download;

mod rearrange;

mod host;

mod streams;

#[cfg(feature = "cuda")]
mod cuda;

mod copies;
mod element;
mod hints;
mod raw;
mod ticket;
mod transfer;
mod view;

#[cfg(feature = "cuda")]
pub use self::cuda::DevicePointer;
pub(crate) use self::download::Request;
pub use self::download::{Selection, SelectionPart, WhenFree};
pub use self::element::{Async, AsyncMode, Blocking, Element, Mode};
pub(crate) use self::raw::{Growth, Old, SetShared};
pub use self::raw::{RawBuffer, RawMut, RawOwned};
pub use self::streams::{Bound, StreamUse};
pub(crate) use self::ticket::OneOrMany;
pub use self::ticket::{Arrived, Download, DownloadGuard, Frame, FrameQueue, Ticket, Upload};
pub use self::transfer::Stage;
pub use self::typed::Buffer;
pub(crate) use self::view::BufferRange;
pub use self::view::{View, ViewMut};
