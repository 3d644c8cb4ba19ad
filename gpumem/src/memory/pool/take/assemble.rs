//! Making a segment where no free one fits, from free segments and new memory of the driver.
//!
//! While the device is below its [`Watermark`], a request that nothing fits takes new memory from the driver,
//! which costs little. Above it the request is *assembled*: a free segment that is too small is made larger,
//! others are taken apart, their chunks are mapped after it where they fit or go back to the driver, and only
//! what is then missing is taken from the driver. So no memory is free and cannot be had. Only chunks are
//! taken apart that the compute stream has passed (`epochs`): an assembly waits for the device only where its
//! limit would otherwise be passed.

use super::AllocRequest;
use super::watermark::Watermark;
use crate::backend::{Backend, Fault};
use crate::memory::pool::DevicePool;
use crate::memory::pool::free_memory::FreeMemory;
use crate::memory::pool::segments::{Chunk, FreeSegment, Segment};

/// Chunks from this size on are mapped elsewhere rather than given back and taken anew. A smaller one costs
/// the driver less to give back (it takes 260 µs per GiB) than it costs to have it map and unmap many chunks
/// for good (35 µs each): on the random mix of `benches/memory` assembling became half as fast where all that
/// fitted was moved.
const MOVED: usize = 256 << 20;

/// A segment, and whether the driver was asked for nothing.
type Obtained<B> = (Box<Segment<B>>, bool);

/// Makes segments for a pool.
pub(crate) struct Assembler<'a, B: Backend> {
    pool: &'a DevicePool<B>,
    watermark: Watermark<'a, B>,
}

impl<'a, B: Backend> Assembler<'a, B> {
    pub(crate) fn new(pool: &'a DevicePool<B>) -> Self {
        Self { pool, watermark: Watermark::of(pool) }
    }

    /// A segment with `mapped` bytes (whole units) of memory.
    pub(crate) fn obtain(&self, mapped: usize, request: AllocRequest) -> Result<Obtained<B>, Fault> {
        let pool = self.pool;
        let unit = pool.physical.unit();
        let (addresses, wanted) = pool.addresses_for(mapped, request);
        // An eighth too large is better than a call to the driver, as long as there is overhead for it;
        // anything is better than assembling.
        let fit = |waste: usize| {
            let most = mapped.saturating_add(waste.min(self.watermark.waste_left()));
            pool.free().segments.take_fit(mapped, most, addresses)
        };
        pool.sweep_some_parked();
        let near = (mapped / 8).max(unit);
        if let Some(segment) = fit(near) {
            return Ok((segment, true));
        }
        // Cheaper than any call to the driver.
        pool.put_evicted(pool.caches.take_segments());
        if let Some(segment) = fit(near) {
            return Ok((segment, true));
        }
        if self.watermark.excess(mapped) > 0 {
            pool.gather();
            if let Some(segment) = fit(usize::MAX) {
                return Ok((segment, true));
            }
        }
        self.make(mapped, (addresses, wanted), request.stable).map(|segment| (segment, false))
    }

    /// Makes a segment with at least so many `addresses`, and for the `wanted` bytes where it is new.
    fn make(
        &self,
        mapped: usize,
        (addresses, wanted): (usize, Option<usize>),
        stable: bool,
    ) -> Result<Box<Segment<B>>, Fault> {
        let pool = self.pool;
        if !pool.physical.has_virtual() {
            return self.plain(mapped);
        }
        // Whatever the compute stream still does with a free segment: memory is only mapped after what is
        // there.
        let too_small = if self.watermark.excess(mapped) > 0 {
            pool.free().segments.take_below(mapped, addresses)
        } else {
            None
        };
        let mut segment = match too_small.or_else(|| self.take_empty(mapped, wanted)) {
            Some(segment) => segment,
            None => match pool.physical.reserve_addresses(wanted, mapped, stable) {
                // Where addresses are limited, there may be a plain allocation all the same.
                Err(fault) if fault.is_out_of_memory() && !stable => return self.plain(mapped),
                segment => Box::new(segment?),
            },
        };
        match self.fill(&mut segment, mapped) {
            Ok(()) => Ok(segment),
            Err(fault) if segment.mapped() > 0 => {
                pool.free().put_segment(segment, pool.now());
                Err(fault)
            }
            Err(fault) => {
                // SAFETY: no block has it, and no memory is mapped there (rule 2).
                unsafe { pool.physical.destroy(segment) };
                Err(fault)
            }
        }
    }

    fn plain(&self, bytes: usize) -> Result<Box<Segment<B>>, Fault> {
        let pool = self.pool;
        self.watermark.raise_ceiling(bytes);
        let make_way = || {
            let excess = self.watermark.excess(bytes);
            if excess > 0 {
                let free = pool.free().segments.bytes();
                pool.shed(free.saturating_sub(excess), None);
            }
        };
        make_way();
        if self.may_wait_for(bytes) {
            // A fault shows in what comes next.
            let _ = pool.pass();
            make_way();
        }
        pool.physical.plain(bytes).map(Box::new)
    }

    /// Whether the device's limit comes before the order of the compute stream: `more` bytes would pass it,
    /// and this thread may wait for the work that still uses free memory.
    fn may_wait_for(&self, more: usize) -> bool {
        self.watermark.passes_limit(more) && self.pool.backend.may_wait()
    }

    /// Free addresses without memory, before new ones are reserved: for the `wanted` bytes, or for some
    /// growth of a segment of `mapped` bytes where the caller wants none in particular.
    fn take_empty(&self, mapped: usize, wanted: Option<usize>) -> Option<Box<Segment<B>>> {
        let addresses = wanted.unwrap_or(mapped.saturating_mul(4));
        let (empty, old) = {
            let segments = &mut self.pool.free().segments;
            (segments.take_empty(addresses), segments.take_old_empty())
        };
        for segment in old {
            // SAFETY: no block has it, and no memory is mapped there (rule 2).
            unsafe { self.pool.physical.destroy(segment) };
        }
        empty
    }

    /// Maps chunks into a segment until it has `mapped` bytes (whole units, within its addresses). After a
    /// fault it has what it had.
    pub(crate) fn fill(&self, segment: &mut Segment<B>, mapped: usize) -> Result<(), Fault> {
        let physical = &self.pool.physical;
        let before = segment.mapped();
        let filled = self.make_way(segment, mapped).and_then(|()| {
            let missing = mapped - segment.mapped();
            if missing == 0 {
                return Ok(());
            }
            let chunk = physical.create_chunk(missing)?;
            segment.extend(physical, chunk).map_err(|(fault, chunk)| {
                // SAFETY: the driver has just failed to map it (rule 2).
                unsafe { physical.release([chunk]) };
                fault
            })
        });
        if filled.is_err() {
            // SAFETY: what lies after `before` was mapped in this call, and no block has it (rule 2).
            unsafe { physical.strip_to(segment, before) };
        }
        filled
    }

    /// Takes free segments apart, as far as `mapped` bytes in `segment` would be too much beside them. A
    /// chunk that fits exactly is mapped there, and so are large ones; the rest goes back.
    fn make_way(&self, segment: &mut Segment<B>, mapped: usize) -> Result<(), Fault> {
        let more = mapped - segment.mapped();
        if self.watermark.excess(more) == 0 {
            return Ok(());
        }
        self.watermark.raise_ceiling(more);
        self.pool.gather();
        let excess = self.watermark.excess(more);
        let (mut spare, taken) = self.take_apart(excess);
        if taken < excess && self.may_wait_for(more) {
            // A fault shows in what comes next.
            let _ = self.pool.pass();
            spare.extend(self.take_apart(excess - taken).0);
        }
        spare.sort_unstable_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let mut result = Ok(());
        let mut rest = Vec::new();
        for chunk in spare {
            let missing = mapped - segment.mapped();
            if result.is_ok() && (chunk.1 == missing || chunk.1 < missing && chunk.1 >= MOVED) {
                if let Err((fault, chunk)) = segment.extend(&self.pool.physical, chunk) {
                    result = Err(fault);
                    rest.push(chunk);
                }
            } else {
                rest.push(chunk);
            }
        }
        // SAFETY: these were unmapped by `take_apart`, and not mapped again (rule 2).
        unsafe { self.pool.physical.release(rest) };
        result
    }

    /// Unmaps at least `bytes` of free segments that the compute stream has passed, if there are as many.
    /// Returns the chunks, and how many bytes came free.
    fn take_apart(&self, bytes: u64) -> (Vec<Chunk<B>>, u64) {
        let pool = self.pool;
        let mut chunks = Vec::new();
        let mut taken = 0;
        while taken < bytes {
            let victim = {
                let mut free = pool.free();
                pool.advance_epochs(&mut free);
                let FreeMemory { segments, epochs, .. } = &mut *free;
                segments.take_victim(bytes - taken, |epoch| epochs.is_past(epoch))
            };
            let Some(FreeSegment { mut segment, epoch, since }) = victim else { break };
            if segment.is_plain() {
                // SAFETY: as below (rule 2).
                taken += unsafe { pool.physical.destroy(segment) };
                continue;
            }
            while taken < bytes {
                // SAFETY: no block has the segment, and the compute stream has passed its last use (rule 2);
                // uses by other streams were waited for before it came free.
                let Some(stripped) = (unsafe { pool.physical.strip(&mut segment) }) else { break };
                if let Some(chunk) = stripped {
                    taken += chunk.1 as u64;
                    chunks.push(chunk);
                }
            }
            if segment.mapped() > 0 {
                pool.free().segments.put(FreeSegment { segment, epoch, since });
            } else {
                // SAFETY: as above; only its addresses are left (rule 2).
                unsafe { pool.physical.destroy(segment) };
            }
        }
        (chunks, taken)
    }
}
