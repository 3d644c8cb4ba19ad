//! What all handles of a device share: the backend, its lanes, the budget, the pools and the ledger.

use super::lock;
use super::pool::budget::Budget;
use super::pool::reclaim::Settings;
use super::pool::small::slabs::Store;
use super::transfer::copy_threads::TransferLanes;
use super::transfer::in_flight::{Lane, Stream};
use super::transfer::pinned::PinnedPool;
use crate::backend::{Backend, Fault};
use crate::error::Error;
use crate::ledger::{DeviceStats, Ledger, LiveHandle};
use crate::threads;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// The state of a device. TransferLanes and guards each keep it alive; blocks do not, but their owners hold a device.
pub(crate) struct DeviceState<B: Backend> {
    /// Lent to the lanes' pollers, and to those who wait for a transfer, which must not have the device state.
    pub(crate) backend: Arc<B>,
    /// Tells the devices of a process apart.
    pub(super) number: u64,
    pub(crate) compute: Lane<B>,
    pub(crate) download: Lane<B>,
    pub(super) transfers: TransferLanes<B>,
    pub(crate) ledger: Ledger,
    pub(crate) budget: Budget,
    pub(super) settings: Settings,
    pub(super) store: Store<B>,
    pub(super) pinned: PinnedPool<B>,
    /// Held by the idle thread while it has a reference to the device state, so that others can be counted.
    pub(super) idle_gate: Arc<Mutex<()>>,
    /// What could not be given back and is not logged yet; see [`DeviceState::log_losses`].
    losses: Mutex<Vec<Loss>>,
    has_losses: AtomicBool,
    /// Dropped with the device state, which ends the idle thread.
    _end: mpsc::Sender<()>,
}

/// Memory that could not be given back.
pub(super) struct Loss {
    bytes: usize,
    of: &'static str,
    fault: Fault,
}

/// Between two attempts at something that the end of a device needs.
const PAUSE: Duration = Duration::from_millis(1);

/// Asks until the driver answers: a call that it only refuses is made again, a little later.
fn insist<R>(ask: impl Fn() -> Result<R, Fault>) -> Result<R, Fault> {
    loop {
        match ask() {
            Err(fault) if !fault.is_failure() => std::thread::sleep(PAUSE),
            answer => return answer,
        }
    }
}

/// Logs losses. The application's logger may do anything, use the device too: no lock is held.
pub(super) fn log(losses: Vec<Loss>) {
    for Loss { bytes, of, fault } in losses {
        crate::log_safely::safely(|| log::error!("gpumem: {bytes} bytes of {of} are lost: {fault}"));
    }
}

impl<B: Backend> DeviceState<B> {
    pub(crate) fn new(backend: B, settings: Settings) -> Result<Arc<Self>, Fault> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (send, end) = mpsc::channel();
        let backend = Arc::new(backend);
        let state = Arc::new(Self {
            compute: Lane::new(backend.create_stream()?, number, &backend),
            download: Lane::new(backend.create_stream()?, number, &backend),
            transfers: TransferLanes::new(),
            number,
            ledger: Ledger::default(),
            budget: Budget::new(settings.limit),
            settings,
            store: Store::new(&backend),
            pinned: PinnedPool::new(),
            idle_gate: Arc::default(),
            losses: Mutex::default(),
            has_losses: AtomicBool::new(false),
            _end: send,
            backend,
        });
        state.start(end)?;
        Ok(state)
    }

    /// Opens a stream of the application's own, at the caller's line.
    #[track_caller]
    pub(crate) fn create_stream(&self) -> Result<Stream<B>, Fault> {
        let made_at = Location::caller();
        let raw = self.backend.create_stream()?;
        Ok(Stream::new(raw, self.number).listed(self.ledger.streams.add("stream", made_at)))
    }

    /// Whether a stream belongs to this device.
    pub(crate) fn owns(&self, stream: &Stream<B>) -> bool {
        stream.device() == self.number
    }

    /// Whether this is the compute lane.
    pub(crate) fn is_compute(&self, lane: &Lane<B>) -> bool {
        std::ptr::eq(lane, &raw const self.compute)
    }

    /// All lanes of the device.
    fn lanes(&self) -> impl Iterator<Item = &Lane<B>> {
        [&self.compute, &self.download].into_iter().chain(self.transfers.lanes())
    }

    /// Lets go of the transfers that have ended. Waits for nothing. Returns whether none is left.
    pub(crate) fn land(&self) -> bool {
        // Every lane, whatever is left on the first.
        self.lanes().filter(|lane| !lane.sweep(&self.backend)).count() == 0
    }

    /// Takes back what has ended: transfers, and blocks that other lanes used. Waits for nothing. Returns whether none is left.
    pub(crate) fn sweep(&self) -> bool {
        let landed = self.land();
        self.sweep_parked();
        self.log_losses();
        landed && self.store.parking.is_empty()
    }

    /// Whether everything that was queued has ended. Waits for nothing.
    fn is_idle(&self) -> Result<bool, Fault> {
        for lane in self.lanes() {
            if !self.backend.is_idle(lane.stream().raw())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps the calling thread until all that is queued on the compute lane now is done.
    pub(crate) fn wait_for_compute(&self) -> Result<(), Fault> {
        self.wait_for(self.compute.stream())
    }

    /// Keeps the calling thread until all that is queued on a stream now is done.
    pub(crate) fn wait_for(&self, stream: &Stream<B>) -> Result<(), Fault> {
        // An idle card takes some microseconds to reach an event that is recorded now.
        if self.backend.is_idle(stream.raw())? {
            return Ok(());
        }
        let end = self.backend.record(stream.raw())?;
        self.backend.synchronize(&end)
    }

    /// Keeps the download lane behind all that is queued on a stream now.
    pub(crate) fn order_download(&self, behind: &Stream<B>) -> Result<(), Fault> {
        self.backend.order(self.download.stream().raw(), behind.raw())
    }

    /// Keeps `lanes` behind all that is queued on the compute lane now.
    pub(crate) fn order_behind_compute(&self, lanes: &[Lane<B>]) -> Result<(), Fault> {
        let event = self.backend.record(self.compute.stream().raw())?;
        lanes.iter().try_for_each(|lane| self.backend.wait(lane.stream().raw(), &event))
    }

    /// Waits for all lanes and for what other streams do with dropped buffers, and takes back what that ends.
    pub(crate) fn synchronize(&self) -> Result<(), Error> {
        let waited = self.lanes().try_for_each(|lane| self.wait_for(lane.stream()));
        self.land();
        self.wait_for_parked();
        self.log_losses();
        Ok(waited?)
    }

    /// Gives idle pinned memory back to the driver.
    pub(super) fn unpin(&self, idle: Vec<(usize, B::Pinned)>) {
        for (bytes, pinned) in idle {
            self.ledger.counters.unpinned(bytes as u64);
            // SAFETY: it comes from the pool, where only memory is that no transfer uses (rule 3, in flight).
            if let Err(fault) = unsafe { self.backend.unpin(pinned) } {
                self.ledger.counters.lost(bytes as u64);
                self.note_loss(Loss { bytes, of: "pinned memory", fault });
            }
        }
    }

    /// The last handle has gone, and with it every buffer. What is in flight is left to a thread that waits
    /// for it, and so is all else that may wait (rule 7).
    pub(crate) fn finish(self: Arc<Self>) {
        // Not in a kernel of the device, which may close another one: it would wait for itself.
        if threads::may_wait() && self.backend.may_wait() {
            return self.end();
        }
        // Looked at before anything is given back, since that may wait for what still runs.
        let is_idle = || self.is_idle().unwrap_or_else(|fault| fault.is_failure());
        if !B::WAITS_AT_THE_END && is_idle() && self.sweep() {
            return;
        }
        // Not dropped with the closure, so that a thread that does not start leaks it: the memory is in use.
        let state = std::mem::ManuallyDrop::new(self);
        let wait = std::thread::Builder::new().name("gpumem-finish".into()).spawn(move || {
            let state = std::mem::ManuallyDrop::into_inner(state);
            let end = std::panic::AssertUnwindSafe(|| state.end());
            // Only an audit panics, in tests, and on this thread a panic would go unnoticed.
            if std::panic::catch_unwind(end).is_err() && cfg!(feature = "testing") {
                std::process::abort();
            }
        });
        if let Err(error) = wait {
            crate::log_safely::safely(|| {
                log::error!(
                    "gpumem: a device's memory is lost: no thread to wait for its last transfers: {error}"
                );
            });
        }
    }

    /// Ends the device on this thread, which may wait. Nobody else has a handle of it, or a stream.
    pub(crate) fn close(self: Arc<Self>) {
        let modules = self.ledger.modules.list();
        for LiveHandle { kind, made_at } in &modules {
            crate::log_safely::safely(|| {
                log::info!(
                    "gpumem: a {kind} that was made at {made_at} ends with its device, which is closed"
                );
            });
        }
        self.backend.close();
        self.end();
    }

    /// Ends the device on this thread, which may wait. Nobody else has a handle of it.
    fn end(self: Arc<Self>) {
        threads::waiting(|| {
            self.drain();
            drop(self);
        });
    }

    /// Waits until nothing is queued, in flight or parked. Nobody queues anything any more.
    ///
    /// Flights refer to the device state, so it goes only when the last of them has gone. A failed device answers every wait with
    /// a fault, which lets the sweep give up on what it concerns.
    fn drain(&self) {
        for lane in self.lanes() {
            let _ = insist(|| self.wait_for(lane.stream()));
        }
        let mut waited = false;
        while !self.sweep() {
            if waited {
                std::thread::sleep(PAUSE);
            }
            waited = true;
            for event in self.lanes().flat_map(Lane::events) {
                let _ = self.backend.synchronize(&event);
            }
            self.wait_for_parked();
        }
    }

    /// Counts device memory that could not be given back. It is logged later: the caller may hold a lock.
    pub(super) fn lost(&self, bytes: usize, fault: Fault) {
        self.ledger.counters.lost(bytes as u64);
        self.note_loss(Loss { bytes, of: "device memory", fault });
    }

    fn note_loss(&self, loss: Loss) {
        lock(&self.losses).push(loss);
        self.has_losses.store(true, Ordering::Release);
    }

    pub(super) fn take_losses(&self) -> Vec<Loss> {
        if !self.has_losses.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut *lock(&self.losses))
    }

    /// Logs what was lost since the last time. Call it where no lock is held, at the end of whatever may lose memory.
    pub(super) fn log_losses(&self) {
        if self.has_losses.load(Ordering::Relaxed) {
            log(self.take_losses());
        }
    }

    /// Bytes that live buffers hold.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_beside(self.store.caches.sum().1, self.retired_bytes())
    }

    /// The same, beside what the caches have of the budget and what is parked.
    fn live_beside(&self, credit: u64, retired: u64) -> u64 {
        self.budget.used().saturating_sub(credit).saturating_sub(retired)
    }

    /// Bytes of dropped buffers that other lanes still use.
    pub(crate) fn retired_bytes(&self) -> u64 {
        self.store.parking.bytes()
    }

    /// Bytes that are held from the driver for nobody in particular.
    pub(crate) fn retained_bytes(&self) -> u64 {
        self.kept_beside(self.live_bytes(), self.retired_bytes())
    }

    /// The same, beside what lives and what is parked.
    fn kept_beside(&self, live: u64, retired: u64) -> u64 {
        let lost = self.store.lost.load(Ordering::Relaxed);
        self.store.physical.held().saturating_sub(live + retired + lost)
    }

    /// Bytes that a chunk is a multiple of.
    pub(super) fn unit(&self) -> usize {
        self.store.physical.unit()
    }

    /// Whether blocks can grow where they are, up to addresses that are reserved for them.
    pub(crate) fn has_virtual_memory(&self) -> bool {
        self.store.physical.has_virtual()
    }

    pub(crate) fn stats(&self) -> DeviceStats {
        let (counts, credit) = self.store.caches.sum();
        let retired_bytes = self.retired_bytes();
        let live = self.live_beside(credit, retired_bytes);
        self.budget.raise_peak(live);
        let physical = &self.store.physical;
        DeviceStats {
            live_bytes: live,
            peak_bytes: self.budget.peak(),
            retired_bytes,
            held_bytes: physical.held(),
            peak_held_bytes: physical.peak(),
            retained_bytes: self.kept_beside(live, retired_bytes),
            allocations: counts.allocations,
            frees: counts.frees,
            reused: counts.reused,
            driver_calls: physical.calls(),
            ..self.ledger.counters.snapshot(self.ledger.live_buffers())
        }
    }

    /// What keeps the idle thread from having a reference to the device state.
    pub(crate) fn idle_gate(&self) -> Arc<Mutex<()>> {
        self.idle_gate.clone()
    }
}

impl<B: Backend> Drop for DeviceState<B> {
    fn drop(&mut self) {
        // No block, transfer or guard is left, or it would have kept the device state (a block by way of its owner's device).
        let idle = self.pinned.drain();
        if !idle.is_empty() {
            self.backend.settle();
        }
        self.unpin(idle);
        self.flush();
        if !insist(|| self.is_idle()).unwrap_or(false) {
            self.store.caches.forget_credits(&self.budget);
            self.log_losses();
            let bytes = self.store.physical.held();
            crate::log_safely::safely(|| {
                log::error!("gpumem: {bytes} bytes of device memory are lost: the device has failed");
            });
            return;
        }
        #[cfg(all(debug_assertions, feature = "testing"))]
        self.audit();
        let segments = self.store.all_segments();
        for segment in segments {
            // SAFETY: all lanes have come to their ends and nobody can queue anything any more. What other streams used was waited
            // for before it was kept, or was lost, and a slab with a lost piece is not among these (rule 2).
            unsafe { self.destroy(segment) };
        }
        self.log_losses();
        // What the caches have of the budget ends with it.
        self.store.caches.forget_credits(&self.budget);
    }
}
