//! Means to test applications, and this crate, where things go wrong (feature `testing`).

mod faults;

pub(crate) use self::faults::Call;
pub use self::faults::Faults;
