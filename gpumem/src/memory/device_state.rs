//! The part of a device that all its handles share: the backend, the lanes, the pool, pinned memory and the
//! ledger; and the end of a device.
//!
//! ```text
//!   open ---> Device, buffers, sets hold the state ---(the last of them goes)---> finish ---> end: waits for all
//!                                                          close ---------------------------> lanes, gives everything back
//!   tickets and guards hold it too, by their pinned memory: where they outlive all handles, the last of them ends the device
//! ```

use super::locks::lock;
use super::losses::{self, Losses};
use super::pool::DevicePool;
use super::settings::{PressureCallback, Settings};
use super::stream::Stream;
use super::transfer::{Lane, Lanes, PinnedOwner, PinnedPool};
use crate::backend::{Backend, Fault};
use crate::error::Error;
use crate::ledger::{Counters, DeviceStats, Held, HeldKind, LeakReport, Ledger, NotHeld, Record};
use crate::log_safely::{event, span};
use crate::threads;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// The state of a device. Transfers and guards each keep it alive; blocks do not, but their owners hold a
/// device.
pub(crate) struct DeviceState<B: Backend> {
    /// Shared with the lanes' wake threads, and with threads that wait for a transfer, which must not hold
    /// the state.
    pub(crate) backend: Arc<B>,
    /// Tells the devices of a process apart.
    pub(super) number: u64,
    pub(crate) lanes: Lanes<B>,
    /// Shared with things that outlive the state: tickets, streams and modules.
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) pool: DevicePool<B>,
    pub(super) pinned: PinnedPool<B>,
    pub(crate) losses: Arc<Losses>,
    pub(super) on_pressure: Option<PressureCallback>,
    /// Whether the application was told what it holds when the device was to be closed.
    reported: AtomicBool,
    failure_told: AtomicBool,
    /// Held by the idle thread while it holds the state, so that other holders can be counted.
    idle_gate: Arc<Mutex<()>>,
    /// Dropped with the state, which ends the idle thread.
    _end: mpsc::Sender<()>,
}

/// What a device holds and how it lies; see [`Device::defragment`](crate::Device::defragment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryReport {
    /// Bytes taken from the driver.
    pub held: u64,
    /// Bytes that live buffers hold.
    pub live: u64,
    /// Bytes in the largest piece that is free.
    pub largest_free: u64,
    /// How many free pieces there are.
    pub free_pieces: u64,
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

impl<B: Backend> DeviceState<B> {
    pub(crate) fn new(backend: B, settings: Settings) -> Result<Arc<Self>, Fault> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (send, end) = mpsc::channel();
        let (backend, losses) = (Arc::new(backend), Arc::default());
        let lanes = Lanes::new(&backend, number)?;
        let retain_for = settings.retain_for;
        let state = Arc::new(Self {
            number,
            ledger: Ledger::new(settings.capture_backtraces, settings.recorder.clone()),
            on_pressure: settings.on_pressure.clone(),
            pool: DevicePool::new(&backend, lanes.compute.stream_handle(), settings, &losses),
            lanes,
            pinned: PinnedPool::new(),
            losses,
            reported: AtomicBool::new(false),
            failure_told: AtomicBool::new(false),
            idle_gate: Arc::default(),
            _end: send,
            backend,
        });
        if let Some(retain_for) = retain_for {
            state.start_idle_thread(retain_for, end)?;
        }
        Ok(state)
    }

    /// Opens a stream of the application's own, at the caller's line.
    #[track_caller]
    pub(crate) fn create_stream(&self) -> Result<Stream<B>, Fault> {
        let made_at = Location::caller();
        let raw = self.backend.create_stream()?;
        let entry = Record::without_buffer(HeldKind::Stream, made_at);
        Ok(Stream::new(raw, self.number).listed(self.ledger.hold(entry)))
    }

    /// Whether a stream belongs to this device.
    pub(crate) fn owns(&self, stream: &Stream<B>) -> bool {
        stream.device() == self.number
    }

    /// Releases the transfers that have ended, and the blocks that other streams have done with. Waits for
    /// nothing. Returns whether none of either is left.
    pub(crate) fn sweep(&self) -> bool {
        let none_in_flight = self.lanes.release_ended();
        let none_parked = self.pool.sweep_parked();
        self.losses.log();
        none_in_flight && none_parked
    }

    /// Keeps the calling thread until all work is done that is on the compute stream now.
    pub(crate) fn wait_for_compute(&self) -> Result<(), Fault> {
        self.wait_for(self.lanes.compute.stream())
    }

    /// Keeps the calling thread until all work is done that is on a stream now.
    pub(crate) fn wait_for(&self, stream: &Stream<B>) -> Result<(), Fault> {
        stream.synchronize(&self.backend).inspect_err(|fault| self.tell_failure(fault))
    }

    /// Logs a failure of the device, the first time that an operation ends with it.
    pub(super) fn tell_failure(&self, fault: &Fault) {
        if fault.is_failure() && !self.failure_told.swap(true, Ordering::Relaxed) {
            let device = self.backend.device_name();
            event!(ERROR, "failed", device, "a device has failed: {fault}");
        }
    }

    /// Waits for all lanes, and for what other streams do with dropped buffers, and releases what that ends.
    pub(crate) fn synchronize(&self) -> Result<(), Error> {
        let waited = self.lanes.each().try_for_each(|lane| self.wait_for(lane.stream()));
        self.lanes.release_ended();
        self.pool.wait_for_parked();
        self.losses.log();
        Ok(waited?)
    }

    /// Gives idle pinned memory back to the driver.
    pub(super) fn unpin(&self, idle: Vec<(usize, B::Pinned)>) {
        for (bytes, pinned) in idle {
            self.ledger.counters.unpinned(bytes as u64);
            // SAFETY: it comes from the pinned pool, whose memory no transfer uses (rule 3, in flight).
            let unpin = || unsafe { self.backend.unpin(pinned) };
            if let Err(fault) = self.ledger.counters.pinning.time(unpin) {
                self.losses.note(bytes, "pinned memory", fault);
            }
        }
    }

    /// Gives memory back that no buffer uses, until at most `retain` bytes of it are left. Waits for the
    /// device's work.
    pub(crate) fn trim(&self, retain: u64) -> Result<u64, Error> {
        let _span = span!("trim", retain);
        self.ledger.counters.trimmed();
        let held = || self.pool.figures().held;
        let before = held();
        self.synchronize()?;
        let trimmed = self.pool.trim(retain, |waited| {
            if waited && retain == 0 {
                self.unpin(self.pinned.drain());
                self.backend.tidy();
            }
        });
        self.losses.log();
        trimmed.inspect_err(|fault| self.tell_failure(fault))?;
        let given_back = before.saturating_sub(held());
        self.ledger.recorder.trimmed(retain, given_back);
        event!(DEBUG, "trimmed", retain, bytes = given_back, "free memory went back to the driver");
        Ok(given_back)
    }

    /// Joins free pieces that lie side by side, and gives back all segments that are free. Returns the memory
    /// before and after.
    pub(crate) fn defragment(&self) -> Result<(MemoryReport, MemoryReport), Error> {
        let before = self.report();
        self.trim(0)?;
        Ok((before, self.report()))
    }

    fn report(&self) -> MemoryReport {
        let (largest_free, free_pieces) = self.pool.free_pieces();
        let figures = self.pool.figures();
        MemoryReport { held: figures.held, live: figures.live, largest_free, free_pieces }
    }

    pub(crate) fn stats(&self) -> DeviceStats {
        let figures = self.pool.figures();
        let (free_bytes, largest_free_bytes) = self.pool.free_bytes();
        let budget = self.pool.budget();
        budget.raise_peak(figures.live);
        let counters = self.ledger.counters.snapshot(self.ledger.live_buffers());
        DeviceStats {
            live_bytes: figures.live,
            peak_bytes: budget.peak(),
            limit_bytes: budget.limit(),
            free_bytes,
            largest_free_bytes,
            retired_bytes: figures.retired,
            held_bytes: figures.held,
            peak_held_bytes: figures.peak_held,
            retained_bytes: figures.retained,
            lost_bytes: self.losses.bytes(),
            allocations: figures.allocations,
            frees: figures.frees,
            reused: figures.reused,
            driver_calls: figures.driver_calls,
            driver_time: figures.driver_time + counters.driver_time,
            ..counters
        }
    }

    /// Sets all peaks of the device to the present figures.
    pub(crate) fn reset_peak(&self) {
        self.pool.reset_peak();
        self.ledger.counters.reset_peak();
    }

    /// A report on all that is held of the device. Waits for nothing.
    pub(crate) fn leak_report(&self, held: Vec<Held>) -> LeakReport {
        let transfers: u64 = self.lanes.each().map(Lane::bytes_in_flight).sum();
        let figures = self.pool.figures();
        let not_held = NotHeld { in_flight: transfers + figures.retired, retained: figures.retained };
        let owner = format!("device `{}`", self.backend.device_name());
        LeakReport::new(owner, held).with_bytes(not_held, self.losses.bytes())
    }

    /// The application has the report, so [`Self::log_held`] need not log it again.
    pub(crate) fn was_reported(&self) {
        self.reported.store(true, Ordering::Relaxed);
    }

    /// The last handle has gone, and with it every buffer. Logs the tickets and guards that the application
    /// still holds, since the device cannot give its memory back before they are dropped.
    pub(crate) fn log_held(&self) {
        if self.ledger.leaks() == 0 || self.reported.load(Ordering::Relaxed) {
            return;
        }
        let mut held = self.ledger.list();
        held.retain(|held| held.kind.outlives_buffers());
        if !held.is_empty() {
            let report = self.leak_report(held);
            event!(ERROR, "leaked", "a device was dropped, and its memory is still held: {report}");
        }
    }

    /// Compares the figures of the device with each other. No operation is under way.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn audit(&self) {
        self.pool.audit(self.ledger.live_bytes());
    }

    /// Starts the thread that gives back memory that has been free for `retain_for`. It ends with the device.
    fn start_idle_thread(
        self: &Arc<Self>,
        retain_for: Duration,
        end: mpsc::Receiver<()>,
    ) -> Result<(), Fault> {
        let (state, gate) = (Arc::downgrade(self), self.idle_gate.clone());
        // Twice in the time: a cache has to be seen unused at two times, and what was in it then waits for
        // its own.
        let pause = (retain_for / 2).max(Duration::from_millis(1));
        let work = move || {
            while end.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
                let gate = lock(&gate);
                let Some(state) = state.upgrade() else { break };
                state.pool.shed_idle(retain_for);
                let losses = state.losses.take();
                // The logger may use the device, or close it.
                drop(state);
                drop(gate);
                losses::log(losses);
            }
        };
        let operation = "start the thread that gives idle memory back";
        threads::start("gpumem-idle", work)
            .map_err(|error| Fault::call_refused(B::NAME, operation, error.to_string()))
    }

    /// Held by the idle thread while it holds the state.
    pub(crate) fn idle_gate(&self) -> Arc<Mutex<()>> {
        self.idle_gate.clone()
    }

    /// The last handle has gone, and with it every buffer. Transfers in flight are left to a thread that
    /// waits for them, and so is everything else that may wait (rule 7).
    pub(crate) fn finish(self: Arc<Self>) {
        // Not in a kernel of the device, which may close another one: it would wait for itself.
        if threads::may_wait() && self.backend.may_wait() {
            return self.end();
        }
        // Before anything is given back, since that may wait for work that still runs.
        let is_idle = || self.lanes.are_idle().unwrap_or_else(|fault| fault.is_failure());
        if !B::WAITS_AT_THE_END && is_idle() && self.sweep() {
            return;
        }
        // Not dropped with the closure, so that a thread that does not start leaks it: the memory is in use.
        let state = ManuallyDrop::new(self);
        let wait = threads::start("gpumem-finish", move || {
            let state = ManuallyDrop::into_inner(state);
            // Only an audit panics, in tests, and on this thread a panic would go unnoticed.
            if catch_unwind(AssertUnwindSafe(|| state.end())).is_err() && cfg!(feature = "testing") {
                std::process::abort();
            }
        });
        if let Err(error) = wait {
            event!(
                ERROR,
                "lost",
                "a device's memory is lost: no thread to wait for its last transfers: {error}"
            );
        }
    }

    /// Ends the device on this thread, which may wait. No other handle or stream of it is left.
    pub(crate) fn close(self: Arc<Self>) {
        for held in self.ledger.list().iter().filter(|held| held.kind == HeldKind::Module) {
            let made_at = held.made_at;
            event!(
                INFO,
                "closed",
                "a {held} that was made at {made_at} ends with its device, which is closed"
            );
        }
        self.backend.close();
        self.end();
    }

    /// Ends the device on this thread, which may wait. No other handle of it is left.
    fn end(self: Arc<Self>) {
        threads::waiting(|| {
            self.drain();
            drop(self);
        });
    }

    /// Waits until nothing is queued, in flight or parked. No thread queues anything any more.
    ///
    /// Transfers in flight hold the state, so it goes only when the last of them has gone. A failed device
    /// answers every wait with a fault, which lets the sweep give up what the fault concerns.
    fn drain(&self) {
        for lane in self.lanes.each() {
            let _ = insist(|| self.wait_for(lane.stream()));
        }
        let mut waited = false;
        while !self.sweep() {
            if waited {
                std::thread::sleep(PAUSE);
            }
            waited = true;
            for event in self.lanes.each().flat_map(Lane::events) {
                let _ = self.backend.synchronize(&event);
            }
            self.pool.wait_for_parked();
        }
    }
}

impl<B: Backend> PinnedOwner<B> for DeviceState<B> {
    fn pinned_pool(&self) -> &PinnedPool<B> {
        &self.pinned
    }

    fn counters(&self) -> &Counters {
        &self.ledger.counters
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }

    fn finish(self: Arc<Self>) {
        DeviceState::finish(self);
    }
}

impl<B: Backend> Drop for DeviceState<B> {
    fn drop(&mut self) {
        // No block, transfer or guard is left, or it would have kept the state (a block by way of its owner's
        // device).
        let idle = self.pinned.drain();
        if !idle.is_empty() {
            self.backend.settle();
        }
        self.unpin(idle);
        let failed = !insist(|| self.lanes.are_idle()).unwrap_or(false);
        #[cfg(all(debug_assertions, feature = "testing"))]
        if !failed {
            self.audit();
        }
        let leaked = self.pool.end(failed);
        if failed {
            event!(
                ERROR,
                "lost",
                bytes = leaked,
                "{leaked} bytes of device memory are lost: the device has failed"
            );
        }
    }
}
