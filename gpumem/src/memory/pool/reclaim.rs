//! Giving memory back to the driver: on demand, when there is too much, and after a while.

use super::physical::Segment;
use super::small::cache::Evicted;
use super::small::slabs::State;
use crate::backend::{Backend, Fault};
use crate::error::Error;
use crate::memory::device_state::DeviceState;
use crate::memory::lock;
use std::io;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// What a device keeps of what it holds; see [`DeviceBuilder`](crate::DeviceBuilder).
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) limit: u64,
    /// What may be held above the most that lived, as a share of it; see `compose` for where none is set.
    pub(crate) overhead: Option<f64>,
    /// Free bytes that are kept.
    pub(crate) retain: u64,
    /// How long.
    pub(crate) retain_for: Option<Duration>,
    pub(crate) on_pressure: Option<PressureCallback>,
}

pub(crate) type PressureCallback = Arc<dyn Fn(&crate::memory::Pressure) + Send + Sync>;

impl Settings {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, overhead: None, retain: u64::MAX, retain_for: None, on_pressure: None }
    }

    /// The time, where anybody wants to know.
    pub(crate) fn now(&self) -> Option<Instant> {
        self.retain_for.map(|_| Instant::now())
    }
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

impl<B: Backend> DeviceState<B> {
    /// Notes which epochs are past. A fault leaves those that are not known to be past.
    pub(crate) fn look(&self, state: &mut State<B>) {
        let lane = self.compute.stream().raw();
        let (is_idle, record) = (|| self.backend.is_idle(lane), || self.backend.record(lane));
        let _ = state.epochs.look(is_idle, record, |event| self.backend.is_done(event));
    }

    /// Empties the thread caches, so that neighbours join and segments are found.
    pub(crate) fn flush(&self) {
        self.keep(self.store.caches.flush(false));
    }

    /// As [`DeviceState::flush`]; and slabs that are wholly free become segments, so that whoever wants memory finds all that there is.
    pub(crate) fn gather(&self) {
        self.flush();
        self.store.state().dissolve_slabs();
    }

    /// Puts what the caches let go of where all threads find it.
    pub(crate) fn keep(&self, surplus: Evicted<B>) {
        if surplus.is_empty() {
            return;
        }
        let since = self.settings.now();
        let mut state = self.store.state();
        surplus.small.iter().for_each(|free| state.put_piece(free.node, since));
        surplus.large.into_iter().for_each(|segment| state.keep(segment, since));
    }

    /// Gives everything back that can be, before the driver is asked once more. Waits for the device's work.
    pub(crate) fn reclaim(&self) {
        // Before anything is locked: who waits for a download's slot is woken by it.
        self.land();
        let _giving_back = self.store.giving_back(self.backend.may_wait());
        self.wait_for_parked();
        let _ = self.pass();
        self.shed(0, None);
        self.unpin(self.pinned.drain());
    }

    /// Empties the caches, and waits until the compute lane has passed what was in them and all that is kept.
    pub(crate) fn pass(&self) -> Result<(), Fault> {
        self.flush();
        {
            let mut state = self.store.state();
            state.epochs.current();
            self.look(&mut state);
        }
        self.wait_for_compute()
    }

    /// Gives kept segments and free slabs back, which become such segments, until at most `most` bytes of them are left, those
    /// first that came free first, and only those that came free before `before`. What the compute lane may still use stays. Returns the bytes.
    pub(crate) fn shed(&self, most: u64, before: Option<Instant>) -> u64 {
        let victims = {
            let mut state = self.store.state();
            self.look(&mut state);
            let old = |since: Option<Instant>| {
                before.is_none_or(|before| since.is_some_and(|since| since < before))
            };
            state.dissolve_slabs();
            let State { kept, epochs, .. } = &mut *state;
            kept.take_surplus(most, |entry| epochs.is_past(entry.epoch) && old(entry.since))
        };
        self.give_back(victims)
    }

    fn give_back(&self, segments: Vec<Box<Segment<B>>>) -> u64 {
        let mut bytes = 0;
        for segment in segments {
            bytes += segment.mapped() as u64;
            // SAFETY: nobody owns the segment, and the compute lane has passed its last use (rule 2); uses on other lanes were
            // waited for before it was kept.
            unsafe { self.destroy(segment) };
        }
        bytes
    }

    /// Keeps to [`Settings::retain`].
    pub(crate) fn shed_what_is_too_much(&self) {
        if self.settings.retain < u64::MAX && self.retained_bytes() > self.settings.retain {
            let _giving_back = self.store.giving_back(self.backend.may_wait());
            self.flush();
            self.shed(self.settings.retain, None);
        }
    }

    /// Gives memory back that no buffer uses, until at most `retain` bytes are kept. Waits for the device's work.
    pub(crate) fn trim(&self, keep: u64) -> Result<u64, Error> {
        let before = self.store.physical.held();
        self.synchronize()?;
        let giving_back = self.store.giving_back(self.backend.may_wait());
        self.pass()?;
        self.shed(keep, None);
        if keep == 0 {
            self.unpin(self.pinned.drain());
            self.backend.tidy();
        }
        drop(giving_back);
        self.log_losses();
        Ok(before.saturating_sub(self.store.physical.held()))
    }

    /// The size of the largest free piece, and how many there are.
    pub(crate) fn free_pieces(&self) -> (u64, u64) {
        let state = self.store.state();
        let (piece, pieces) = state.heap.free_pieces();
        let (segment, segments) = state.kept.largest();
        (piece.max(segment) as u64, (pieces + segments) as u64)
    }

    pub(crate) fn report(&self) -> MemoryReport {
        let (largest_free, free_pieces) = self.free_pieces();
        MemoryReport { held: self.store.physical.held(), live: self.live_bytes(), largest_free, free_pieces }
    }

    /// Joins what lies side by side and gives back what is wholly free.
    pub(crate) fn defragment(&self) -> Result<(MemoryReport, MemoryReport), Error> {
        self.flush();
        let before = self.report();
        self.trim(0)?;
        Ok((before, self.report()))
    }

    /// Unmaps whole chunks at the end of a segment until `mapped` bytes are left, or a little more.
    ///
    /// # Safety
    ///
    /// Nothing that is queued or running touches the segment (rule 2).
    pub(crate) unsafe fn strip_to(&self, segment: &mut Segment<B>, mapped: usize) {
        while segment.last_chunk().is_some_and(|last| segment.mapped() - last >= mapped) {
            // SAFETY: the caller's promise (rule 2).
            match unsafe { segment.strip(&*self.backend, &self.store.physical) } {
                Some(Ok(chunk)) => self.release([chunk]),
                Some(Err((fault, bytes))) => self.lost(bytes, fault),
                None => break,
            }
        }
    }

    /// Starts the thread that gives back what has been free for `retain_for`. It ends with the device.
    fn start_idle_cleanup(self: &Arc<Self>, retain_for: Duration, end: mpsc::Receiver<()>) -> io::Result<()> {
        let (state, gate) = (Arc::downgrade(self), self.idle_gate.clone());
        // Twice in the time: a cache has to be seen unused at two times, and what was in it then waits for its own.
        let pause = (retain_for / 2).max(Duration::from_millis(1));
        let work = move || {
            while end.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
                let gate = lock(&gate);
                let Some(state) = state.upgrade() else { break };
                state.idle_cleanup(retain_for);
                let losses = state.take_losses();
                // The logger may use the device, or close it.
                drop(state);
                drop(gate);
                crate::memory::device_state::log(losses);
            }
        };
        std::thread::Builder::new().name("gpumem-idle".into()).spawn(work).map(drop)
    }

    /// Starts what runs beside the device, if its settings ask for it.
    pub(crate) fn start(self: &Arc<Self>, end: mpsc::Receiver<()>) -> Result<(), Fault> {
        let Some(retain_for) = self.settings.retain_for else { return Ok(()) };
        let operation = "start the thread that gives idle memory back";
        self.start_idle_cleanup(retain_for, end)
            .map_err(|error| Fault::denied(B::NAME, operation, error.to_string()))
    }

    fn idle_cleanup(&self, retain_for: Duration) {
        let _giving_back = self.store.giving_back(true);
        self.sweep_parked();
        self.keep(self.store.caches.flush(true));
        if let Some(before) = Instant::now().checked_sub(retain_for) {
            self.shed(0, Some(before));
        }
    }
}
