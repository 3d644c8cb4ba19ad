//! What a device has: memory that is taken from the driver, and the blocks made of it.

pub(crate) mod allocate;
pub(crate) mod assemble;
pub(crate) mod budget;
pub(crate) mod epochs;
pub(crate) mod free_segments;
pub(crate) mod parking;
pub(crate) mod physical;
pub(crate) mod reclaim;
pub(crate) mod small;
pub(crate) mod untyped;
