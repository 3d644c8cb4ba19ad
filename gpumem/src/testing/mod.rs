//! Means to test applications, and this crate, where things go wrong or take long (feature `testing`).

mod faults;
mod slow_bus;

pub(crate) use self::faults::Call;
pub use self::faults::Faults;
pub use self::slow_bus::SlowBus;
