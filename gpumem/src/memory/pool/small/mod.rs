//! Blocks of up to 1 MiB: pieces of slabs, by classes of sizes, with a cache per thread.

pub(crate) mod cache;
pub(crate) mod size;
pub(crate) mod slabs;
pub(crate) mod spin_lock;
pub(crate) mod tlsf;
