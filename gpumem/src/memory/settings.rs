//! The settings of a device's memory, as [`DeviceBuilder`](crate::DeviceBuilder) makes them.

use crate::timeline::Recorder;
use std::sync::Arc;
use std::time::Duration;

/// The figures that a pressure callback gets; see
/// [`DeviceBuilder::on_pressure`](crate::DeviceBuilder::on_pressure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// Bytes that could not be had.
    pub requested: u64,
    /// Bytes that live buffers hold.
    pub live: u64,
    /// The device's limit in bytes.
    pub limit: u64,
    /// Whether the limit is in the way; otherwise the device itself has no room.
    pub limited: bool,
}

/// How much memory a device may take, and what it does with memory that no buffer has.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Bytes that all buffers may have together.
    pub(crate) limit: u64,
    /// Bytes that the device may hold beyond the most that ever lived, as a share of the latter;
    /// `pool/take/watermark.rs` has the default.
    pub(crate) overhead: Option<f64>,
    /// Free bytes that are retained for later buffers.
    pub(crate) retain: u64,
    /// For how long.
    pub(crate) retain_for: Option<Duration>,
    pub(crate) on_pressure: Option<PressureCallback>,
    /// Whether the ledger has a backtrace for each record.
    pub(crate) capture_backtraces: bool,
    /// Records the timeline, if there is one.
    pub(crate) recorder: Recorder,
}

/// The application's function that may free something when an allocation would fail.
pub(crate) type PressureCallback = Arc<dyn Fn(&Pressure) + Send + Sync>;

impl Settings {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            overhead: None,
            retain: u64::MAX,
            retain_for: None,
            on_pressure: None,
            capture_backtraces: false,
            recorder: Recorder::default(),
        }
    }
}
