//! Untyped memory: who owns a block, who may still be using it, and when it goes back.
//!
//! # The protocol
//!
//! A device has *lanes*, each a stream of its own: the compute lane, in whose order everything is that writes device memory,
//! the download lane, and up to four transfer lanes for large transfers (`workers`). An upload by way of these writes too; the compute lane is
//! put behind it at its end. Work on one lane is ordered by the lane; the lanes are tied together by events.
//!
//! * **A block** ([`Block`]) is device memory with one owner, a buffer. It carries an event for each other lane that still uses
//!   it (*pending uses*). Before the owner writes it, [`Block::order_after_uses`] puts these events in front of the
//!   compute lane: the lane waits, not the host.
//! * **Freeing** never waits, and asks the driver for nothing. A block that only the compute lane used is free at once *in the
//!   order of that lane*: whoever takes it next queues work behind its last use. One that another lane still uses is *parked*
//!   until that is past. What is free is kept for the next block ([`DeviceState::retire`], `cache`, `store`).
//! * **Memory goes back to the driver** only when the compute lane has passed the last use of it, which events tell (`epochs`),
//!   and only by operations that take memory or are asked to give it back (`reclaim`); never in a drop.
//! * **A flight** ([`InFlight`]) is a running transfer. Its lane keeps it, with the pinned memory that it uses, until its
//!   event is done; what the user holds is a second reference. So a ticket can be dropped, forgotten or sent to
//!   another thread, and neither buffer nor device need outlive it.
//! * **The end of a device** is when its last handle goes ([`DeviceState::finish`]): no buffer is left then. What is still
//!   in flight is handed to a thread that waits for it, so that the drop does not.
//! * **A failed device** gives a fault from every wait. Memory cannot be shown to be unused then: what is kept stays held, what
//!   another lane used is counted in [`DeviceStats::lost_bytes`](crate::DeviceStats), and the end of the device leaks it all, which is
//!   logged.
//!
//! # Rooms
//!
//! `core` is the state that all handles of a device share. `block` is device memory; `allocate` takes and retires it, by way of `cache` (what a
//! thread has let go of, guarded by a `latch`), `store` (slabs, kept segments, and with `parking` the blocks that other lanes still use),
//! `compose` (a segment where none fits) and `physical` (what the driver gives: segments and their chunks). `size`, `heap`, `kept` and
//! `epochs` are the parts of these; `reclaim` gives back; `budget` is the limit, and `audit` compares all these figures in tests.
//! `pinned` is the pool of host memory for transfers; `flight` the lanes, `queue` what is in flight on one, `slots` how many downloads a
//! buffer may have, `arrival` the end of one as a ticket sees it, `poller` the thread that wakes those who await it; `workers` are large
//! transfers on several threads. `untyped` is for benchmarks. None of them knows element types.

#[cfg(all(debug_assertions, feature = "testing"))]
mod audit;
mod block;
mod device_state;
mod pool;
#[cfg(test)]
mod tests;
mod transfer;

pub(crate) use self::block::{Block, NotQueued, PartlyQueued, use_together};
pub(crate) use self::device_state::DeviceState;
pub(crate) use self::pool::allocate::Extent;
pub use self::pool::allocate::Pressure;
pub(crate) use self::pool::budget::{Budget, Charge};
pub use self::pool::reclaim::MemoryReport;
pub(crate) use self::pool::reclaim::{PressureCallback, Settings};
pub(crate) use self::pool::small::size::POOLED;
pub(crate) use self::pool::small::slabs::AllocRequest;
pub use self::pool::untyped::{Pool, PoolBlock};
pub(crate) use self::transfer::completion::Completion;
pub(crate) use self::transfer::copy_threads::{LaneLease, Pieces, share, workers};
pub use self::transfer::in_flight::Stream;
pub(crate) use self::transfer::in_flight::{InFlight, Lane};
pub(crate) use self::transfer::pinned::PinnedBlock;
pub(crate) use self::transfer::slots::{Slot, Slots, SlotsHeld, Waiting};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whatever happened to others that did: nothing in this room leaves a half-done change behind, and foreign code (an
/// application's logger) never runs under a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
