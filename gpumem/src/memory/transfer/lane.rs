//! A lane: a stream of the device's own, with the transfers that are in flight on it.
//!
//! A device has the *compute lane*, whose stream is the compute stream, the *download lane*, and up to four *transfer lanes* for large
//! transfers (`copy_threads`).

use super::in_flight::{InFlight, Payload};
use super::pinned::PinnedBlock;
use super::queue::{LaneGuard, Queue};
use super::slots::Slot;
use crate::backend::{Backend, Fault};
use crate::memory::stream::Stream;
use std::sync::Arc;

pub(crate) struct Lane<B: Backend> {
    stream: Arc<Stream<B>>,
    queue: Arc<Queue<B>>,
}

impl<B: Backend> LaneGuard<'_, B> {
    /// Adds a transfer that ends with `event`, and holds `pinned` until then. With a `slot`, the memory waits for a ticket afterwards.
    pub(crate) fn push(
        &mut self,
        event: B::Event,
        pinned: PinnedBlock<B>,
        slot: Option<Slot>,
    ) -> Arc<InFlight<B>> {
        self.enter(event, Payload::new(pinned, slot))
    }
}

impl<B: Backend> Lane<B> {
    /// The lane of a new stream, `raw`.
    pub(crate) fn new(raw: B::Stream, device: u64, backend: &Arc<B>) -> Self {
        Self { stream: Arc::new(Stream::new(raw, device)), queue: Arc::new(Queue::new(backend)) }
    }

    pub(super) fn queue(&self) -> &Arc<Queue<B>> {
        &self.queue
    }

    pub(crate) fn stream(&self) -> &Stream<B> {
        &self.stream
    }

    pub(crate) fn stream_handle(&self) -> &Arc<Stream<B>> {
        &self.stream
    }

    /// Keeps other threads from adding transfers. The event of a transfer that will be awaited is recorded while the guard is held: see the
    /// module comment of `wake_thread`. A thread takes this lock after those of blocks.
    pub(crate) fn lock(&self) -> LaneGuard<'_, B> {
        self.queue.lock()
    }

    /// Holds `pinned` until `event` is done, which was recorded some time ago. No ticket will ask for it, and no task await it.
    pub(crate) fn hold(&self, event: B::Event, pinned: PinnedBlock<B>) {
        self.lock().push(event, pinned, None);
    }

    /// Releases the transfers that have ended. Returns whether none is left.
    pub(crate) fn release_ended(&self, backend: &B) -> bool {
        self.queue.release_ended(backend)
    }

    /// Waits for the oldest transfers until at most `most` are left.
    pub(crate) fn wait_for_all_but(&self, most: usize, backend: &B) -> Result<(), Fault> {
        if let Some(event) = self.queue.newest_beyond(most) {
            backend.synchronize(&event)?;
            self.release_ended(backend);
        }
        Ok(())
    }

    /// The oldest transfer that has not been seen to end.
    pub(super) fn oldest(&self) -> Option<Arc<InFlight<B>>> {
        self.queue.oldest()
    }

    /// The events of all transfers in flight.
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
