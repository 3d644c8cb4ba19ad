//! Untyped memory: who owns a block, who may still be using it, and when it goes back.
//!
//! # The protocol
//!
//! A device has two *lanes*, each a stream of its own: the compute lane, on which everything that writes device memory
//! is queued, and the download lane. Work on one lane is ordered by the lane; the lanes are tied together by events.
//!
//! * **A block** ([`Block`]) is device memory with one owner, a buffer. It carries the events of those who read it on
//!   another lane (*pending uses*). Before the owner writes or frees it, [`Block::order_after_uses`] puts these events in
//!   front of the compute lane: the lane waits, not the host.
//! * **Freeing** never waits. Dropping a block records the compute lane's event, and *retires* the memory together with
//!   that event and the pending uses. A later allocation or wait ([`Core::sweep`]) gives it back to the driver once all of
//!   them are done; transfers only let go of what has landed ([`Core::land`]), which never waits.
//! * **A flight** ([`Flight`]) is a running transfer. Its lane keeps it, with the pinned memory that it uses, until its
//!   event is done; what the user holds is a second reference. So a ticket can be dropped, forgotten or sent to
//!   another thread, and neither buffer nor device need outlive it.
//! * **The end of a device** is when its last handle goes ([`Core::finish`]): no buffer is left then. What is still
//!   in flight is handed to a thread that waits for it, so that the drop does not.
//! * **A failed device** gives a fault from every wait. Memory whose event ends in a fault cannot be shown to be unused:
//!   it is leaked, counted in [`DeviceStats::lost_bytes`](crate::DeviceStats) and logged.
//!
//! # Rooms
//!
//! `core` is the state that all handles of a device share; `block` is device memory; `pinned` the pool of host memory
//! for transfers; `flight` the lanes and what is in flight; `budget` the limit. None of them knows element types.

mod block;
mod budget;
mod core;
mod flight;
mod pinned;

pub(crate) use self::block::{Block, NotQueued};
pub(crate) use self::budget::Budget;
pub(crate) use self::core::Core;
pub use self::flight::Stream;
pub(crate) use self::flight::{Flight, LaneKind, Slot, Slots};
pub(crate) use self::pinned::PinnedBlock;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whatever happened to others that did: nothing in this room leaves a half-done change behind, and foreign code (an
/// application's logger) never runs under a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
