//! Blocks of up to 1 MiB: pieces of slabs, in classes of sizes. And the caches, which segments of larger
//! blocks go through as well.
//!
//! ```text
//!   thread's cache (`cache`, guarded by a `spin_lock`)      the fast path: no memory is shared with other threads
//!        |        ^
//!   empty|        | too full, or emptied
//!        v        |
//!   slabs (`slabs`), whose free pieces a `tlsf` allocator finds; a slab is a segment of up to 32 MiB
//! ```
//!
//! Sizes are rounded up to one of a fixed number of classes (`size`), so a cache keeps a list per class.
//! There are 64 caches, and a thread always uses the same one.

mod cache;
mod size;
mod slabs;
mod spin_lock;
mod tlsf;

pub(super) use self::cache::{Caches, Evicted, FreePiece};
pub(crate) use self::size::{Class, LARGEST_SMALL};
pub(super) use self::slabs::{SLAB, Slabs};
