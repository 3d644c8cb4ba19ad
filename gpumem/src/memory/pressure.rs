//! Taking blocks from the pool and pinned memory, and what happens where there is no room.
//!
//! The fast path ends after its first line: the thread's cache has the block. Otherwise a request goes
//! through these steps, in this order, and stops at the first that helps:
//!
//! | in the way | steps |
//! | --- | --- |
//! | the limit | budget that other caches hold; a wait for dropped buffers that other streams use; the application's callback |
//! | the driver has no memory | everything free goes back to it, pinned memory too, and it is asked again; the application's callback, and the same again |
//!
//! The callback is [`DeviceBuilder::on_pressure`](crate::DeviceBuilder::on_pressure).

use super::device_state::DeviceState;
use super::pool::{AllocRequest, Block, Forecast, InPlaceGrowth, Ready, Reservation};
use super::settings::Pressure;
use super::transfer::PinnedBlock;
use crate::backend::{Backend, Fault};
use crate::error::Error;
use crate::label::BufferLabel;
use crate::log_safely::{WaitBegan, event, span};
use std::cell::RefCell;
use std::sync::Arc;

impl<B: Backend> DeviceState<B> {
    /// Takes device memory for `label`, within the device's limit.
    pub(crate) fn allocate(
        &self,
        label: &BufferLabel,
        bytes: usize,
        request: AllocRequest,
    ) -> Result<Block<B>, Error> {
        let ready = match self.pool.take_ready(bytes, request) {
            Ready::Block(block) => return Ok(block),
            Ready::Charge(reservation) => Some(reservation),
            Ready::Nothing => None,
        };
        if !self.pool.is_addressable(bytes) {
            return Err(Error::SizeOverflow { buffer: label.clone(), elements: bytes, element_size: 1 });
        }
        let reservation = match ready {
            Some(reservation) => reservation,
            None => {
                match self.reserve(label, request.price(bytes), request.ask)?.take_ready(bytes, request) {
                    Ok(block) => return Ok(block),
                    Err(reservation) => reservation,
                }
            }
        };
        let obtain = || self.pool.obtain(bytes, request);
        let ((memory, reused), reservation) = self.obtain(label, bytes, reservation, request.ask, obtain)?;
        Ok(reservation.admit(memory, bytes, reused))
    }

    /// Takes memory and budget to make a block larger where it is, for `bytes` in all: `None` where it cannot
    /// grow. The block keeps its size until [`InPlaceGrowth::commit`].
    pub(crate) fn grow(
        &self,
        block: &mut Block<B>,
        label: &BufferLabel,
        bytes: usize,
        ask: bool,
    ) -> Result<Option<InPlaceGrowth>, Error> {
        let Some(growth) = InPlaceGrowth::of(&self.pool, block, bytes) else { return Ok(None) };
        let reservation = self.reserve(label, growth.price(), ask)?;
        let more = bytes.saturating_sub(block.bytes());
        let map = || growth.map(&self.pool, block);
        let ((), reservation) = self.obtain(label, more, reservation, ask, map)?;
        reservation.extend(block);
        Ok(Some(growth))
    }

    /// A forecast of requests, of which none is made. What is no longer in use counts as free.
    pub(crate) fn forecast(&self) -> Forecast<'_, B> {
        self.sweep();
        Forecast::new(&self.pool)
    }

    /// Takes `bytes` of the limit.
    fn reserve(&self, label: &BufferLabel, requested: u64, ask: bool) -> Result<Reservation<'_, B>, Error> {
        let began = WaitBegan::now();
        let reservation = self.pool.reserve(requested);
        tell_of_wait(label, began, "the uses of dropped buffers");
        if let Some(reservation) = reservation {
            return Ok(reservation);
        }
        if ask
            && self.relieve(requested, true)
            && let Some(reservation) = self.pool.reserve(requested)
        {
            return Ok(reservation);
        }
        let budget = self.pool.budget();
        let (used, limit) = (budget.used(), budget.limit());
        Err(self.failed(Error::DeviceLimit { buffer: label.clone(), requested, used, limit }, ask))
    }

    /// Runs `obtain`, and again where memory could be found for its `bytes`. The reservation comes back with
    /// what was obtained, and ends after an error.
    fn obtain<'a, R>(
        &self,
        label: &BufferLabel,
        bytes: usize,
        reservation: Reservation<'a, B>,
        ask: bool,
        mut obtain: impl FnMut() -> Result<R, Fault>,
    ) -> Result<(R, Reservation<'a, B>), Error> {
        let requested = bytes as u64;
        let mut obtain = || {
            self.backend.before_block()?;
            obtain()
        };
        let is_full = |result: &Result<R, Fault>| result.as_ref().is_err_and(Fault::is_out_of_memory);
        let mut result = obtain();
        if is_full(&result) {
            self.pool.note_full();
            self.reclaim(label, requested);
            result = obtain();
        }
        if ask && is_full(&result) && self.relieve(requested, false) {
            self.reclaim(label, requested);
            result = obtain();
        }
        self.pool.shed_surplus();
        self.losses.log();
        match result {
            Ok(obtained) => Ok((obtained, reservation)),
            Err(fault) => {
                // Before the figures of the error are read.
                drop(reservation);
                self.tell_failure(&fault);
                Err(self.failed(self.allocation_error(label, requested, fault), ask))
            }
        }
    }

    /// Takes at least `bytes` (above 0) of pinned memory: an idle block, or a new one.
    ///
    /// Transfers that have ended are looked for only where no idle block fits: that takes one call of the
    /// driver each, which is much where nothing is missing, and little beside pinning.
    pub(crate) fn take_pinned(
        self: &Arc<Self>,
        label: &BufferLabel,
        bytes: usize,
    ) -> Result<PinnedBlock<B>, Error> {
        let reuse = || PinnedBlock::reuse(self.clone(), bytes);
        let released = || {
            self.lanes.release_ended();
            reuse()
        };
        if let Some(block) = reuse().or_else(released) {
            return Ok(block);
        }
        let (block, surplus) = PinnedBlock::pin(self.clone(), bytes, |bytes| self.pin(label, bytes))?;
        self.unpin(surplus);
        Ok(block)
    }

    fn pin(&self, label: &BufferLabel, bytes: usize) -> Result<B::Pinned, Error> {
        let pin = || self.ledger.counters.pinning.time(|| self.backend.pin(bytes));
        let pinned = match pin() {
            Err(fault) if fault.is_out_of_memory() => {
                // Give idle blocks back, and try once more.
                self.sweep();
                self.unpin(self.pinned.drain());
                pin()
            }
            other => other,
        };
        let counters = &self.ledger.counters;
        let pinned = pinned.map_err(|fault| {
            let error = if fault.is_out_of_memory() {
                let pinned = counters.pinned_bytes();
                Error::OutOfPinnedMemory { buffer: label.clone(), requested: bytes as u64, pinned }
            } else {
                fault.into()
            };
            error.counted(counters)
        })?;
        counters.pinned(bytes as u64);
        Ok(pinned)
    }

    /// Gives everything back that can be, before the driver is asked once more. Waits for the device's work.
    fn reclaim(&self, label: &BufferLabel, requested: u64) {
        let _span = span!("reclaim", requested);
        let (began, held) = (WaitBegan::now(), self.pool.figures().held);
        self.ledger.counters.reclaimed();
        // Before anything is locked: a thread that waits for a download's slot is woken by it.
        self.lanes.release_ended();
        // A fault shows in what comes next.
        let _ = self.pool.trim(0, |_| self.unpin(self.pinned.drain()));
        let (buffer, set) = (label.name(), label.set());
        let bytes = held.saturating_sub(self.pool.figures().held);
        event!(DEBUG, "reclaimed", buffer, set, requested, bytes, "the driver had no memory");
        tell_of_wait(label, began, "the work of the device");
    }

    /// Asks the application to free something. Returns whether it was asked; it is not when it asks for
    /// memory in the callback.
    fn relieve(&self, requested: u64, limited: bool) -> bool {
        thread_local! {
            /// The devices whose callbacks run on this thread.
            static ASKING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
        }
        struct Asked;
        impl Drop for Asked {
            fn drop(&mut self) {
                let _ = ASKING.try_with(|asking| asking.borrow_mut().pop());
            }
        }
        let Some(callback) = &self.on_pressure else { return false };
        // A thread that ends has no list any more, which says whether it asks already: then it does not ask.
        let begin = ASKING.try_with(|asking| {
            let mut asking = asking.borrow_mut();
            let begins = !asking.contains(&self.number);
            asking.extend(begins.then_some(self.number));
            begins
        });
        if !begin.unwrap_or(false) {
            return false;
        }
        let _asked = Asked;
        // Where the device has no room the request is charged already, and does not live yet.
        let live = self.pool.figures().live.saturating_sub(if limited { 0 } else { requested });
        let limit = self.pool.budget().limit();
        event!(DEBUG, "pressure", requested, live, limit, limited, "the application is asked to free memory");
        let pressure = Pressure { requested, live, limit, limited };
        self.ledger.recorder.under_pressure(requested, live, limited, || callback(&pressure));
        true
    }

    /// Tells the timeline of a request that failed, where nothing smaller is asked for next: then the
    /// application `asked` for it. No lock is held here, so the timeline can be written at once.
    pub(crate) fn failed(&self, error: Error, asked: bool) -> Error {
        let recorder = &self.ledger.recorder;
        match &error {
            Error::DeviceLimit { buffer, requested, used, limit }
            | Error::SetLimit { buffer, requested, used, limit }
                if asked =>
            {
                recorder.failed(buffer, *requested, *used, Some(*limit));
            }
            Error::OutOfMemory { buffer, requested, live, .. } if asked => {
                recorder.failed(buffer, *requested, *live, None);
            }
            _ => return error,
        }
        #[cfg(feature = "timeline")]
        self.dump();
        error
    }

    fn allocation_error(&self, label: &BufferLabel, requested: u64, fault: Fault) -> Error {
        if !fault.is_out_of_memory() {
            return fault.into();
        }
        let free = self.backend.memory_info().ok().and_then(|info| info.free);
        self.pool.figures().out_of_memory(label, requested, self.pool.free_pieces(), free)
    }
}

/// Tells of a wait that was long.
fn tell_of_wait(label: &BufferLabel, began: WaitBegan, reason: &str) {
    if let Some(waited_ms) = began.slow() {
        let (buffer, set) = (label.name(), label.set());
        event!(INFO, "slow wait", buffer, set, waited_ms, "memory was waited for: {reason}");
    }
}
