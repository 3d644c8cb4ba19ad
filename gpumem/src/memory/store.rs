//! What a device keeps behind the thread caches: slabs and the pieces of them, free segments, and blocks that other lanes
//! still use.
//!
//! A *segment* is a piece of the driver's memory (see `physical`). A block of more than [`POOLED`](super::size::POOLED) bytes is a
//! segment by itself; smaller ones are pieces of *slabs*, which are segments too. A segment that comes free stays as it is and
//! serves the next block, or slab, that fits ([`Kept`]); `compose` makes one where none does.
//!
//! Memory is taken from the driver and given back outside the lock: a drop on another thread never stands behind that. Under it the
//! driver is asked only whether events are past, and for new ones.

use super::cache::{Caches, Free, Surplus};
use super::core::Core;
use super::epochs::{Epoch, Epochs};
use super::heap::{Heap, Piece};
use super::kept::{Entry, Kept};
use super::lock;
use super::parking::Parking;
use super::physical::{Physical, Segment};
use super::size::Class;
use crate::backend::{Backend, Fault};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// The largest slab.
const SLAB: usize = 32 << 20;

/// Pieces of up to so many bytes in all are taken at a time.
const BATCH: usize = 64 << 10;

pub(super) struct Store<B: Backend> {
    pub(super) physical: Physical,
    pub(super) caches: Caches<B>,
    /// Bytes of blocks that were lost, and with them are still held.
    pub(super) lost: AtomicU64,
    /// Those of them that are segments.
    pub(super) lost_segments: AtomicU64,
    /// Bytes by which the segments of live blocks are larger than these, beyond rounding.
    pub(super) waste: AtomicI64,
    /// Bytes of the segments of all blocks, for [`Core::audit`].
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(super) lent: AtomicU64,
    /// What the driver had given when it last had no more; see [`Core::note_full`].
    pub(super) ceiling: AtomicU64,
    pub(super) parking: Parking<B>,
    state: Mutex<State<B>>,
    /// Held while memory is on its way back to the driver, so that nobody finds it neither kept nor to be had.
    giving_back: Mutex<()>,
}

pub(super) struct State<B: Backend> {
    pub(super) heap: Heap,
    pub(super) slabs: Vec<Option<Slab<B>>>,
    /// Bytes of all slabs.
    slab_bytes: usize,
    pub(super) kept: Kept<B>,
    pub(super) epochs: Epochs<B>,
}

pub(super) struct Slab<B: Backend> {
    pub(super) segment: Box<Segment<B>>,
    /// Its first piece, which is all of it when it is free.
    first: u32,
    /// Since when all of it is free; meaningless when it is not.
    pub(super) whole: (Epoch, Option<Instant>),
    /// Something may use a piece of it for good, so it never goes back.
    spoiled: bool,
}

/// What a segment is wanted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    /// Bytes of addresses, if it is known how large the block may become.
    pub(crate) reserve: Option<u64>,
    /// Its address is to stay as long as it grows up to there.
    pub(crate) stable: bool,
    /// Whether the application is asked to free something before this fails.
    pub(crate) ask: bool,
    /// Whether the block's bytes are charged already, to a block that it takes over from; see [`Block::take_charge_of`](super::Block::take_charge_of).
    pub(crate) prepaid: bool,
}

impl Default for Want {
    fn default() -> Self {
        Self { reserve: None, stable: false, ask: true, prepaid: false }
    }
}

impl<B: Backend> Store<B> {
    pub(super) fn new(backend: &B) -> Self {
        Self {
            physical: Physical::new(backend),
            caches: Caches::new(),
            lost: AtomicU64::new(0),
            lost_segments: AtomicU64::new(0),
            waste: AtomicI64::new(0),
            #[cfg(all(debug_assertions, feature = "testing"))]
            lent: AtomicU64::new(0),
            ceiling: AtomicU64::new(u64::MAX),
            parking: Parking::new(),
            giving_back: Mutex::new(()),
            state: Mutex::new(State {
                heap: Heap::new(),
                slabs: Vec::new(),
                slab_bytes: 0,
                kept: Kept::new(),
                epochs: Epochs::new(),
            }),
        }
    }

    /// All that nobody owns, at the end of the device: every slab that can be given back, and every kept segment.
    pub(super) fn all_segments(&self) -> Vec<Box<Segment<B>>> {
        let mut state = self.state();
        let slabs = std::mem::take(&mut state.slabs).into_iter().flatten();
        let slabs = slabs.filter(|slab| !slab.spoiled).map(|slab| slab.segment);
        slabs.chain(state.kept.take_surplus(0, |_| true)).collect()
    }

    /// Keeps others from giving back meanwhile. Who may not wait does not: the holder may wait for the device.
    pub(super) fn giving_back(&self, may_wait: bool) -> Option<MutexGuard<'_, ()>> {
        if may_wait { Some(lock(&self.giving_back)) } else { self.giving_back.try_lock().ok() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State<B>> {
        lock(&self.state)
    }
}

impl<B: Backend> State<B> {
    /// Gives a piece back to its slab.
    pub(super) fn put_piece(&mut self, node: u32, since: Option<Instant>) {
        if let Some(slab) = self.heap.give_back(node) {
            let epoch = self.epochs.current();
            if let Some(Some(slab)) = self.slabs.get_mut(slab as usize) {
                slab.whole = (epoch, since);
            }
        }
    }

    pub(super) fn keep(&mut self, segment: Box<Segment<B>>, since: Option<Instant>) {
        let epoch = self.epochs.current();
        self.kept.put(Entry { segment, epoch, since });
    }

    /// A piece of a slab as a block that nobody owns.
    fn free(&self, piece: Piece) -> Option<Free<B>> {
        let slab = self.slabs.get(piece.slab as usize)?.as_ref()?;
        Some(Free { memory: slab.segment.memory().clone(), offset: piece.offset, node: piece.node })
    }

    /// Takes pieces of a class: one, and some more of small ones.
    fn take_pieces(&mut self, class: Class, thorough: bool) -> Vec<Free<B>> {
        let count = (BATCH / class.bytes()).clamp(1, 32);
        let mut pieces = Vec::with_capacity(count);
        while pieces.len() < count {
            let Some(free) = self.heap.take(class.bytes(), thorough).and_then(|piece| self.free(piece))
            else {
                break;
            };
            pieces.push(free);
        }
        pieces
    }

    /// Gives a piece up for good, and with it the slab.
    pub(super) fn spoil(&mut self, node: u32) {
        let slab = self.heap.slab_of(node) as usize;
        if let Some(Some(slab)) = self.slabs.get_mut(slab) {
            slab.spoiled = true;
        }
    }

    fn add_slab(&mut self, segment: Box<Segment<B>>, since: Option<Instant>) {
        let bytes = segment.mapped().min(SLAB * 2);
        self.slab_bytes += segment.mapped();
        let index = self.slabs.iter().position(Option::is_none).unwrap_or(self.slabs.len());
        #[allow(clippy::cast_possible_truncation)] // as many slabs would hold more than any device
        let first = self.heap.add(index as u32, bytes);
        let slab = Some(Slab { segment, first, whole: (self.epochs.current(), since), spoiled: false });
        match self.slabs.get_mut(index) {
            Some(place) => *place = slab,
            None => self.slabs.push(slab),
        }
    }

    /// Makes kept segments of the slabs all of which is free.
    pub(super) fn dissolve_slabs(&mut self) {
        for place in &mut self.slabs {
            let Some(slab) = place.take_if(|slab| self.heap.is_whole(slab.first)) else { continue };
            let Slab { segment, first, whole: (epoch, since), .. } = slab;
            self.heap.remove_slab(first);
            self.slab_bytes -= segment.mapped();
            self.kept.put(Entry { segment, epoch, since });
        }
    }

    /// Bytes of all slabs.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(super) fn slab_bytes(&self) -> u64 {
        let counted: usize = self.slabs.iter().flatten().map(|slab| slab.segment.mapped()).sum();
        assert_eq!(counted, self.slab_bytes);
        counted as u64
    }
}

impl<B: Backend> Core<B> {
    /// A pooled block, and whether it was there already.
    pub(super) fn obtain_piece(&self, class: Class) -> Result<(Free<B>, bool), Fault> {
        let mut flushed = false;
        let mut reused = true;
        loop {
            self.sweep_some_parked();
            let (mut pieces, slabs) = {
                let mut state = self.store.state();
                (state.take_pieces(class, flushed), state.slab_bytes)
            };
            if let Some(free) = pieces.pop() {
                if !pieces.is_empty() {
                    self.cache_pieces(class, pieces);
                }
                return Ok((free, reused));
            }
            let unit = self.store.physical.unit();
            // At least one block.
            let unit = class.bytes().next_multiple_of(unit);
            // A thirty-second part of what there is, so that many small buffers make few slabs and few make small ones. Small slabs where the
            // slack is used up would only make more gaps.
            let size = (slabs / 32).next_multiple_of(unit).clamp(unit, SLAB.max(unit));
            if self.surplus(size) > 0 && !flushed {
                flushed = true;
                self.flush();
                continue;
            }
            let size = if self.passes_limit(size) { unit } else { size };
            let want = |bytes: usize| Want { reserve: Some(bytes as u64), ask: false, ..Want::default() };
            let slab = match self.obtain_segment(size, want(size)) {
                Err(Fault::OutOfMemory) if size > unit => self.obtain_segment(unit, want(unit)),
                other => other,
            };
            let (segment, was_there) = slab?;
            reused = was_there;
            let since = self.settings.now();
            self.store.state().add_slab(segment, since);
        }
    }

    fn cache_pieces(&self, class: Class, pieces: Vec<Free<B>>) {
        let mut cache = self.store.caches.mine();
        let small = pieces.into_iter().flat_map(|free| cache.put_small(class, free)).collect();
        drop(cache);
        self.keep(Surplus { small, large: Vec::new() });
    }
}

#[cfg(test)]
mod tests {
    use crate::{Buffer, Device};
    use std::sync::mpsc;
    use std::time::Duration;

    // Its memory was looked for in chunks, of which it has none, for ever.
    #[test]
    fn a_plain_segment_makes_way() {
        let device = Device::builder().memory_limit(32 << 20).host().unwrap();
        let core = device.core().clone();
        // What there is where addresses are limited.
        let plain = core.store.physical.plain(&*core.backend, 20 << 20).unwrap();
        core.store.state().keep(Box::new(plain), None);
        let (send, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let made = Buffer::<u8>::with_capacity(&device, "buffer", 30 << 20).map(drop);
            send.send(made).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(10)).expect("it never ends").unwrap();
        assert_eq!(core.store.physical.held(), 30 << 20);
    }

    // Lost pinned memory, which is not held, was subtracted from what is.
    #[test]
    fn what_is_lost_and_not_held_leaves_what_is_kept() {
        let device = Device::host();
        let core = device.core();
        drop(Buffer::<u8>::with_capacity(&device, "buffer", 8 << 20).unwrap());
        core.ledger.counters.lost(6 << 20);
        assert_eq!((core.kept_bytes(), core.stats().kept_bytes), (8 << 20, 8 << 20));
    }
}
