//! Lanes and what is in flight on them.
//!
//! A lane keeps a [`InFlight`] for each transfer until the transfer's event is done. The flight owns the transfer's cargo: the
//! pinned memory, and the buffer's download slot where there is one. Cargo that is *claimed*, that of an async download, waits for the
//! user's ticket, which has a second reference to the flight: a ticket that is redeemed takes the cargo out, and it is freed with the
//! last reference otherwise. Cargo that nobody claims, that of uploads and blocking transfers, goes when the lane sees the end.
//!
//! How a flight ended is noted in it, so that a ticket can tell when the device is gone.

use super::pinned::PinnedBlock;
use super::queue::{Launch, Queue};
use super::slots::Slot;
use crate::backend::{Backend, Fault};
use crate::ledger::Listed;
use crate::memory::lock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

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
    /// Where the application made it.
    _listed: Option<Listed>,
}

impl<B: Backend> Stream<B> {
    pub(crate) fn new(raw: B::Stream, device: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { raw, number: NEXT.fetch_add(1, Ordering::Relaxed), device, _listed: None }
    }

    /// The same for the application, which is told of it when the device is to be closed.
    pub(crate) fn listed(self, listed: Listed) -> Self {
        Self { _listed: Some(listed), ..self }
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
    queue: Arc<Queue<B>>,
}

impl<B: Backend> Launch<'_, B> {
    /// Keeps `pinned` until `event` is done. With a `slot`, it waits for a ticket then.
    pub(crate) fn flight(
        &mut self,
        event: B::Event,
        pinned: PinnedBlock<B>,
        slot: Option<Slot>,
    ) -> Arc<InFlight<B>> {
        let cargo = match slot {
            Some(slot) => Payload::Claimed(pinned, slot),
            None => Payload::Unclaimed(pinned),
        };
        self.enter(event, State { cargo, end: None })
    }
}

impl<B: Backend> Lane<B> {
    pub(crate) fn new(raw: B::Stream, device: u64, backend: &Arc<B>) -> Self {
        Self { stream: Stream::new(raw, device), queue: Arc::new(Queue::new(backend)) }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue<B>> {
        &self.queue
    }

    pub(crate) fn stream(&self) -> &Stream<B> {
        &self.stream
    }

    /// Keeps others from launching. Record an event that will be awaited while this is held: see the module comment of `poller`. Takes
    /// the lane's lock, so it comes after those of blocks.
    pub(crate) fn launching(&self) -> Launch<'_, B> {
        self.queue.launching()
    }

    /// Keeps `pinned` until `event` is done, which was recorded some time ago. Nobody will claim it, or await it.
    pub(crate) fn launch(&self, event: B::Event, pinned: PinnedBlock<B>) {
        self.launching().flight(event, pinned, None);
    }

    /// Lets go of the flights that have ended. Returns whether none is left.
    pub(crate) fn sweep(&self, backend: &B) -> bool {
        self.queue.sweep(backend)
    }

    /// Waits for the oldest flights until at most `most` are left.
    pub(crate) fn hold_back(&self, backend: &B, most: usize) -> Result<(), Fault> {
        if let Some(event) = self.queue.surplus(most) {
            backend.synchronize(&event)?;
            self.sweep(backend);
        }
        Ok(())
    }

    /// The oldest flight that has not been seen to end.
    pub(crate) fn oldest(&self) -> Option<Arc<InFlight<B>>> {
        self.queue.oldest()
    }

    /// The events of all flights.
    pub(crate) fn events(&self) -> Vec<B::Event> {
        self.queue.events()
    }
}

impl<B: Backend> Drop for Lane<B> {
    /// With the device state.
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A transfer that is under way, or whose result has not been taken.
pub(crate) struct InFlight<B: Backend> {
    /// How many were launched on the lane before.
    number: u64,
    event: B::Event,
    state: Mutex<State<B>>,
}

pub(crate) struct State<B: Backend> {
    cargo: Payload<B>,
    /// How the transfer ended, once the lane has seen it and let go.
    end: Option<Result<(), Fault>>,
}

enum Payload<B: Backend> {
    /// For a ticket. The slot is only held: it comes back when it goes.
    Claimed(PinnedBlock<B>, Slot),
    /// Nobody will ask for it; it goes when the transfer has ended.
    Unclaimed(PinnedBlock<B>),
    Gone,
}

impl<B: Backend> InFlight<B> {
    pub(crate) fn new(number: u64, event: B::Event, state: State<B>) -> Self {
        Self { number, event, state: Mutex::new(state) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn event(&self) -> &B::Event {
        &self.event
    }

    /// How the transfer ended, if its lane has seen it.
    pub(crate) fn end(&self) -> Option<Result<(), Fault>> {
        lock(&self.state).end.clone()
    }

    /// Takes the result. The caller has seen the event done. `None` when it was given up: abandoned, or lost when the device failed.
    pub(crate) fn take(&self) -> Option<(PinnedBlock<B>, Slot)> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut state.cargo, Payload::Gone) {
            Payload::Claimed(pinned, slot) => Some((pinned, slot)),
            other => {
                state.cargo = other;
                None
            }
        }
    }

    /// Whether the cargo is gone.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(lock(&self.state).cargo, Payload::Gone)
    }

    /// Gives the slot back although a ticket may exist. Memory that the copy may still write stays until the lane has seen
    /// the end of it.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        let gone = match std::mem::replace(&mut state.cargo, Payload::Gone) {
            Payload::Claimed(pinned, slot) if state.end.is_some() => (Some(pinned), Some(slot)),
            Payload::Claimed(pinned, slot) => {
                state.cargo = Payload::Unclaimed(pinned);
                (None, Some(slot))
            }
            other => {
                state.cargo = other;
                (None, None)
            }
        };
        drop(state);
        drop(gone);
    }

    /// The lane has seen the end of the transfer, or the failure of the device.
    pub(crate) fn landed(&self, end: Result<(), Fault>) {
        let failed = end.is_err();
        let cargo = {
            let mut state = lock(&self.state);
            state.end = Some(end);
            // A ticket may still ask for what has arrived; without one this was the last reference, and the cargo goes with it.
            if !failed && matches!(state.cargo, Payload::Claimed(..)) {
                return;
            }
            std::mem::replace(&mut state.cargo, Payload::Gone)
        };
        // Outside the lock: it is logged, or goes back to a pool with a lock of its own.
        match cargo {
            Payload::Claimed(pinned, _slot) => pinned.lose(),
            Payload::Unclaimed(pinned) if failed => pinned.lose(),
            other => drop(other),
        }
    }
}
