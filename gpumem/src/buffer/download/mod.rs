//! Async downloads: of one buffer, or of several buffers at one point of the compute stream.
//!
//! A download is a copy on the download lane into pinned memory. Its ticket, and the guard that shows its
//! data, borrow nothing, and neither has to be dropped for memory to be safe: the lane keeps the pinned
//! memory until the copy is done, and the buffer's block carries the copy as a pending use. See the module
//! comment of `memory`.
//!
//! In the order of the imports: `guard` is the data of one buffer, and `guard_as_slice` what it has in
//! common with slices; `ticket` is a ticket without its element type; `snapshots` are the staging copies
//! that one download needs; `queue` queues the copies; `start` takes slots and pinned memory and starts the
//! download; `single` is the typed ticket of one buffer; `frame` are several tickets in one; `selection` is
//! the choice of several buffers and ranges.

mod frame;
mod guard;
mod guard_as_slice;
mod queue;
mod selection;
mod single;
mod snapshots;
mod start;
mod ticket;

pub use self::frame::{Arrived, Downloads, Frame};
pub use self::guard::DownloadGuard;
pub use self::selection::{Part, Selection, SelectionPart};
pub use self::single::Download;
pub(crate) use self::start::Busy;
