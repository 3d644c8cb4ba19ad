//! Taking blocks and giving them back; what happens when there is no more.
//!
//! The usual way is short: the thread's cache has budget and a block ([`Core::allocate`]), and takes them back
//! ([`Core::retire`]). Everything else is here too, in the order in which it is tried: the budget that other caches keep,
//! memory that other lanes still use, a piece of a slab or a kept segment, the driver; and when that is out of memory, all
//! that is kept goes back to it before one more attempt, and after that the application is asked
//! ([`DeviceBuilder::on_pressure`](crate::DeviceBuilder::on_pressure)) before the last.

use super::block::{Block, Home, Uses};
use super::cache::{Cache, Free, Surplus};
use super::core::Core;
use super::latch::Guard;
use super::size::{Class, POOLED, whole};
use super::store::{Parked, Want};
use crate::backend::{Backend, Fault};
use crate::error::{BufferLabel, Error};
use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

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

/// A part of the device's limit that is taken for memory which no block has yet. Dropping it gives it back.
pub(crate) struct Charge<B: Backend> {
    core: Arc<Core<B>>,
    bytes: u64,
}

/// A charge that goes back unless it is forgotten.
struct Charged<'a, B: Backend> {
    core: &'a Core<B>,
    bytes: u64,
}

impl<B: Backend> Drop for Charged<'_, B> {
    fn drop(&mut self) {
        self.core.discharge(self.bytes);
    }
}

impl<B: Backend> Drop for Charge<B> {
    fn drop(&mut self) {
        self.core.discharge(self.bytes);
    }
}

impl<B: Backend> Core<B> {
    /// Takes device memory for `label`, within the device's limit.
    pub(crate) fn allocate(&self, label: BufferLabel, bytes: usize, want: Want) -> Result<Block<B>, Error> {
        if bytes > POOLED || want.stable {
            return self.allocate_segment(label, bytes, want);
        }
        let class = Class::of(bytes);
        let price = if want.prepaid { 0 } else { bytes as u64 };
        let (mut cache, used) = self.charge(label, price, want.ask)?;
        if !self.backend.is_tested()
            && let Some(free) = cache.take_small(class)
        {
            cache.counts.allocations += 1;
            cache.counts.reused += 1;
            drop(cache);
            self.raise_peak(used);
            let home = Home::Pool { node: free.node, class };
            return Ok(Block::new(free.memory, free.offset, bytes, home));
        }
        drop(cache);
        let (free, reused) = self.slowly(label, (bytes, price), want.ask, || self.obtain_piece(class))?;
        self.raise_peak(used);
        self.count_allocation(reused);
        Ok(Block::new(free.memory, free.offset, bytes, Home::Pool { node: free.node, class }))
    }

    fn allocate_segment(&self, label: BufferLabel, bytes: usize, want: Want) -> Result<Block<B>, Error> {
        let too_much = || Error::SizeOverflow { buffer: label, elements: bytes, element_size: 1 };
        let (mapped, reserved) = self.extent(bytes, want).ok_or_else(too_much)?;
        let price = if want.prepaid { 0 } else { bytes as u64 };
        let (mut cache, used) = self.charge(label, price, want.ask)?;
        let cached = if self.backend.is_tested() { None } else { cache.take_large(mapped, reserved) };
        if cached.is_some() {
            cache.counts.allocations += 1;
            cache.counts.reused += 1;
        }
        drop(cache);
        let segment = match cached {
            Some(segment) => segment,
            None => {
                let obtain = || self.obtain_segment(mapped, want);
                let (segment, reused) = self.slowly(label, (bytes, price), want.ask, obtain)?;
                self.count_allocation(reused);
                segment
            }
        };
        self.raise_peak(used);
        let block = Block::new(segment.memory().clone(), 0, bytes, Home::Segment(segment));
        self.note_waste(0, block.waste(self.store.physical.unit()));
        Ok(block)
    }

    /// Makes a block larger where it is, for `bytes` in all: `None` where it cannot grow. The memory is there when this
    /// returns, and becomes the block's with [`Core::enlarge`].
    pub(crate) fn grow(
        self: &Arc<Self>,
        block: &mut Block<B>,
        label: BufferLabel,
        bytes: usize,
        ask: bool,
    ) -> Result<Option<Charge<B>>, Error> {
        let more = bytes.saturating_sub(block.bytes);
        let unit = self.store.physical.unit();
        let waste = block.waste(unit);
        let segment = match &mut block.home {
            Home::Pool { class, .. } if bytes <= class.bytes() => None,
            Home::Pool { .. } => return Ok(None),
            Home::Segment(segment) => Some(segment),
        };
        let mapped = whole(bytes, unit);
        let mut fill = match (segment, mapped) {
            (None, _) => None,
            (Some(segment), Some(mapped)) if mapped <= segment.reserved() => Some((segment, mapped)),
            _ => return Ok(None),
        };
        let (_, used) = self.charge(label, more as u64, ask)?;
        self.slowly(label, (more, more as u64), ask, || match &mut fill {
            Some((segment, mapped)) if *mapped > segment.mapped() => self.fill_segment(segment, *mapped),
            _ => Ok(()),
        })?;
        self.raise_peak(used);
        self.note_waste(waste, block.waste(unit));
        Ok(Some(Charge { core: self.clone(), bytes: more as u64 }))
    }

    /// Gives a block the memory that [`Core::grow`] has made room for.
    pub(crate) fn enlarge(&self, block: &mut Block<B>, mut charge: Charge<B>) {
        let more = std::mem::take(&mut charge.bytes);
        let unit = self.store.physical.unit();
        let waste = block.waste(unit);
        block.bytes += usize::try_from(more).unwrap_or(usize::MAX);
        self.note_waste(waste, block.waste(unit));
    }

    /// Lets the charge of a smaller block that was taken `prepaid` be a part of the charge of the block that it replaces.
    pub(crate) fn take_over(&self, old: &mut Block<B>, new: &Block<B>) {
        let unit = self.store.physical.unit();
        let waste = old.waste(unit);
        old.bytes = old.bytes.saturating_sub(new.bytes);
        self.note_waste(waste, old.waste(unit));
    }

    /// Makes a block smaller where it is, if it is a segment, and gives back the chunks behind. Keeps the calling thread
    /// until nobody uses the block. Returns whether it was done: it is not where chunks are in the way that are much larger than
    /// what is to be left, unless the block `stays` where it is in any case.
    pub(crate) fn shrink(&self, block: &mut Block<B>, bytes: usize, stays: bool) -> Result<bool, Error> {
        let unit = self.store.physical.unit();
        let mapped = whole(bytes, unit).unwrap_or(usize::MAX);
        match &block.home {
            Home::Pool { .. } => return Ok(false),
            Home::Segment(segment) => {
                let too_much = segment.stripped_to(mapped) - mapped.min(segment.mapped());
                if !stays && too_much > (mapped / 8).max(unit) {
                    return Ok(false);
                }
            }
        }
        block.wait_until_unused(self).map_err(Error::from_fault::<B>)?;
        let waste = block.waste(unit);
        if let Home::Segment(segment) = &mut block.home {
            // SAFETY: the block is borrowed mutably and was waited for, so nothing touches it (rule 2).
            unsafe { self.strip_to(segment, mapped) };
        }
        let less = block.bytes.saturating_sub(bytes);
        block.bytes -= less;
        self.note_waste(waste, block.waste(unit));
        self.discharge(less as u64);
        Ok(true)
    }

    /// Takes `bytes` of the limit. Returns the thread's cache, locked; and what is used then where that may be more than ever, which
    /// becomes the peak when the memory is there.
    #[inline]
    fn charge(&self, label: BufferLabel, bytes: u64, ask: bool) -> Result<(Guard<'_, Cache<B>>, u64), Error> {
        let mut cache = self.store.caches.mine();
        if cache.charge(&self.budget, bytes) {
            return Ok((cache, 0));
        }
        drop(cache);
        let used = self.charge_slowly(label, bytes, ask)?;
        Ok((self.store.caches.mine(), used))
    }

    /// Notes what was used at the end of [`Core::charge`], less what does not live any more.
    fn raise_peak(&self, used: u64) {
        if used > self.budget.peak() {
            self.budget.raise_peak(used.saturating_sub(self.retired_bytes()));
        }
    }

    /// Runs `obtain`, and again where memory could be found for its `bytes`. The `price` is charged, and is not any more after an error.
    fn slowly<R>(
        &self,
        label: BufferLabel,
        (bytes, price): (usize, u64),
        ask: bool,
        mut obtain: impl FnMut() -> Result<R, Fault>,
    ) -> Result<R, Error> {
        let requested = bytes as u64;
        // Given back whatever happens, a panic of the application's callback included.
        let charge = Charged { core: self, bytes: price };
        let mut obtain = || {
            self.backend.before_block()?;
            obtain()
        };
        let mut result = obtain();
        if matches!(result, Err(Fault::OutOfMemory)) {
            self.reclaim();
            result = obtain();
        }
        if ask && matches!(result, Err(Fault::OutOfMemory)) && self.relieve(requested, false) {
            self.reclaim();
            result = obtain();
        }
        self.shed_what_is_too_much();
        match result {
            Ok(obtained) => {
                std::mem::forget(charge);
                Ok(obtained)
            }
            Err(fault) => {
                drop(charge);
                Err(self.allocation_error(label, requested, fault))
            }
        }
    }

    /// Takes `bytes` of the limit when the thread's cache has not enough, or the peak would be raised. Returns what is used then.
    fn charge_slowly(&self, buffer: BufferLabel, requested: u64, ask: bool) -> Result<u64, Error> {
        if let Some(used) = self.charge_or_wait(requested) {
            return Ok(used);
        }
        if ask
            && self.relieve(requested, true)
            && let Some(used) = self.charge_or_wait(requested)
        {
            return Ok(used);
        }
        let (used, limit) = (self.budget.used(), self.budget.limit());
        Err(Error::DeviceLimit { buffer, requested, used, limit })
    }

    /// Takes `bytes` of the limit, and waits for dropped blocks that other lanes use as long as there are any and it is not enough.
    fn charge_or_wait(&self, bytes: u64) -> Option<u64> {
        let attempt = || self.store.caches.collect_and_take(&self.budget, bytes);
        loop {
            if let Some(used) = attempt() {
                return Some(used);
            }
            {
                // While this is locked nothing is parked or comes back from there, so this attempt is the last word.
                let state = self.store.state();
                if state.parked.is_empty() {
                    return attempt();
                }
            }
            if !self.backend.may_wait() {
                self.sweep_parked();
                return attempt();
            }
            self.wait_for_parked();
        }
    }

    pub(super) fn discharge(&self, bytes: u64) {
        if bytes > 0 {
            self.store.caches.mine().discharge(&self.budget, bytes);
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
        match fault {
            Fault::OutOfMemory => {
                let (largest_free, _) = self.free_pieces();
                Error::OutOfMemory {
                    buffer,
                    requested,
                    live: self.live_bytes(),
                    retired: self.retired_bytes(),
                    kept: self.kept_bytes(),
                    largest_free,
                    free: self.backend.memory_info().ok().and_then(|info| info.free),
                }
            }
            fault => Error::from_fault::<B>(fault),
        }
    }

    /// Takes a block from its owner. Never waits, and asks the driver for nothing but whether pending uses are done.
    pub(crate) fn retire(&self, mut block: Block<B>) {
        let uses = block.uses.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(uses) = uses else { return self.put_back(block) };
        let Uses { pending, unknown } = *uses;
        if let Some(fault) = unknown {
            return self.lose(block, &fault);
        }
        let mut pending = pending.into_iter().map(|(_, event)| event).collect();
        match self.forget_past(&mut pending) {
            Err(fault) => self.lose(block, &fault),
            Ok(()) if pending.is_empty() => self.put_back(block),
            Ok(()) => {
                let mut state = self.store.state();
                state.parked_bytes += block.bytes as u64;
                state.parked.push(Parked { block, pending });
            }
        }
    }

    /// Keeps a block that only the compute lane may still use.
    fn put_back(&self, block: Block<B>) {
        self.put_back_charged(block, true);
    }

    /// Keeps a block, which may be charged no more.
    pub(super) fn put_back_charged(&self, block: Block<B>, charged: bool) {
        self.note_waste(block.waste(self.store.physical.unit()), 0);
        let Block { memory, offset, bytes, home, .. } = block;
        let mut cache = self.store.caches.mine();
        if charged {
            cache.discharge(&self.budget, bytes as u64);
        }
        cache.counts.frees += 1;
        let mut surplus = Surplus::none();
        match home {
            Home::Pool { node, class } => {
                surplus.small = cache.put_small(class, Free { memory, offset, node });
            }
            Home::Segment(segment) => surplus.large.extend(cache.put_large(segment)),
        }
        drop(cache);
        self.keep(surplus);
    }

    /// Gives a block up whose uses cannot be waited for.
    pub(super) fn lose(&self, block: Block<B>, fault: &Fault) {
        self.discharge(block.bytes as u64);
        self.lose_uncharged(block, fault);
    }

    /// As [`Core::lose`], for a block that is not charged any more.
    pub(super) fn lose_uncharged(&self, block: Block<B>, fault: &Fault) {
        self.note_waste(block.waste(self.store.physical.unit()), 0);
        self.store.caches.mine().counts.frees += 1;
        self.store.lost.fetch_add(block.bytes as u64, Ordering::Relaxed);
        if let Home::Pool { node, .. } = block.home {
            self.store.state().spoil(node);
        }
        // Handles do nothing when they are dropped: this is the leak.
        let bytes = block.bytes;
        drop(block);
        self.lost(bytes, fault);
    }
}
