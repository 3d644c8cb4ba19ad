//! Segments: memory above 1 MiB, and the memory of slabs.
//!
//! A *segment* is a range of addresses with memory mapped into its beginning, in *chunks* that the driver
//! gives (`physical`). On a device without virtual memory it is one plain allocation. A segment that comes
//! free stays as it is and serves the next block, or slab, that fits (`free_segments`).

mod free_segments;
mod physical;

pub(super) use self::free_segments::{FreeSegment, FreeSegments};
pub(crate) use self::physical::Segment;
pub(super) use self::physical::{Chunk, PhysicalMemory, whole};
