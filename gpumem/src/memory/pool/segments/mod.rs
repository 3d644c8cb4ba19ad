//! Segments: memory above 1 MiB, and the memory of slabs.
//!
//! A *segment* is a range of addresses with memory mapped into its beginning, in *chunks* that the driver gives (`physical`). On a device
//! without virtual memory it is one plain allocation. A segment that comes free stays as it is and serves the next block, or
//! slab, that fits (`free_segments`). Where none fits, one is made (`assemble`); the `watermark` says whether it may take new memory for
//! that, or takes free segments apart.

mod assemble;
mod free_segments;
mod physical;
mod watermark;

pub(super) use self::assemble::Assembler;
pub(super) use self::free_segments::{FreeSegment, FreeSegments};
pub(super) use self::physical::PhysicalMemory;
pub(crate) use self::physical::Segment;
pub(super) use self::watermark::{Ceiling, Watermark};
