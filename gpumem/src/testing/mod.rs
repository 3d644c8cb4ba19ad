//! Failures on purpose and slow transfers, for tests of applications and of this crate (feature `testing`).

mod faults;
mod slow_bus;

pub use self::faults::Faults;
pub(crate) use self::faults::{CallKind, Failure};
pub use self::slow_bus::SlowBus;
