//! What a device keeps behind the thread caches: slabs and the pieces of them, free segments, and blocks that other lanes
//! still use.
//!
//! A *segment* is a piece of the driver's memory (see `physical`). A block of more than [`POOLED`](super::size::POOLED) bytes is a
//! segment by itself; smaller ones are pieces of *slabs*, which are segments too. A segment that comes free stays as it is and
//! serves the next block, or slab, that fits ([`FreeSegments`]); `compose` makes one where none does.
//!
//! Memory is taken from the driver and given back outside the lock: a drop on another thread never stands behind that. Under it the
//! driver is asked only whether events are past, and for new ones.

use super::cache::{Caches, Evicted, Free};
use super::size::Class;
use super::tlsf::{Piece, Tlsf};
use crate::backend::{Backend, Fault};
use crate::memory::device_state::DeviceState;
use crate::memory::lock;
use crate::memory::pool::epochs::{Epoch, Epochs};
use crate::memory::pool::free_segments::{FreeSegment, FreeSegments};
use crate::memory::pool::parking::Parking;
use crate::memory::pool::physical::{Physical, Segment};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// The largest slab.
const SLAB: usize = 32 << 20;

/// Pieces of up to so many bytes in all are taken at a time.
const BATCH: usize = 64 << 10;

pub(crate) struct Store<B: Backend> {
    pub(crate) physical: Physical,
    pub(crate) caches: Caches<B>,
    /// Bytes of blocks that were lost, and with them are still held.
    pub(crate) lost: AtomicU64,
    /// Those of them that are segments.
    pub(crate) lost_segments: AtomicU64,
    /// Bytes by which the segments of live blocks are larger than these, beyond rounding.
    pub(crate) waste: AtomicI64,
    /// Bytes of the segments of all blocks, for [`DeviceState::audit`].
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) lent: AtomicU64,
    /// What the driver had given when it last had no more; see [`DeviceState::note_full`].
    pub(crate) ceiling: AtomicU64,
    pub(crate) parking: Parking<B>,
    state: Mutex<State<B>>,
    /// Held while memory is on its way back to the driver, so that nobody finds it neither kept nor to be had.
    giving_back: Mutex<()>,
}

pub(crate) struct State<B: Backend> {
    pub(crate) heap: Tlsf,
    pub(crate) slabs: Vec<Option<Slab<B>>>,
    /// Bytes of all slabs.
    slab_bytes: usize,
    pub(crate) kept: FreeSegments<B>,
    pub(crate) epochs: Epochs<B>,
}

pub(crate) struct Slab<B: Backend> {
    pub(crate) segment: Box<Segment<B>>,
    /// Its first piece, which is all of it when it is free.
    first: u32,
    /// Since when all of it is free; meaningless when it is not.
    pub(crate) whole: (Epoch, Option<Instant>),
    /// Something may use a piece of it for good, so it never goes back.
    spoiled: bool,
}

/// What a segment is wanted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllocRequest {
    /// Bytes of addresses, if it is known how large the block may become.
    pub(crate) reserve: Option<u64>,
    /// Its address is to stay as long as it grows up to there.
    pub(crate) stable: bool,
    /// Whether the application is asked to free something before this fails.
    pub(crate) ask: bool,
    /// Whether the block's bytes are charged already, to a block that it takes over from; see [`Block::take_charge_of`](crate::memory::Block::take_charge_of).
    pub(crate) prepaid: bool,
}

impl Default for AllocRequest {
    fn default() -> Self {
        Self { reserve: None, stable: false, ask: true, prepaid: false }
    }
}

impl<B: Backend> Store<B> {
    pub(crate) fn new(backend: &B) -> Self {
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
                heap: Tlsf::new(),
                slabs: Vec::new(),
                slab_bytes: 0,
                kept: FreeSegments::new(),
                epochs: Epochs::new(),
            }),
        }
    }

    /// All that nobody owns, at the end of the device: every slab that can be given back, and every kept segment.
    pub(crate) fn all_segments(&self) -> Vec<Box<Segment<B>>> {
        let mut state = self.state();
        let slabs = std::mem::take(&mut state.slabs).into_iter().flatten();
        let slabs = slabs.filter(|slab| !slab.spoiled).map(|slab| slab.segment);
        slabs.chain(state.kept.take_surplus(0, |_| true)).collect()
    }

    /// Keeps others from giving back meanwhile. Who may not wait does not: the holder may wait for the device.
    pub(crate) fn giving_back(&self, may_wait: bool) -> Option<MutexGuard<'_, ()>> {
        if may_wait { Some(lock(&self.giving_back)) } else { self.giving_back.try_lock().ok() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State<B>> {
        lock(&self.state)
    }
}

impl<B: Backend> State<B> {
    /// Gives a piece back to its slab.
    pub(crate) fn put_piece(&mut self, node: u32, since: Option<Instant>) {
        if let Some(slab) = self.heap.give_back(node) {
            let epoch = self.epochs.current();
            if let Some(Some(slab)) = self.slabs.get_mut(slab as usize) {
                slab.whole = (epoch, since);
            }
        }
    }

    pub(crate) fn keep(&mut self, segment: Box<Segment<B>>, since: Option<Instant>) {
        let epoch = self.epochs.current();
        self.kept.put(FreeSegment { segment, epoch, since });
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
    pub(crate) fn spoil(&mut self, node: u32) {
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
    pub(crate) fn dissolve_slabs(&mut self) {
        for place in &mut self.slabs {
            let Some(slab) = place.take_if(|slab| self.heap.is_whole(slab.first)) else { continue };
            let Slab { segment, first, whole: (epoch, since), .. } = slab;
            self.heap.remove_slab(first);
            self.slab_bytes -= segment.mapped();
            self.kept.put(FreeSegment { segment, epoch, since });
        }
    }

    /// Bytes of all slabs.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn slab_bytes(&self) -> u64 {
        let counted: usize = self.slabs.iter().flatten().map(|slab| slab.segment.mapped()).sum();
        assert_eq!(counted, self.slab_bytes);
        counted as u64
    }
}

impl<B: Backend> DeviceState<B> {
    /// A pooled block, and whether it was there already.
    pub(crate) fn obtain_piece(&self, class: Class) -> Result<(Free<B>, bool), Fault> {
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
            // overhead is used up would only make more gaps.
            let size = (slabs / 32).next_multiple_of(unit).clamp(unit, SLAB.max(unit));
            if self.surplus(size) > 0 && !flushed {
                flushed = true;
                self.flush();
                continue;
            }
            let size = if self.passes_limit(size) { unit } else { size };
            let want = |bytes: usize| AllocRequest {
                reserve: Some(bytes as u64),
                ask: false,
                ..AllocRequest::default()
            };
            let slab = match self.obtain_segment(size, want(size)) {
                Err(fault) if fault.is_out_of_memory() && size > unit => {
                    self.obtain_segment(unit, want(unit))
                }
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
        self.keep(Evicted { small, large: Vec::new() });
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
        let state = device.state().clone();
        // What there is where addresses are limited.
        let plain = state.store.physical.plain(&*state.backend, 20 << 20).unwrap();
        state.store.state().keep(Box::new(plain), None);
        let (send, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let made = Buffer::<u8>::with_capacity(&device, "buffer", 30 << 20).map(drop);
            send.send(made).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(10)).expect("it never ends").unwrap();
        assert_eq!(state.store.physical.held(), 30 << 20);
    }

    // Lost pinned memory, which is not held, was subtracted from what is.
    #[test]
    fn what_is_lost_and_not_held_leaves_what_is_kept() {
        let device = Device::host();
        let state = device.state();
        drop(Buffer::<u8>::with_capacity(&device, "buffer", 8 << 20).unwrap());
        state.ledger.counters.lost(6 << 20);
        assert_eq!((state.retained_bytes(), state.stats().retained_bytes), (8 << 20, 8 << 20));
    }
}
