//! The link between a user's struct and its buffers.
//!
//! `traits` has [`GpuBuffers`], which `#[derive(GpuBuffers)]` implements for the struct, and [`BufferSet`]
//! and [`AnySet`], which it implements for the manager. `whole` is the hidden part of each generated manager:
//! the operations on the whole set.

mod traits;
mod whole;

pub use self::traits::{AnySet, BufferSet, GpuBuffers};
pub use self::whole::{AsyncSet, HostDefault, PlainData, Set, debug};
