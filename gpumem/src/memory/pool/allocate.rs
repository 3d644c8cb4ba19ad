//! Taking blocks and giving them back; what happens when there is no more.
//!
//! The usual way is short: the thread's cache has budget and a block ([`DeviceState::allocate`]), and takes them back
//! ([`DeviceState::retire`]). Everything else is here too, in the order in which it is tried: the budget that other caches keep,
//! memory that other lanes still use, a piece of a slab or a kept segment, the driver; and when that is out of memory, all
//! that is kept goes back to it before one more attempt, and after that the application is asked
//! ([`DeviceBuilder::on_pressure`](crate::DeviceBuilder::on_pressure)) before the last.

use super::budget::Charge;
use super::small::cache::{Cache, Evicted, Free};
use super::small::size::{Class, POOLED, whole};
use super::small::slabs::AllocRequest;
use super::small::spin_lock::SpinGuard;
use crate::backend::{Backend, Fault};
use crate::error::{BufferLabel, Error};
use crate::memory::block::{Block, Noted, Origin, Uses};
use crate::memory::device_state::DeviceState;
use std::cell::RefCell;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// What a pressure callback is told; see [`DeviceBuilder::on_pressure`](crate::DeviceBuilder::on_pressure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// Bytes that could not be had.
    pub requested: u64,
    /// Bytes that live buffers hold.
    pub live: u64,
    /// The device's limit in bytes.
    pub limit: u64,
    /// Whether it is the limit that is in the way; otherwise the device itself has no room.
    pub limited: bool,
}

/// How large a block was before a growth in place; see [`DeviceState::grow`].
pub(crate) struct Extent {
    mapped: usize,
    charged: u64,
}

/// A charge for memory that is on its way. It goes back to the budget unless it is kept, whatever happens: a panic of the
/// application's pressure callback included.
struct Reserved<'a, B: Backend> {
    state: &'a DeviceState<B>,
    charge: Charge,
}

impl<B: Backend> Reserved<'_, B> {
    fn keep(mut self) -> Charge {
        self.charge.take()
    }
}

impl<B: Backend> Drop for Reserved<'_, B> {
    fn drop(&mut self) {
        self.state.discharge(self.charge.take());
    }
}

impl<B: Backend> DeviceState<B> {
    /// Takes device memory for `label`, within the device's limit.
    pub(crate) fn allocate(
        &self,
        label: BufferLabel,
        bytes: usize,
        want: AllocRequest,
    ) -> Result<Block<B>, Error> {
        if bytes > POOLED || want.stable {
            return self.allocate_segment(label, bytes, want);
        }
        let class = Class::of(bytes);
        let price = if want.prepaid { 0 } else { bytes as u64 };
        let (mut cache, charge, used) = self.charge(label, price, want.ask)?;
        if !self.backend.is_tested()
            && let Some(free) = cache.take_small(class)
        {
            cache.counts.allocations += 1;
            cache.counts.reused += 1;
            drop(cache);
            self.raise_peak(used);
            let home = Origin::Pool { node: free.node, class };
            return Ok(Block::new(free.memory, free.offset, bytes, charge, home));
        }
        drop(cache);
        let obtain = || self.obtain_piece(class);
        let ((free, reused), charge) = self.slowly(label, bytes, charge, want.ask, obtain)?;
        self.raise_peak(used);
        self.count_allocation(reused);
        Ok(Block::new(free.memory, free.offset, bytes, charge, Origin::Pool { node: free.node, class }))
    }

    fn allocate_segment(
        &self,
        label: BufferLabel,
        bytes: usize,
        want: AllocRequest,
    ) -> Result<Block<B>, Error> {
        let too_much = || Error::SizeOverflow { buffer: label, elements: bytes, element_size: 1 };
        let (mapped, reserved) = self.extent(bytes, want).ok_or_else(too_much)?;
        let price = if want.prepaid { 0 } else { bytes as u64 };
        let (mut cache, charge, used) = self.charge(label, price, want.ask)?;
        let cached = if self.backend.is_tested() { None } else { cache.take_large(mapped, reserved) };
        if cached.is_some() {
            cache.counts.allocations += 1;
            cache.counts.reused += 1;
        }
        drop(cache);
        let (segment, charge) = match cached {
            Some(segment) => (segment, charge),
            None => {
                let obtain = || self.obtain_segment(mapped, want);
                let ((segment, reused), charge) = self.slowly(label, bytes, charge, want.ask, obtain)?;
                self.count_allocation(reused);
                (segment, charge)
            }
        };
        self.raise_peak(used);
        let mut block = Block::new(segment.memory().clone(), 0, bytes, charge, Origin::Segment(segment));
        self.settle(&mut block);
        Ok(block)
    }

    /// Takes memory and budget to make a block larger where it is, for `bytes` in all: `None` where it cannot grow. The block keeps its
    /// size until [`DeviceState::commit_growth`]; [`DeviceState::undo_growth`] takes back what this did.
    pub(crate) fn grow(
        &self,
        block: &mut Block<B>,
        label: BufferLabel,
        bytes: usize,
        ask: bool,
    ) -> Result<Option<Extent>, Error> {
        let mapped = match &block.home {
            Origin::Pool { class, .. } if bytes <= class.bytes() => None,
            Origin::Pool { .. } => return Ok(None),
            Origin::Segment(segment) => match whole(bytes, self.unit()) {
                Some(mapped) if mapped <= segment.reserved() => Some(mapped),
                _ => return Ok(None),
            },
        };
        let before = Extent { mapped: block.mapped(), charged: block.charge.bytes() };
        let (_, charge, used) = self.charge(label, (bytes as u64).saturating_sub(before.charged), ask)?;
        let more = bytes.saturating_sub(block.bytes);
        let ((), charge) = self.slowly(label, more, charge, ask, || match (&mut block.home, mapped) {
            (Origin::Segment(segment), Some(mapped)) if mapped > segment.mapped() => {
                self.fill_segment(segment, mapped)
            }
            _ => Ok(()),
        })?;
        block.charge.merge(charge);
        self.raise_peak(used);
        Ok(Some(before))
    }

    /// Makes a block the larger one that [`DeviceState::grow`] took memory for.
    pub(crate) fn commit_growth(&self, block: &mut Block<B>, bytes: usize) {
        block.bytes = bytes;
        self.settle(block);
    }

    /// Gives back what [`DeviceState::grow`] took, since the block will not grow after all. Where work that was queued since may have
    /// `touched` the memory, the calling thread waits for that; memory that cannot be waited for stays with the block, which is
    /// charged for it no more.
    pub(crate) fn undo_growth(&self, block: &mut Block<B>, before: &Extent, touched: bool) {
        let is_unused = !touched || block.wait_until_unused(self).is_ok();
        if let Origin::Segment(segment) = &mut block.home
            && is_unused
        {
            // SAFETY: what lies after `mapped` was mapped by `grow`. No work was queued that uses it, or it was waited for
            // (rule 2).
            unsafe { self.strip_to(segment, before.mapped) };
        }
        let more = block.charge.bytes().saturating_sub(before.charged);
        self.discharge(block.charge.split(more));
        self.settle(block);
        self.log_losses();
    }

    /// Brings the device's sums over its blocks up to date with one of them. Call it whenever its memory or its size has changed.
    pub(crate) fn settle(&self, block: &mut Block<B>) {
        let now = Noted {
            waste: block.waste(self.unit()),
            #[cfg(all(debug_assertions, feature = "testing"))]
            mapped: block.mapped(),
        };
        self.note(std::mem::replace(&mut block.noted, now), now);
    }

    fn note(&self, before: Noted, after: Noted) {
        #[allow(clippy::cast_possible_wrap)] // address ranges end below 2^63
        if before.waste != after.waste {
            self.store.waste.fetch_add(after.waste as i64 - before.waste as i64, Ordering::Relaxed);
        }
        #[cfg(all(debug_assertions, feature = "testing"))]
        {
            self.store.lent.fetch_add(after.mapped as u64, Ordering::Relaxed);
            self.store.lent.fetch_sub(before.mapped as u64, Ordering::Relaxed);
        }
    }

    /// Makes a block smaller where it is, if it is a segment, and gives back the chunks after its new end. Keeps the calling thread
    /// until nothing uses the block. Returns whether it was done: it is not where chunks are in the way that are much larger than
    /// what is to be left, unless the block `stays` where it is in any case.
    pub(crate) fn shrink(&self, block: &mut Block<B>, bytes: usize, stays: bool) -> Result<bool, Error> {
        let unit = self.unit();
        let mapped = whole(bytes, unit).unwrap_or(usize::MAX);
        match &block.home {
            Origin::Pool { .. } => return Ok(false),
            Origin::Segment(segment) => {
                let too_much = segment.stripped_to(mapped) - mapped.min(segment.mapped());
                if !stays && too_much > (mapped / 8).max(unit) {
                    return Ok(false);
                }
            }
        }
        block.wait_until_unused(self)?;
        if let Origin::Segment(segment) = &mut block.home {
            // SAFETY: the block is borrowed mutably and was waited for, so nothing touches it (rule 2).
            unsafe { self.strip_to(segment, mapped) };
        }
        block.bytes = block.bytes.min(bytes);
        let less = block.charge.bytes().saturating_sub(block.bytes as u64);
        self.discharge(block.charge.split(less));
        self.settle(block);
        self.log_losses();
        Ok(true)
    }

    /// Takes `bytes` of the limit. Returns the thread's cache, locked; the charge; and what is used then where that may be more than
    /// ever, which becomes the peak when the memory is there.
    #[inline]
    fn charge(
        &self,
        label: BufferLabel,
        bytes: u64,
        ask: bool,
    ) -> Result<(SpinGuard<'_, Cache<B>>, Charge, u64), Error> {
        let mut cache = self.store.caches.mine();
        if let Some(charge) = cache.charge(&self.budget, bytes) {
            return Ok((cache, charge, 0));
        }
        drop(cache);
        let (charge, used) = self.charge_slowly(label, bytes, ask)?;
        Ok((self.store.caches.mine(), charge, used))
    }

    /// Notes what was used at the end of [`DeviceState::charge`], less what does not live any more.
    fn raise_peak(&self, used: u64) {
        if used > self.budget.peak() {
            self.budget.raise_peak(used.saturating_sub(self.retired_bytes()));
        }
    }

    /// Runs `obtain`, and again where memory could be found for its `bytes`. The charge comes back with what was obtained, and goes
    /// back to the budget after an error.
    fn slowly<R>(
        &self,
        label: BufferLabel,
        bytes: usize,
        charge: Charge,
        ask: bool,
        mut obtain: impl FnMut() -> Result<R, Fault>,
    ) -> Result<(R, Charge), Error> {
        let requested = bytes as u64;
        let reserved = Reserved { state: self, charge };
        let mut obtain = || {
            self.backend.before_block()?;
            obtain()
        };
        let mut result = obtain();
        if result.as_ref().is_err_and(Fault::is_out_of_memory) {
            self.note_full();
            self.reclaim();
            result = obtain();
        }
        if ask && result.as_ref().is_err_and(Fault::is_out_of_memory) && self.relieve(requested, false) {
            self.reclaim();
            result = obtain();
        }
        self.shed_what_is_too_much();
        self.log_losses();
        match result {
            Ok(obtained) => Ok((obtained, reserved.keep())),
            Err(fault) => {
                drop(reserved);
                Err(self.allocation_error(label, requested, fault))
            }
        }
    }

    /// Takes `bytes` of the limit when the thread's cache has not enough, or the peak would be raised. Returns what is used then.
    fn charge_slowly(&self, buffer: BufferLabel, requested: u64, ask: bool) -> Result<(Charge, u64), Error> {
        if let Some(taken) = self.charge_or_wait(requested) {
            return Ok(taken);
        }
        if ask
            && self.relieve(requested, true)
            && let Some(taken) = self.charge_or_wait(requested)
        {
            return Ok(taken);
        }
        let (used, limit) = (self.budget.used(), self.budget.limit());
        Err(Error::DeviceLimit { buffer, requested, used, limit })
    }

    /// Takes `bytes` of the limit, and waits for dropped blocks that other lanes use as long as these are in the way. Where they would
    /// not fit beside what lives either, nothing is waited for.
    fn charge_or_wait(&self, bytes: u64) -> Option<(Charge, u64)> {
        let attempt = || self.store.caches.collect_and_take(&self.budget, bytes);
        loop {
            if let Ok(taken) = attempt() {
                return Some(taken);
            }
            match self.store.parking.standing_still(|parked| attempt().map_err(|used| used - parked)) {
                Ok(taken) => return Some(taken),
                Err(lives) if bytes > self.budget.limit().saturating_sub(lives) => return None,
                Err(_) => {}
            }
            if !self.backend.may_wait() {
                self.sweep_parked();
                return attempt().ok();
            }
            self.wait_for_parked();
        }
    }

    pub(crate) fn discharge(&self, charge: Charge) {
        if charge.bytes() > 0 {
            self.store.caches.mine().discharge(&self.budget, charge);
        }
    }

    fn count_allocation(&self, reused: bool) {
        let mut cache = self.store.caches.mine();
        cache.counts.allocations += 1;
        cache.counts.reused += u64::from(reused);
    }

    /// Asks the application to free something. Returns whether it was asked; it is not when it asks for memory in the callback.
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
        let Some(callback) = &self.settings.on_pressure else { return false };
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
        let live = self.live_bytes().saturating_sub(if limited { 0 } else { requested });
        callback(&Pressure { requested, live, limit: self.budget.limit(), limited });
        true
    }

    fn allocation_error(&self, buffer: BufferLabel, requested: u64, fault: Fault) -> Error {
        if !fault.is_out_of_memory() {
            return fault.into();
        }
        let (largest_free, _) = self.free_pieces();
        Error::OutOfMemory {
            buffer,
            requested,
            live: self.live_bytes(),
            retired: self.retired_bytes(),
            kept: self.retained_bytes(),
            largest_free,
            free: self.backend.memory_info().ok().and_then(|info| info.free),
        }
    }

    /// Takes a block from its owner. Never waits, and asks the driver for nothing but whether pending uses are done.
    pub(crate) fn retire(&self, mut block: Block<B>) {
        let uses = block.uses.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(uses) = uses else { return self.put_back(block) };
        let Uses { mut pending, unknown } = *uses;
        let past = match unknown {
            Some(fault) => Err(fault),
            None => self.forget_past(&mut pending),
        };
        match past {
            Err(fault) => {
                self.lose(block, fault);
                self.log_losses();
            }
            Ok(()) if pending.is_empty() => self.put_back(block),
            Ok(()) => self.store.parking.park(block, pending),
        }
    }

    /// Forgets the uses that are past. A fault when the device has failed, so that it cannot be told which are; where it
    /// only refuses to answer, they stay.
    fn forget_past(&self, pending: &mut Vec<(u64, B::Event)>) -> Result<(), Fault> {
        let mut result = Ok(());
        pending.retain(|(_, event)| match self.backend.is_done(event) {
            Ok(done) => !done,
            Err(fault) => {
                if fault.is_failure() {
                    result = Err(fault);
                }
                true
            }
        });
        result
    }

    /// Keeps a block that only the compute lane may still use.
    pub(crate) fn put_back(&self, block: Block<B>) {
        let Block { memory, offset, charge, home, noted, .. } = block;
        self.note(noted, Noted::default());
        let mut cache = self.store.caches.mine();
        if charge.bytes() > 0 {
            cache.discharge(&self.budget, charge);
        }
        cache.counts.frees += 1;
        let mut surplus = Evicted::none();
        match home {
            Origin::Pool { node, class } => {
                surplus.small = cache.put_small(class, Free { memory, offset, node });
            }
            Origin::Segment(segment) => surplus.large.extend(cache.put_large(segment)),
        }
        drop(cache);
        self.keep(surplus);
    }

    /// Gives a block up whose uses cannot be waited for.
    pub(crate) fn lose(&self, mut block: Block<B>, fault: Fault) {
        self.discharge(block.charge.take());
        self.note(block.noted, Noted::default());
        self.store.caches.mine().counts.frees += 1;
        let held = match block.home {
            Origin::Pool { node, .. } => {
                self.store.state().spoil(node);
                block.bytes
            }
            Origin::Segment(_) => {
                self.store.lost_segments.fetch_add(block.mapped() as u64, Ordering::Relaxed);
                block.mapped()
            }
        };
        self.store.lost.fetch_add(held as u64, Ordering::Relaxed);
        self.lost(block.bytes, fault);
        // Handles do nothing when they are dropped: this is the leak.
        drop(block);
    }
}
