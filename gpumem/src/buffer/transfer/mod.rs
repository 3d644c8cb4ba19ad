//! Transfers between the host and a buffer through pinned memory, and the fills and copies that a buffer does
//! on the device.
//!
//! `pieces` is the pinned memory of a blocking transfer, `blocking` the transfers themselves, `on_device`
//! the operations without data from the host, `within` copies from a buffer to itself, `stage` uploads from
//! pinned memory that the application fills in place.

mod blocking;
mod on_device;
mod pieces;
mod stage;
mod within;

pub use self::stage::Stage;
