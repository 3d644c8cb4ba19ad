//! Untyped memory: who owns a block, which streams still use it, and when it goes back to the driver.
//!
//! # The protocol
//!
//! A device has *lanes*. A lane is a stream of the device's own with the transfers that are in flight on it:
//! the compute lane, whose stream is the compute stream, the download lane, and up to four transfer lanes for
//! large transfers. The application can open more streams. Work on one stream runs in order; events order one
//! stream after another. The compute stream is the order in which device memory is written: kernels and small
//! uploads run on it, and it is ordered after whatever else writes.
//!
//! * **A block** ([`Block`]) is device memory with one owner, mostly a buffer. It holds one event per other
//!   stream that still uses it (a *pending use*). Before the owner writes it, [`Block::order_after_uses`]
//!   orders the compute stream after these events: the stream waits, not the host.
//! * **Freeing** never waits, and asks the driver for nothing but whether events are done. A block that only
//!   the compute stream used is free at once *in the order of that stream*: its next owner queues work after
//!   its last use. A block that another stream still uses is *parked* until that use is done. The pool
//!   retains free memory for the next block ([`DevicePool::give_back`](pool::DevicePool::give_back)).
//! * **Memory goes back to the driver** only after the compute stream has passed its last use, which events
//!   tell (`pool/epochs.rs`), and only in operations that take memory or are asked to give it back
//!   (`pool/give_back.rs`); never in a drop.
//! * **A transfer in flight** ([`InFlight`]) is owned by its lane, with the pinned memory that it uses, until
//!   its event is done. A ticket is a second reference. So a ticket can be dropped, forgotten or sent to
//!   another thread, and neither buffer nor device need outlive it.
//! * **The end of a device** comes with its last handle ([`DeviceState::finish`]): no buffer is left then.
//!   Transfers still in flight are handed to a thread that waits for them, so that the drop does not.
//! * **A failed device** answers every wait with a fault. Memory cannot be shown to be unused then: free
//!   memory stays held, memory that another stream used is counted in
//!   [`DeviceStats::lost_bytes`](crate::DeviceStats), and the end of the device leaks all of it, which is
//!   logged.
//!
//! # Two wings
//!
//! `pool` is what a device *has*: blocks, free memory, the limit. `transfer` is what is *under way*: lanes,
//! transfers in flight, tickets, pinned memory. The pool knows nothing of transfers. Beneath both are
//! `stream`, `settings`, `locks` and `losses`; above both is `device_state`, which owns one of each
//! ([`DevicePool`](pool::DevicePool), [`Lanes`](transfer::Lanes)), with `pressure`, which takes memory from
//! both and knows where more can be found. None of them knows element types.

mod device_state;
mod locks;
mod losses;
mod pool;
mod pressure;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(feature = "timeline")]
mod timeline;
mod transfer;
mod untyped;

pub(crate) use self::device_state::DeviceState;
pub use self::device_state::MemoryReport;
pub(crate) use self::locks::{LockedTogether, lock, lock_together};
pub(crate) use self::pool::{
    AllocRequest, Block, Budget, Charge, Forecast, InPlaceGrowth, LARGEST_SMALL, NotQueued, PartlyQueued,
    use_together,
};
pub use self::settings::Pressure;
pub(crate) use self::settings::{PressureCallback, Settings};
pub use self::stream::Stream;
pub(crate) use self::transfer::{
    Completion, InFlight, Lane, LaneLease, Pieces, PinnedBlock, Slot, Slots, SlotsHeld, Waiting,
    copy_threads, run_on_threads,
};
pub use self::untyped::{Pool, PoolBlock};
