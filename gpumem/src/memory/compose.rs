//! Making a segment where none fits, out of what is kept and what the driver gives.
//!
//! How much is kept: what is held may exceed the most that lived at a time by a share, the *slack*. While it does not, a
//! request that nothing fits takes new memory from the driver, which costs little. When it would, the request is *composed* instead:
//! a free segment that is too small is made larger, others are taken apart, their chunks are mapped behind it where they fit
//! or go back to the driver, and only what is then missing is taken from it. So there is no memory that is there and cannot
//! be had. Only chunks are taken apart that the compute lane has left behind (`epochs`): composing waits for the
//! device only where its limit would otherwise be passed.

use super::core::Core;
use super::kept::Entry;
use super::physical::Segment;
use super::size::whole;
use super::store::{State, Want};
use crate::backend::{Backend, Fault};
use std::sync::atomic::Ordering;

/// What may be kept in any case, so that small programs do not take memory apart for a few bytes.
const FLOOR: u64 = 16 << 20;

/// Chunks from this size on are mapped elsewhere rather than given back and taken anew. A smaller one costs the driver less to give
/// back (it takes 260 µs a GiB) than it costs to have it map and unmap many chunks for good (35 µs each): on the random mix of
/// `benches/memory` composing became half as fast where all that fitted was moved.
const MOVED: usize = 256 << 20;

/// A segment, and whether it was there already.
type Obtained<B> = (Box<Segment<B>>, bool);

impl<B: Backend> Core<B> {
    /// The most bytes that have lived at a time, or will when what is asked for now is there.
    fn lived(&self) -> u64 {
        self.budget.peak().max(self.budget.used())
    }

    /// Bytes that may be held above the peak.
    fn slack(&self) -> u64 {
        // The peak is below 2^53 bytes, so nothing is lost in between.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let slack = (self.lived() as f64 * self.settings.slack) as u64;
        slack.max(FLOOR)
    }

    /// Bytes by which segments may be larger than what is asked of them, in all and from now on: a part of the slack.
    ///
    /// How large a part was tried out on the random mix of `benches/memory`: a larger one leaves too little to compose from
    /// where the slack is small, and a smaller one composes for nothing where there is plenty.
    fn waste_left(&self) -> usize {
        let share = self.settings.slack / (self.settings.slack + 0.25);
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // below 2^53
        let most = ((self.slack() as f64 * share) as i64).max(FLOOR as i64);
        usize::try_from(most - self.store.waste.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Notes by how many bytes more, or less, a live segment is larger than what is asked of it.
    pub(super) fn note_waste(&self, before: usize, after: usize) {
        #[allow(clippy::cast_possible_wrap)] // address ranges end below 2^63
        if before != after {
            self.store.waste.fetch_add(after as i64 - before as i64, Ordering::Relaxed);
        }
    }

    /// Bytes by which `more` would pass what should be held.
    pub(super) fn surplus(&self, more: usize) -> u64 {
        let target = self.lived().saturating_add(self.slack()).min(self.budget.limit());
        self.store.physical.held().saturating_add(more as u64).saturating_sub(target)
    }

    /// Addresses that a segment of `mapped` bytes is to have: how many it must have, and how many it gets where it is new.
    ///
    /// More than the device has memory is of no use to anybody. Without a `max` a segment gets addresses for all of it, which cost nothing;
    /// but a kept one with fewer is as good, unless the block is to stay where it is.
    fn addresses(&self, mapped: usize, want: Want) -> (usize, Option<usize>) {
        let unit = self.store.physical.unit();
        let most = self.store.physical.most_addresses().max(mapped);
        let wanted = want.reserve.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let wanted = wanted.or(want.stable.then_some(most));
        let wanted = wanted.map(|bytes| whole(bytes, unit).unwrap_or(most).clamp(mapped, most));
        (wanted.unwrap_or(mapped), wanted)
    }

    /// What a block of `bytes` is to have mapped, and the addresses that it must have.
    pub(super) fn extent(&self, bytes: usize, want: Want) -> Option<(usize, usize)> {
        let mapped = whole(bytes, self.store.physical.unit())?;
        let (reserved, _) = self.addresses(mapped, want);
        // Without virtual memory a block that is to stay gets everything at once.
        let all = want.stable && !self.store.physical.has_virtual();
        Some((if all { reserved } else { mapped }, reserved))
    }

    /// A segment with `mapped` bytes (whole units) of memory.
    pub(super) fn obtain_segment(&self, mapped: usize, want: Want) -> Result<Obtained<B>, Fault> {
        let unit = self.store.physical.unit();
        let (reserved, wanted) = self.addresses(mapped, want);
        // An eighth too large is better than a call to the driver, as long as there is slack for it; anything is better than composing.
        let fit = |waste: usize| {
            let most = mapped.saturating_add(waste.min(self.waste_left()));
            self.store.state().kept.take_fit(mapped, most, reserved)
        };
        self.sweep_parked();
        if let Some(segment) = fit((mapped / 8).max(unit)) {
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
        let mut segment = match base {
            Some(base) => base,
            None => match self.store.physical.reserve(&*self.backend, wanted, mapped, want.stable) {
                // Where addresses are limited, there may be a block all the same.
                Err(Fault::OutOfMemory) if !want.stable => return self.plain_segment(mapped),
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
                // SAFETY: nobody has been told of it, and nothing is mapped there.
                unsafe { self.destroy(segment) };
                Err(fault)
            }
        }
    }

    fn plain_segment(&self, bytes: usize) -> Result<Obtained<B>, Fault> {
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

    /// A kept segment that is too small, to be made larger.
    fn base(&self, mapped: usize, reserved: usize) -> Option<Box<Segment<B>>> {
        // Whatever the lane still does with it: memory is only mapped behind what is there.
        self.store.state().kept.take_below(mapped, reserved)
    }

    /// Maps chunks into a segment until it has `mapped` bytes (whole units, within its addresses). After a fault it has what it
    /// had.
    pub(super) fn fill_segment(&self, segment: &mut Segment<B>, mapped: usize) -> Result<(), Fault> {
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
            // SAFETY: what is behind `before` was mapped in this call, and nobody has been told of it.
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

    pub(super) fn passes_limit(&self, more: usize) -> bool {
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
            let Some(Entry { mut segment, epoch, since }) = victim else { break };
            if segment.is_plain() {
                taken += segment.mapped() as u64;
                // SAFETY: as below.
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
                    Some(Err((fault, bytes))) => self.lost(bytes, &fault),
                    None => break,
                }
            }
            if segment.mapped() > 0 {
                self.store.state().kept.put(Entry { segment, epoch, since });
            } else {
                // SAFETY: as above; only its addresses are left.
                unsafe { self.destroy(segment) };
            }
        }
        (chunks, taken)
    }

    /// Gives chunks that are mapped nowhere back to the driver.
    pub(super) fn release(&self, chunks: impl IntoIterator<Item = (B::Chunk, usize)>) {
        for (chunk, bytes) in chunks {
            // SAFETY: the callers have just unmapped it, or never mapped it.
            if let Err(fault) = unsafe { self.store.physical.release_chunk(&*self.backend, (chunk, bytes)) } {
                self.lost(bytes, &fault);
            }
        }
    }

    /// # Safety
    ///
    /// Nothing that is queued or running touches the segment.
    #[allow(clippy::boxed_local)] // every segment comes in the box that it is kept in
    pub(super) unsafe fn destroy(&self, segment: Box<Segment<B>>) {
        // SAFETY: the caller's promise.
        if let Err((fault, bytes)) = unsafe { segment.destroy(&*self.backend, &self.store.physical) } {
            self.lost(bytes, &fault);
        }
    }
}
