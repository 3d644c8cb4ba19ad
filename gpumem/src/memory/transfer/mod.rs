//! Transfers in flight on a device's lanes, and the threads and tasks that wait for them.
//!
//! The life of an async download:
//!
//! ```text
//!   take a slot (`slots`)  ->  take pinned memory (`pinned`)  ->  queue the copy on the download lane, record its event (`lanes`)
//!                                                                        |
//!       ticket: `Completion` ---refers to---> `InFlight` <---held by--- the lane's queue (`queue`)
//!         |  is_ready, wait: ask the driver      |                       |
//!         |  .await: watched by the              | payload: pinned       | released when the event is done: by a sweep of
//!         |  wake thread (`wake_thread`)         | memory and slot       | another operation, or by the end of the device
//!         v                                      v
//!       take: the guard has the pinned memory, and the slot; dropping it gives both back
//! ```
//!
//! An upload takes the same way without a slot, and a blocking transfer without a ticket. Large blocking
//! transfers are done by several threads on lanes of their own (`copy_threads`).

mod completion;
mod copy_threads;
mod in_flight;
mod lanes;
mod pinned;
mod queue;
mod slot;
mod slots;
mod wake_thread;
mod watch;

pub(crate) use self::completion::Completion;
pub(crate) use self::copy_threads::{Pieces, copy_threads, run_on_threads};
pub(crate) use self::in_flight::InFlight;
pub(crate) use self::lanes::{Lane, LaneLease, Lanes};
pub(crate) use self::pinned::PinnedBlock;
pub(super) use self::pinned::{PinnedOwner, PinnedPool};
pub(crate) use self::slot::Slot;
pub(crate) use self::slots::{Slots, SlotsHeld, Waiting};
