//! Lanes and what is in flight on them.
//!
//! A lane keeps a [`Flight`] for each transfer until the transfer's event is done. The flight owns the transfer's cargo: the
//! pinned memory, and the buffer's download slot where there is one. A blocking transfer or an upload leaves the lane's
//! reference as the only one; an async download gives a second one to the user's ticket. The cargo is freed by whoever
//! lets go last, and a ticket that is redeemed takes it out.

use super::core::Core;
use super::lock;
use super::pinned::PinnedBlock;
use crate::backend::{Backend, Fault};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Wake, Waker};

/// A queue of work on a device: what is queued on it runs in order.
///
/// [`Device::stream`](crate::Device::stream) is the compute stream. Everything that writes buffers is queued there, and a
/// kernel that is launched there runs after what was queued before it and before what is queued after it.
///
/// [`Device::create_stream`](crate::Device::create_stream) makes streams of the application's own, on which kernels run beside
/// the compute stream. What a buffer is used for there is declared: `launch_on` does it for kernels on the host, and
/// [`Buffer::use_on`](crate::Buffer::use_on) and [`Buffer::use_on_mut`](crate::Buffer::use_on_mut) do it on a card.
pub struct Stream<B: Backend> {
    raw: B::Stream,
    /// Tells the streams of a process apart.
    number: u64,
    /// Whose stream it is.
    device: u64,
}

impl<B: Backend> Stream<B> {
    pub(crate) fn new(raw: B::Stream, device: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { raw, number: NEXT.fetch_add(1, Ordering::Relaxed), device }
    }

    /// The number of the device that it belongs to.
    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn raw(&self) -> &B::Stream {
        &self.raw
    }
}

/// A stream, and the transfers on it that have not been seen to end.
pub(crate) struct Lane<B: Backend> {
    stream: Stream<B>,
    /// Nearly in the order of the stream, so those that are done are at the front. Two threads can get in between each other's
    /// recording of an event and its arrival here; then one flight is seen to have ended a little later.
    flights: Mutex<VecDeque<Arc<Flight<B>>>>,
    /// How many there have been. Counted while they are locked.
    launched: AtomicU64,
}

impl<B: Backend> Lane<B> {
    pub(super) fn new(raw: B::Stream, device: u64) -> Self {
        Self { stream: Stream::new(raw, device), flights: Mutex::default(), launched: AtomicU64::new(0) }
    }

    pub(crate) fn stream(&self) -> &Stream<B> {
        &self.stream
    }

    /// Keeps `pinned` (and `slot`) until `event` is done.
    pub(crate) fn launch(
        &self,
        event: B::Event,
        pinned: PinnedBlock<B>,
        slot: Option<Slot>,
    ) -> Arc<Flight<B>> {
        let state = State { cargo: Hold::Full(Cargo { pinned, slot }), landed: false };
        let mut flights = lock(&self.flights);
        let number = self.launched.fetch_add(1, Ordering::Relaxed);
        let flight = Arc::new(Flight { number, event, state: Mutex::new(state) });
        flights.push_back(flight.clone());
        flight
    }

    /// Lets go of the flights that have ended. Returns whether none is left.
    pub(crate) fn sweep(&self, backend: &B) -> bool {
        let mut ended = Vec::new();
        let mut flights = lock(&self.flights);
        while let Some(flight) = flights.front() {
            match backend.is_done(&flight.event) {
                Ok(false) => break,
                // A failed device does not tell when its copies stop, so their memory is not used again.
                Err(_) => ended.extend(flights.pop_front().map(|flight| (flight, true))),
                Ok(true) => ended.extend(flights.pop_front().map(|flight| (flight, false))),
            }
        }
        let empty = flights.is_empty();
        drop(flights);
        // Outside the lock: cargo that is dropped goes back to a pool with a lock of its own.
        for (flight, failed) in ended {
            flight.landed(failed);
        }
        empty
    }

    /// Waits for the oldest flights until at most `most` are left.
    pub(crate) fn hold_back(&self, backend: &B, most: usize) -> Result<(), Fault> {
        let oldest = {
            let flights = lock(&self.flights);
            let surplus = flights.len().checked_sub(most + 1);
            surplus.and_then(|index| flights.get(index)).map(|flight| flight.event.clone())
        };
        if let Some(event) = oldest {
            backend.synchronize(&event)?;
            self.sweep(backend);
        }
        Ok(())
    }

    /// The numbers and events of the flights before flight `number`.
    pub(super) fn events_before(&self, number: u64) -> Vec<(u64, B::Event)> {
        let flights = lock(&self.flights);
        let before = flights.iter().take_while(|flight| flight.number < number);
        before.map(|flight| (flight.number, flight.event.clone())).collect()
    }

    /// The oldest flight that has not been seen to end.
    pub(crate) fn oldest(&self) -> Option<Arc<Flight<B>>> {
        lock(&self.flights).front().cloned()
    }

    /// The events of all flights.
    pub(super) fn events(&self) -> Vec<B::Event> {
        lock(&self.flights).iter().map(|flight| flight.event.clone()).collect()
    }
}

/// A transfer that is under way, or whose result has not been taken.
pub(crate) struct Flight<B: Backend> {
    /// How many were launched on the lane before.
    number: u64,
    event: B::Event,
    state: Mutex<State<B>>,
}

struct State<B: Backend> {
    cargo: Hold<B>,
    /// The lane has seen the end of the transfer and let go.
    landed: bool,
}

struct Cargo<B: Backend> {
    pinned: PinnedBlock<B>,
    /// Only held: the slot comes back when it goes.
    slot: Option<Slot>,
}

enum Hold<B: Backend> {
    Full(Cargo<B>),
    /// Nobody will ask for it; it goes when the transfer has ended.
    Abandoned(Cargo<B>),
    Empty,
}

impl<B: Backend> Flight<B> {
    pub(crate) fn event(&self) -> &B::Event {
        &self.event
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Takes the result. The caller has seen the event done. `None` when it was abandoned.
    pub(crate) fn take(&self) -> Option<(PinnedBlock<B>, Option<Slot>)> {
        let cargo = lock(&self.state).cargo.take_if(|hold| matches!(hold, Hold::Full(_)));
        cargo.map(|cargo| (cargo.pinned, cargo.slot))
    }

    /// Gives the slot back although a ticket may exist. Memory that the copy may still write stays until the lane has seen
    /// the end of it.
    fn abandon(&self) {
        let mut state = lock(&self.state);
        let (slot, cargo) = match std::mem::replace(&mut state.cargo, Hold::Empty) {
            Hold::Full(Cargo { pinned, slot }) if state.landed => (slot, Some(pinned)),
            Hold::Full(Cargo { pinned, slot }) => {
                state.cargo = Hold::Abandoned(Cargo { pinned, slot: None });
                (slot, None)
            }
            other => {
                state.cargo = other;
                (None, None)
            }
        };
        drop(state);
        drop((slot, cargo));
    }

    /// The lane has seen the end of the transfer, or the failure of the device.
    fn landed(&self, failed: bool) {
        let cargo = {
            let mut state = lock(&self.state);
            state.landed = true;
            // A ticket may still ask for what has arrived; without one this was the last reference, and the cargo goes with it.
            state.cargo.take_if(|hold| failed || matches!(hold, Hold::Abandoned(_)))
        };
        // Outside the lock: it is logged, or goes back to a pool with a lock of its own.
        match cargo {
            Some(cargo) if failed => cargo.pinned.lose(),
            other => drop(other),
        }
    }
}

impl<B: Backend> Hold<B> {
    /// Takes the cargo out, if there is any and it is `wanted`.
    fn take_if(&mut self, wanted: impl FnOnce(&Self) -> bool) -> Option<Cargo<B>> {
        if !wanted(self) {
            return None;
        }
        match std::mem::replace(self, Self::Empty) {
            Self::Full(cargo) | Self::Abandoned(cargo) => Some(cargo),
            Self::Empty => None,
        }
    }
}

/// The download slots of one buffer.
pub(crate) struct Slots<B: Backend> {
    limit: usize,
    /// Made with the first download, since most buffers have none.
    taken: OnceLock<Arc<Taken>>,
    /// For giving up those whose tickets were forgotten.
    flights: Mutex<Vec<Weak<Flight<B>>>>,
}

/// How many slots are taken, for those who wait for one. It guards no memory, the cargo's own lock does.
#[derive(Default)]
struct Taken {
    count: Mutex<Count>,
    changed: Condvar,
}

#[derive(Default)]
struct Count {
    taken: usize,
    /// What has happened that may let a waiter have a slot.
    changes: u64,
}

/// One taken slot. Dropping it gives it back.
pub(crate) struct Slot(Arc<Taken>);

impl<B: Backend> Slots<B> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, taken: OnceLock::new(), flights: Mutex::default() }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.get().map_or(0, |taken| lock(&taken.count).taken)
    }

    pub(crate) fn take(&self) -> Option<Slot> {
        let taken = self.taken.get_or_init(Arc::default);
        let mut count = lock(&taken.count);
        if count.taken >= self.limit {
            return None;
        }
        count.taken += 1;
        Some(Slot(taken.clone()))
    }

    /// Takes a slot, and keeps the calling thread until there is one.
    ///
    /// A slot comes back when its ticket or guard goes, or, where the ticket was dropped early, when the lane lets go of the
    /// flight. The first wakes the waiter. The second needs somebody to look at the lane, so the waiter has the poller wake it
    /// when the lane's oldest flight ends, and is woken by new flights too, which it may have to watch.
    pub(crate) fn wait(&self, core: &Core<B>) -> Result<Slot, Fault> {
        loop {
            let taken = self.taken.get_or_init(Arc::default);
            let changes = lock(&taken.count).changes;
            core.land();
            if let Some(slot) = self.take() {
                return Ok(slot);
            }
            if !core.backend.may_wait() {
                return Err(Fault::WouldDeadlock);
            }
            let oldest = core.download.oldest();
            let waker = Waker::from(taken.clone());
            let watch = oldest.as_deref().map(|flight| core.poller.watch(&core.download, flight, &waker));
            let _watch = watch.transpose()?;
            // What has ended before it was watched is seen by this look. The flight is not held in the sleep: with its last
            // reference the slot comes back.
            let ended =
                oldest.is_some_and(|flight| !matches!(core.backend.is_done(flight.event()), Ok(false)));
            let mut count = lock(&taken.count);
            while !ended && count.changes == changes {
                count = taken.changed.wait(count).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    pub(crate) fn remember(&self, flight: &Arc<Flight<B>>) {
        let mut flights = lock(&self.flights);
        flights.retain(|flight| flight.strong_count() > 0);
        flights.push(Arc::downgrade(flight));
        drop(flights);
        if let Some(taken) = self.taken.get() {
            taken.change(|_| ());
        }
    }

    /// Gives back the slots of all downloads that have not been waited for.
    pub(crate) fn abandon(&self) {
        let flights = std::mem::take(&mut *lock(&self.flights));
        flights.iter().filter_map(Weak::upgrade).for_each(|flight| flight.abandon());
    }
}

impl Taken {
    fn change(&self, change: impl FnOnce(&mut usize)) {
        let mut count = lock(&self.count);
        change(&mut count.taken);
        count.changes += 1;
        drop(count);
        self.changed.notify_all();
    }
}

impl Wake for Taken {
    fn wake(self: Arc<Self>) {
        self.change(|_| ());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.change(|taken| *taken -= 1);
    }
}
