//! What the benchmarks have in common: their options, turns and tables, and the driver's calls that both make.

#[cfg(feature = "cuda")]
pub(crate) mod driver;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod session;
pub(crate) mod turns;

/// What went wrong, for the table.
pub(crate) type Failure = Box<dyn std::error::Error>;
