//! Async downloads: of one buffer, or of several buffers at one point of the compute stream.
//!
//! A download is a copy on the download lane into pinned memory. Its ticket, and the guard that shows its
//! data, borrow nothing, and neither has to be dropped for memory to be safe: the lane keeps the pinned
//! memory until the copy is done, and the buffer's block carries the copy as a pending use. See the module
//! comment of `memory`.
//!
//! In the order of the imports: `snapshots` are the staging copies that one download needs; `queue` queues
//! the copies; `start` takes slots and pinned memory and starts the download; `when_free` waits for slots
//! first; `single` has the methods of buffers and views, `selection` those for several of them.

mod queue;
mod selection;
mod single;
mod snapshots;
mod start;
mod when_free;

pub use self::selection::{Selection, SelectionPart};
pub(crate) use self::start::Request;
pub use self::when_free::WhenFree;
