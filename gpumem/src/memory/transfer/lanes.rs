//! The lanes of a device. A lane is a stream of the device's own, with the transfers that are in flight on
//! it.
//!
//! | lane | work |
//! | --- | --- |
//! | compute | all work in the order of which memory is written (rule 1); its stream is the compute stream |
//! | download | downloads, except the smallest and the largest blocking ones |
//! | transfer, up to four | large blocking transfers, by several threads (`copy_threads`) |

use super::copy_threads::copy_threads;
use super::in_flight::{InFlight, Payload};
use super::pinned::PinnedBlock;
use super::queue::{LaneGuard, Queue};
use super::slot::Slot;
use crate::backend::{Backend, Fault};
use crate::memory::stream::Stream;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};

pub(crate) struct Lane<B: Backend> {
    stream: Arc<Stream<B>>,
    queue: Arc<Queue<B>>,
}

impl<B: Backend> LaneGuard<'_, B> {
    /// Adds a transfer that ends with `event`, and holds `pinned` until then. With a `slot`, the memory waits
    /// for a ticket afterwards.
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

    /// See [`Queue::bytes_in_flight`].
    pub(crate) fn bytes_in_flight(&self) -> u64 {
        self.queue.bytes_in_flight()
    }

    pub(crate) fn stream(&self) -> &Stream<B> {
        &self.stream
    }

    pub(crate) fn stream_handle(&self) -> &Arc<Stream<B>> {
        &self.stream
    }

    /// Keeps other threads from adding transfers. The event of a transfer that will be awaited is recorded
    /// while the guard is held: see the module comment of `wake_thread`. A thread takes this lock after those
    /// of blocks.
    pub(crate) fn lock(&self) -> LaneGuard<'_, B> {
        self.queue.lock()
    }

    /// Holds `pinned` until `event` is done, which was recorded some time ago. No ticket will ask for it, and
    /// no task await it.
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

/// All lanes of a device.
pub(crate) struct Lanes<B: Backend> {
    backend: Arc<B>,
    /// The number of the device.
    device: u64,
    pub(crate) compute: Lane<B>,
    pub(crate) download: Lane<B>,
    transfer: TransferLanes<B>,
}

/// Transfers that may be under way per lane before a further large transfer waits for the oldest.
const IN_FLIGHT: usize = 8;

/// The transfer lanes of a device.
struct TransferLanes<B: Backend> {
    /// Made with the first large transfer, by the thread that has the lease.
    lanes: OnceLock<Vec<Lane<B>>>,
    /// Only ever tried: a thread that finds it taken goes another way. So no thread waits for what runs
    /// meanwhile, not even a logger that is told of lost memory and transfers something itself.
    lease: Mutex<()>,
}

/// All transfer lanes, leased to one transfer.
pub(crate) struct LaneLease<'a, B: Backend> {
    lanes: &'a [Lane<B>],
    _lease: MutexGuard<'a, ()>,
}

impl<B: Backend> TransferLanes<B> {
    fn new() -> Self {
        Self { lanes: OnceLock::new(), lease: Mutex::default() }
    }

    /// The lanes, none before the first large transfer.
    fn lanes(&self) -> &[Lane<B>] {
        self.lanes.get().map_or(&[], Vec::as_slice)
    }
}

impl<B: Backend> LaneLease<'_, B> {
    pub(crate) fn lanes(&self) -> &[Lane<B>] {
        self.lanes
    }
}

impl<B: Backend> Lanes<B> {
    pub(crate) fn new(backend: &Arc<B>, device: u64) -> Result<Self, Fault> {
        let lane = || Ok(Lane::new(backend.create_stream()?, device, backend));
        Ok(Self {
            backend: backend.clone(),
            device,
            compute: lane()?,
            download: lane()?,
            transfer: TransferLanes::new(),
        })
    }

    pub(crate) fn backend(&self) -> &B {
        &self.backend
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Lane<B>> {
        [&self.compute, &self.download].into_iter().chain(self.transfer.lanes())
    }

    /// Whether this is the compute lane.
    pub(crate) fn is_compute(&self, lane: &Lane<B>) -> bool {
        std::ptr::eq(lane, &raw const self.compute)
    }

    /// Releases the transfers that have ended. Waits for nothing. Returns whether none is left.
    pub(crate) fn release_ended(&self) -> bool {
        // Every lane, whatever is left on the first.
        self.each().filter(|lane| !lane.release_ended(&self.backend)).count() == 0
    }

    /// Whether all work on all lanes has ended. Waits for nothing.
    pub(crate) fn are_idle(&self) -> Result<bool, Fault> {
        for lane in self.each() {
            if !self.backend.is_idle(lane.stream().raw())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Orders the download lane after all work that is on a stream now.
    pub(crate) fn order_download_after(&self, stream: &Stream<B>) -> Result<(), Fault> {
        self.backend.order(self.download.stream().raw(), stream.raw())
    }

    /// Orders `lanes` after all work that is on the compute stream now.
    pub(crate) fn order_after_compute(&self, lanes: &[Lane<B>]) -> Result<(), Fault> {
        let event = self.backend.record(self.compute.stream().raw())?;
        lanes.iter().try_for_each(|lane| self.backend.wait(lane.stream().raw(), &event))
    }

    /// The transfer lanes, unless another transfer has them. May wait for earlier transfers.
    pub(crate) fn lease_transfer_lanes(&self) -> Result<Option<LaneLease<'_, B>>, Fault> {
        let lease = match self.transfer.lease.try_lock() {
            Ok(lease) => lease,
            // It guards nothing that could be half done.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        let lanes = match self.transfer.lanes.get() {
            Some(lanes) => lanes,
            None => {
                let lane = |_| {
                    let stream = self.backend.create_stream();
                    stream.map(|raw| Lane::new(raw, self.device, &self.backend))
                };
                // Where the device gives no more streams, the transfer goes alone: it may have been prepared
                // already.
                let Ok(lanes) = (0..copy_threads()).map(lane).collect::<Result<_, _>>() else {
                    return Ok(None);
                };
                self.transfer.lanes.get_or_init(|| lanes)
            }
        };
        for lane in lanes {
            lane.wait_for_all_but(IN_FLIGHT, &self.backend)?;
        }
        Ok(Some(LaneLease { lanes, _lease: lease }))
    }
}
