//! Taking memory out of the pool: blocks, and more memory for blocks that grow where they are.
//!
//! A request goes the fast path through the thread's cache ([`DevicePool::take_ready`]), or takes two steps:
//! a [`Reservation`] of its bytes within the limit, and then the memory, from the cache again, from slabs and
//! free segments, or `assemble`d.

mod assemble;
mod growth;
mod watermark;

pub(crate) use self::growth::InPlaceGrowth;
pub(super) use self::watermark::Ceiling;

use self::assemble::Assembler;
use self::watermark::Watermark;
use super::DevicePool;
use super::block::{Block, Origin};
use super::budget::Charge;
use super::segments::{Segment, whole};
use super::small::{Class, Evicted, FreePiece, LARGEST_SMALL, SLAB};
use crate::backend::{Backend, Fault};

/// A request for a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllocRequest {
    /// Bytes of addresses, where the caller knows how large the block may become.
    pub(crate) addresses: Option<u64>,
    /// Whether the block's address is to stay as long as it grows up to there.
    pub(crate) stable: bool,
    /// Whether the application is asked to free something before the request fails.
    pub(crate) ask: bool,
    /// Whether the bytes are charged already, to a block that this one replaces; see
    /// [`Block::take_charge_of`].
    pub(crate) prepaid: bool,
}

impl Default for AllocRequest {
    fn default() -> Self {
        Self { addresses: None, stable: false, ask: true, prepaid: false }
    }
}

impl AllocRequest {
    /// Bytes that a block of `bytes` takes from the budget.
    pub(crate) fn price(&self, bytes: usize) -> u64 {
        if self.prepaid { 0 } else { bytes as u64 }
    }

    /// Whether a block of `bytes` is a piece of a slab.
    pub(crate) fn is_small(&self, bytes: usize) -> bool {
        bytes <= LARGEST_SMALL && !self.stable
    }
}

/// The result of the fast path.
pub(crate) enum Ready<'a, B: Backend> {
    Block(Block<B>),
    /// The cache has no memory that fits.
    Charge(Reservation<'a, B>),
    /// The thread's own part of the budget does not suffice.
    Nothing,
}

/// Memory for a block that has no owner yet.
pub(crate) enum BlockMemory<B: Backend> {
    Piece(FreePiece<B>, Class),
    Segment(Box<Segment<B>>),
}

/// A charge for memory that is on its way. It goes back to the budget unless a block gets it, whatever
/// happens: a panic of the application's pressure callback included.
#[must_use]
pub(crate) struct Reservation<'a, B: Backend> {
    pool: &'a DevicePool<B>,
    charge: Charge,
    /// Bytes that are used with it, where these may be more than ever. They become the peak when the memory
    /// is there.
    used: u64,
}

impl<B: Backend> Reservation<'_, B> {
    /// The charge, for a block whose memory is there.
    #[inline]
    fn into_charge(mut self) -> Charge {
        let budget = &self.pool.budget;
        if self.used > budget.peak() {
            // Retired bytes do not live any more.
            budget.raise_peak(self.used.saturating_sub(self.pool.parking.bytes()));
        }
        self.charge.take()
    }

    /// Adds the charge to that of a block whose growth has its memory.
    pub(crate) fn extend(self, block: &mut Block<B>) {
        block.charge.merge(self.into_charge());
    }

    /// The fast path again, for a reservation that was made after it had failed: a block from the calling
    /// thread's cache, or the reservation.
    pub(crate) fn take_ready(mut self, bytes: usize, request: AllocRequest) -> Result<Block<B>, Self> {
        let free = AllocRequest { prepaid: true, ..request };
        match self.pool.take_ready(bytes, free) {
            Ready::Block(mut block) => {
                block.charge.merge(self.into_charge());
                Ok(block)
            }
            Ready::Charge(nothing) => {
                self.charge.merge(nothing.into_charge());
                Err(self)
            }
            Ready::Nothing => Err(self),
        }
    }

    /// Makes a block of memory that was obtained for this reservation, and counts the allocation.
    #[inline]
    pub(crate) fn admit(self, memory: BlockMemory<B>, bytes: usize, reused: bool) -> Block<B> {
        let pool = self.pool;
        pool.caches.mine().counts.allocated(reused);
        let charge = self.into_charge();
        match memory {
            BlockMemory::Piece(FreePiece { memory, offset, node }, class) => {
                Block::new(memory, offset, bytes, charge, Origin::Slab { node, class })
            }
            BlockMemory::Segment(segment) => pool.segment_block(segment, bytes, charge),
        }
    }
}

impl<B: Backend> Drop for Reservation<'_, B> {
    fn drop(&mut self) {
        self.pool.discharge(self.charge.take());
    }
}

impl<B: Backend> DevicePool<B> {
    /// The fast path: a charge and a block from the calling thread's cache. Asks the driver for nothing.
    #[inline]
    pub(crate) fn take_ready(&self, bytes: usize, request: AllocRequest) -> Ready<'_, B> {
        let mut cache = self.caches.mine();
        let Some(charge) = cache.charge(&self.budget, request.price(bytes)) else { return Ready::Nothing };
        let reservation = |charge| Ready::Charge(Reservation { pool: self, charge, used: 0 });
        // Injected failures must reach every request.
        if self.backend.is_tested() {
            return reservation(charge);
        }
        if request.is_small(bytes) {
            let class = Class::of(bytes);
            let Some(FreePiece { memory, offset, node }) = cache.take_small(class) else {
                return reservation(charge);
            };
            return Ready::Block(Block::new(memory, offset, bytes, charge, Origin::Slab { node, class }));
        }
        let segment = self.extent(bytes, request).and_then(|size| cache.take_large(size));
        drop(cache);
        match segment {
            Some(segment) => Ready::Block(self.segment_block(segment, bytes, charge)),
            None => reservation(charge),
        }
    }

    fn segment_block(&self, segment: Box<Segment<B>>, bytes: usize, charge: Charge) -> Block<B> {
        let mut block = Block::new(segment.memory().clone(), 0, bytes, charge, Origin::Segment(segment));
        self.count_again(&mut block);
        block
    }

    /// Takes `bytes` of the limit. Waits for dropped blocks that other streams use as long as these are in
    /// the way; where `bytes` would not fit beside the live buffers either, it waits for nothing. `None`
    /// where they do not fit.
    pub(crate) fn reserve(&self, bytes: u64) -> Option<Reservation<'_, B>> {
        let reservation = |(charge, used)| Reservation { pool: self, charge, used };
        if let Some(charge) = self.caches.mine().charge(&self.budget, bytes) {
            return Some(reservation((charge, 0)));
        }
        let attempt = || self.caches.collect_and_take(&self.budget, bytes);
        loop {
            if let Ok(taken) = attempt() {
                return Some(reservation(taken));
            }
            match self.parking.standing_still(|parked| attempt().map_err(|used| used - parked)) {
                Ok(taken) => return Some(reservation(taken)),
                Err(lives) if bytes > self.budget.limit().saturating_sub(lives) => return None,
                Err(_) => {}
            }
            if !self.backend.may_wait() {
                self.sweep_parked();
                return attempt().ok().map(reservation);
            }
            self.wait_for_parked();
        }
    }

    /// Whether addresses for so many bytes exist at all.
    pub(crate) fn is_addressable(&self, bytes: usize) -> bool {
        bytes <= LARGEST_SMALL || whole(bytes, self.unit()).is_some()
    }

    /// Bytes of memory that a block takes: a piece of a slab, or a segment. `None` if no addresses for so
    /// many bytes exist.
    pub(super) fn memory_of(&self, bytes: usize, request: AllocRequest) -> Option<u64> {
        if !self.is_addressable(bytes) {
            return None;
        }
        let bytes =
            if request.is_small(bytes) { Class::of(bytes).bytes() } else { self.extent(bytes, request)?.0 };
        Some(bytes as u64)
    }

    /// Memory for a block of a reservation, and whether the driver was asked for nothing.
    pub(crate) fn obtain(
        &self,
        bytes: usize,
        request: AllocRequest,
    ) -> Result<(BlockMemory<B>, bool), Fault> {
        if request.is_small(bytes) {
            let class = Class::of(bytes);
            let (piece, reused) = self.obtain_piece(class)?;
            return Ok((BlockMemory::Piece(piece, class), reused));
        }
        let mapped = self.extent(bytes, request).map_or(usize::MAX, |(mapped, _)| mapped);
        let (segment, reused) = Assembler::new(self).obtain(mapped, request)?;
        Ok((BlockMemory::Segment(segment), reused))
    }

    /// Addresses that a segment of `mapped` bytes is to have: how many it must have, and how many it gets
    /// where it is new.
    ///
    /// More than the device has memory is of no use. Without a `max` a segment gets addresses for all of it,
    /// which cost nothing; but a free one with fewer is as good, unless the block is to stay where it is.
    fn addresses_for(&self, mapped: usize, request: AllocRequest) -> (usize, Option<usize>) {
        let unit = self.unit();
        let most = self.physical.most_addresses().max(mapped);
        let wanted = request.addresses.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let wanted = wanted.or(request.stable.then_some(most));
        // Without virtual memory a segment has addresses for its memory only.
        let wanted = wanted.filter(|_| request.stable || self.physical.has_virtual());
        let wanted = wanted.map(|bytes| whole(bytes, unit).unwrap_or(most).clamp(mapped, most));
        (wanted.unwrap_or(mapped), wanted)
    }

    /// The memory that the segment of a block of `bytes` is to have, and the addresses that it must have.
    fn extent(&self, bytes: usize, request: AllocRequest) -> Option<(usize, usize)> {
        let mapped = whole(bytes, self.unit())?;
        let (addresses, _) = self.addresses_for(mapped, request);
        // Without virtual memory a block that is to stay gets everything at once.
        let all = request.stable && !self.physical.has_virtual();
        Some((if all { addresses } else { mapped }, addresses))
    }

    /// A piece for a small block, from the slabs, and whether the driver was asked for nothing. More pieces
    /// go to the thread's cache.
    fn obtain_piece(&self, class: Class) -> Result<(FreePiece<B>, bool), Fault> {
        let mut flushed = false;
        let mut reused = true;
        loop {
            self.sweep_some_parked();
            let (mut pieces, slabs) = {
                let mut free = self.free();
                (free.slabs.take(class, flushed), free.slabs.bytes())
            };
            if let Some(piece) = pieces.pop() {
                self.cache_pieces(class, pieces);
                return Ok((piece, reused));
            }
            // At least one block.
            let unit = class.bytes().next_multiple_of(self.unit());
            // A thirty-second part of all slabs, so that many small buffers make few slabs and few make small
            // ones. Small slabs where the overhead is used up would only make more gaps.
            let size = (slabs / 32).next_multiple_of(unit).clamp(unit, SLAB.max(unit));
            let watermark = Watermark::of(self);
            if watermark.excess(size) > 0 && !flushed {
                flushed = true;
                self.flush();
                continue;
            }
            let size = if watermark.passes_limit(size) { unit } else { size };
            let slab = |bytes: usize| {
                let addresses = Some(bytes as u64);
                let request = AllocRequest { addresses, ask: false, ..AllocRequest::default() };
                Assembler::new(self).obtain(bytes, request)
            };
            let (segment, was_free) = match slab(size) {
                Err(fault) if fault.is_out_of_memory() && size > unit => slab(unit),
                other => other,
            }?;
            reused = was_free;
            let since = self.now();
            self.free().add_slab(segment, since);
        }
    }

    fn cache_pieces(&self, class: Class, pieces: Vec<FreePiece<B>>) {
        if pieces.is_empty() {
            return;
        }
        let mut cache = self.caches.mine();
        let small = pieces.into_iter().flat_map(|piece| cache.put_small(class, piece)).collect();
        drop(cache);
        self.put_evicted(Evicted { small, large: Vec::new() });
    }

    /// Notes that the driver has no more memory: from now on requests are assembled from free memory first.
    pub(crate) fn note_full(&self) {
        Watermark::of(self).set_ceiling();
    }
}
