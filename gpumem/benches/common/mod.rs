//! The common part of the benchmarks: options, turns, tables, and the driver's context for peers.

#[cfg(feature = "cuda")]
pub(crate) mod context;
#[cfg(feature = "cuda")]
#[path = "../../tests/cuda/driver.rs"]
pub(crate) mod driver;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod session;
pub(crate) mod turns;

/// The reason why a measurement failed, for the table.
pub(crate) type Failure = Box<dyn std::error::Error>;
