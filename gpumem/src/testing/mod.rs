//! Means to test applications, and this crate, where things go wrong or take long (feature `testing`).

mod faults;
mod slow_bus;

pub use self::faults::Faults;
pub(crate) use self::faults::{Call, Failure};
pub use self::slow_bus::SlowBus;
