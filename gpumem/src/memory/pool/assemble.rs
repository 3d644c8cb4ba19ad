//! Making a segment where none fits, out of what is kept and what the driver gives.
//!
//! How much is kept: what is held may exceed the most that lived at a time by a share, the *overhead*, and by no more than the
//! device has room for. While it does not, a request that nothing fits takes new memory from the driver, which costs little.
//! When it would, the request is *composed* instead:
//! a free segment that is too small is made larger, others are taken apart, their chunks are mapped behind it where they fit
//! or go back to the driver, and only what is then missing is taken from it. So there is no memory that is there and cannot
//! be had. Only chunks are taken apart that the compute lane has left behind (`epochs`): composing waits for the
//! device only where its limit would otherwise be passed.
//!
//! ```text
//!   held:   0 ........ lived ........ lived + overhead ........ limit, or what the driver was found to have
//!           take new memory    |    compose    (whichever of the two marks comes first)
//! ```
//!
//! By default the overhead is a quarter, which is rarely used up: composing costs about 35 us a request on a card, taking new memory
//! for the same request a hundredth part of that on average. Near the limit the overhead is what is left below the limit. The
//! device's own end is not known in advance, since others use it too: the driver's first refusal tells ([`DeviceState::note_full`]).

use super::free_segments::FreeSegment;
use super::physical::Segment;
use super::small::size::whole;
use super::small::slabs::{AllocRequest, State};
use crate::backend::{Backend, Fault};
use crate::memory::device_state::DeviceState;
use std::sync::atomic::Ordering;

/// What may be kept in any case, so that small programs do not take memory apart for a few bytes.
const FLOOR: u64 = 16 << 20;

/// Chunks from this size on are mapped elsewhere rather than given back and taken anew. A smaller one costs the driver less to give
/// back (it takes 260 µs a GiB) than it costs to have it map and unmap many chunks for good (35 µs each): on the random mix of
/// `benches/memory` composing became half as fast where all that fitted was moved.
const MOVED: usize = 256 << 20;

/// The overhead where none is set, and its least: a program with some dozen buffers of a few MiB loses half of a quarter to rounding.
const PLENTY: f64 = 0.25;
const PLENTY_FLOOR: u64 = 64 << 20;

/// Live segments may be larger than what is asked of them by this part of the limit, or of the device's memory, at most, where no
/// overhead is set: what they waste while the end is far away is still wasted when it is near.
const WASTED: u64 = 40;

/// A segment, and whether it was there already.
type Obtained<B> = (Box<Segment<B>>, bool);

impl<B: Backend> DeviceState<B> {
    /// The most bytes that have lived at a time, or will when what is asked for now is there.
    fn lived(&self) -> u64 {
        self.budget.peak().max(self.budget.used())
    }

    /// Bytes that should be held at most.
    fn target(&self) -> u64 {
        let lived = self.lived();
        let (share, floor) =
            self.settings.overhead.map_or((PLENTY, PLENTY_FLOOR), |overhead| (overhead, FLOOR));
        // The peak is below 2^53 bytes, so nothing is lost in between.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let overhead = (lived as f64 * share) as u64;
        let ceiling = self.store.ceiling.load(Ordering::Relaxed);
        lived.saturating_add(overhead.max(floor)).min(self.budget.limit()).min(ceiling.max(FLOOR))
    }

    /// Bytes by which segments may be larger than what is asked of them, in all and from now on: a part of the overhead.
    ///
    /// How large a part was tried out on the random mix of `benches/memory`: a larger one leaves too little to compose from
    /// where the overhead is small, and a smaller one composes for nothing where there is plenty.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below 2^53
    fn waste_left(&self) -> usize {
        let lived = self.lived().max(1);
        let overhead = self.target().saturating_sub(lived) as f64;
        let share = overhead / (overhead + PLENTY * lived as f64);
        let most = match self.settings.overhead {
            Some(_) => u64::MAX,
            None => self.budget.limit().min(self.store.physical.total()) / WASTED,
        };
        let most = ((overhead * share) as u64).min(most).max(FLOOR);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        usize::try_from(most - self.store.waste.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// The driver has no more memory: what is held now is as much as there is. From here on requests are composed of it before the
    /// driver is asked again.
    pub(crate) fn note_full(&self) {
        self.store.ceiling.store(self.store.physical.held(), Ordering::Relaxed);
    }

    /// Others may have given memory back since the driver had no more: the ceiling rises by a part of each request that it is in the
    /// way of, and is as high at least as what is held.
    fn raise_ceiling(&self, more: usize) {
        let held = self.store.physical.held();
        let raise =
            |ceiling: u64| (ceiling < u64::MAX).then(|| ceiling.saturating_add(more as u64 / 16).max(held));
        let _ = self.store.ceiling.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise);
    }

    /// Bytes by which `more` would pass what should be held.
    pub(crate) fn surplus(&self, more: usize) -> u64 {
        self.store.physical.held().saturating_add(more as u64).saturating_sub(self.target())
    }

    /// Addresses that a segment of `mapped` bytes is to have: how many it must have, and how many it gets where it is new.
    ///
    /// More than the device has memory is of no use to anybody. Without a `max` a segment gets addresses for all of it, which cost nothing;
    /// but a kept one with fewer is as good, unless the block is to stay where it is.
    fn addresses(&self, mapped: usize, want: AllocRequest) -> (usize, Option<usize>) {
        let unit = self.store.physical.unit();
        let most = self.store.physical.most_addresses().max(mapped);
        let wanted = want.reserve.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let wanted = wanted.or(want.stable.then_some(most));
        let wanted = wanted.map(|bytes| whole(bytes, unit).unwrap_or(most).clamp(mapped, most));
        (wanted.unwrap_or(mapped), wanted)
    }

    /// What a block of `bytes` is to have mapped, and the addresses that it must have.
    pub(crate) fn extent(&self, bytes: usize, want: AllocRequest) -> Option<(usize, usize)> {
        let mapped = whole(bytes, self.store.physical.unit())?;
        let (reserved, _) = self.addresses(mapped, want);
        // Without virtual memory a block that is to stay gets everything at once.
        let all = want.stable && !self.store.physical.has_virtual();
        Some((if all { reserved } else { mapped }, reserved))
    }

    /// A segment with `mapped` bytes (whole units) of memory.
    pub(crate) fn obtain_segment(&self, mapped: usize, want: AllocRequest) -> Result<Obtained<B>, Fault> {
        let unit = self.store.physical.unit();
        let (reserved, wanted) = self.addresses(mapped, want);
        // An eighth too large is better than a call to the driver, as long as there is overhead for it; anything is better than composing.
        let fit = |waste: usize| {
            let most = mapped.saturating_add(waste.min(self.waste_left()));
            self.store.state().kept.take_fit(mapped, most, reserved)
        };
        self.sweep_some_parked();
        let near = (mapped / 8).max(unit);
        if let Some(segment) = fit(near) {
            return Ok((segment, true));
        }
        // Cheaper than any call to the driver.
        self.keep(self.store.caches.take_segments());
        if let Some(segment) = fit(near) {
            return Ok((segment, true));
        }
        if self.surplus(mapped) > 0 {
            self.gather();
            if let Some(segment) = fit(usize::MAX) {
                return Ok((segment, true));
            }
        }
        if !self.store.physical.has_virtual() {
            return self.plain_segment(mapped);
        }
        let base = if self.surplus(mapped) > 0 { self.base(mapped, reserved) } else { None };
        let mut segment = match base.or_else(|| self.empty_segment(mapped, wanted)) {
            Some(segment) => segment,
            None => match self.store.physical.reserve(&*self.backend, wanted, mapped, want.stable) {
                // Where addresses are limited, there may be a block all the same.
                Err(fault) if fault.is_out_of_memory() && !want.stable => return self.plain_segment(mapped),
                addresses => Box::new(addresses?),
            },
        };
        match self.fill_segment(&mut segment, mapped) {
            Ok(()) => Ok((segment, false)),
            Err(fault) if segment.mapped() > 0 => {
                self.store.state().keep(segment, self.settings.now());
                Err(fault)
            }
            Err(fault) => {
                // SAFETY: nobody has been told of it, and nothing is mapped there (rule 2).
                unsafe { self.destroy(segment) };
                Err(fault)
            }
        }
    }

    fn plain_segment(&self, bytes: usize) -> Result<Obtained<B>, Fault> {
        self.raise_ceiling(bytes);
        let make_way = || {
            let surplus = self.surplus(bytes);
            if surplus > 0 {
                let kept = self.store.state().kept.bytes();
                self.shed(kept.saturating_sub(surplus), None);
            }
        };
        make_way();
        if self.passes_limit(bytes) && self.backend.may_wait() {
            // The limit comes before the lane: what it still uses is waited for. A fault shows in what comes next.
            let _ = self.pass();
            make_way();
        }
        self.store.physical.plain(&*self.backend, bytes).map(|segment| (Box::new(segment), false))
    }

    /// Addresses without memory that are kept, before new ones are reserved: for the `wanted` bytes, or for some growth of a segment of
    /// `mapped` bytes where none are.
    fn empty_segment(&self, mapped: usize, wanted: Option<usize>) -> Option<Box<Segment<B>>> {
        let reserved = wanted.unwrap_or(mapped.saturating_mul(4));
        let (empty, old) = {
            let kept = &mut self.store.state().kept;
            (kept.take_empty(reserved), kept.take_old_empty())
        };
        for segment in old {
            // SAFETY: no block has it, and nothing is mapped there (rule 2).
            unsafe { self.destroy(segment) };
        }
        empty
    }

    /// A kept segment that is too small, to be made larger.
    fn base(&self, mapped: usize, reserved: usize) -> Option<Box<Segment<B>>> {
        // Whatever the lane still does with it: memory is only mapped behind what is there.
        self.store.state().kept.take_below(mapped, reserved)
    }

    /// Maps chunks into a segment until it has `mapped` bytes (whole units, within its addresses). After a fault it has what it
    /// had.
    pub(crate) fn fill_segment(&self, segment: &mut Segment<B>, mapped: usize) -> Result<(), Fault> {
        let (backend, physical) = (&*self.backend, &self.store.physical);
        let before = segment.mapped();
        let filled = self.make_way(segment, mapped).and_then(|()| {
            let missing = mapped - segment.mapped();
            if missing == 0 {
                return Ok(());
            }
            let chunk = physical.create_chunk(backend, missing)?;
            segment.extend(backend, physical, (chunk, missing)).map_err(|(fault, chunk)| {
                self.release([chunk]);
                fault
            })
        });
        if filled.is_err() {
            // SAFETY: what is behind `before` was mapped in this call, and nobody has been told of it (rule
            // 2).
            unsafe { self.strip_to(segment, before) };
        }
        filled
    }

    /// Takes kept segments apart, as far as `mapped` bytes in `segment` would be too much beside them. A chunk that fits exactly is
    /// mapped there, and so are large ones; the rest goes back.
    fn make_way(&self, segment: &mut Segment<B>, mapped: usize) -> Result<(), Fault> {
        let more = mapped - segment.mapped();
        if self.surplus(more) == 0 {
            return Ok(());
        }
        self.raise_ceiling(more);
        self.gather();
        let surplus = self.surplus(more);
        let (mut spare, taken) = self.take_apart(surplus);
        if taken < surplus && self.passes_limit(more) && self.backend.may_wait() {
            // The limit comes before the lane: what it still uses is waited for. A fault shows in what comes next.
            let _ = self.pass();
            spare.extend(self.take_apart(surplus - taken).0);
        }
        spare.sort_unstable_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let mut result = Ok(());
        let mut rest = Vec::new();
        for chunk in spare {
            let missing = mapped - segment.mapped();
            if result.is_ok() && (chunk.1 == missing || chunk.1 < missing && chunk.1 >= MOVED) {
                if let Err((fault, chunk)) = segment.extend(&*self.backend, &self.store.physical, chunk) {
                    result = Err(fault);
                    rest.push(chunk);
                }
            } else {
                rest.push(chunk);
            }
        }
        self.release(rest);
        result
    }

    pub(crate) fn passes_limit(&self, more: usize) -> bool {
        self.store.physical.held().saturating_add(more as u64) > self.budget.limit()
    }

    /// Unmaps at least `bytes` of kept segments that the compute lane has left behind, if there are as many.
    fn take_apart(&self, bytes: u64) -> (Vec<(B::Chunk, usize)>, u64) {
        let (backend, physical) = (&*self.backend, &self.store.physical);
        let mut chunks = Vec::new();
        let mut taken = 0;
        while taken < bytes {
            let victim = {
                let mut state = self.store.state();
                self.look(&mut state);
                let State { kept, epochs, .. } = &mut *state;
                kept.take_victim(bytes - taken, |epoch| epochs.is_past(epoch))
            };
            let Some(FreeSegment { mut segment, epoch, since }) = victim else { break };
            if segment.is_plain() {
                taken += segment.mapped() as u64;
                // SAFETY: as below (rule 2).
                unsafe { self.destroy(segment) };
                continue;
            }
            while taken < bytes {
                // SAFETY: nobody owns the segment, and the compute lane has passed its last use (rule 2); users on other
                // lanes were waited for before it was kept.
                match unsafe { segment.strip(backend, physical) } {
                    Some(Ok((chunk, bytes))) => {
                        taken += bytes as u64;
                        chunks.push((chunk, bytes));
                    }
                    Some(Err((fault, bytes))) => self.lost(bytes, fault),
                    None => break,
                }
            }
            if segment.mapped() > 0 {
                self.store.state().kept.put(FreeSegment { segment, epoch, since });
            } else {
                // SAFETY: as above; only its addresses are left (rule 2).
                unsafe { self.destroy(segment) };
            }
        }
        (chunks, taken)
    }

    /// Gives chunks that are mapped nowhere back to the driver.
    pub(crate) fn release(&self, chunks: impl IntoIterator<Item = (B::Chunk, usize)>) {
        for (chunk, bytes) in chunks {
            // SAFETY: the callers have just unmapped it, never mapped it, or failed to (rule 2).
            if let Err(fault) = unsafe { self.store.physical.release_chunk(&*self.backend, (chunk, bytes)) } {
                self.lost(bytes, fault);
            }
        }
    }

    /// # Safety
    ///
    /// Nothing that is queued or running touches the segment (rule 2).
    #[allow(clippy::boxed_local)] // every segment comes in the box that it is kept in
    pub(crate) unsafe fn destroy(&self, segment: Box<Segment<B>>) {
        // SAFETY: the caller's promise (rule 2).
        if let Err((fault, bytes)) = unsafe { segment.destroy(&*self.backend, &self.store.physical) } {
            self.lost(bytes, fault);
        }
    }
}
