//! What the benchmarks have in common: their options, turns and tables, and the context of the driver that peers use.

#[cfg(feature = "cuda")]
pub(crate) mod context;
#[cfg(feature = "cuda")]
#[path = "../../tests/cuda/driver.rs"]
pub(crate) mod driver;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod session;
pub(crate) mod turns;

/// Why a measurement failed, for the table.
pub(crate) type Failure = Box<dyn std::error::Error>;
