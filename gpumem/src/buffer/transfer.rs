//! Blocking copies between the host and a buffer, through pinned memory.
//!
//! Data goes in pieces through a *ring* of at most two pinned blocks: while the device copies one piece, the host
//! copies the other. Uploads run on the compute lane, since they write; a call returns when the last piece is in pinned
//! memory, and the ring's blocks stay in flight until the device has fetched them. Downloads run on the download lane,
//! behind the compute lane's event, and return when the data is there.
//!
//! The ring is taken before the buffer is touched, so that a transfer for which there is no pinned memory changes nothing
//! (rule 6).

use super::raw::{RawBuffer, Room};
use crate::backend::Backend;
use crate::error::{BufferLabel, Error};
use crate::memory::{Block, Core, LaneKind, NotQueued, PinnedBlock};
use std::ops::Range;
use std::sync::Arc;

/// Bytes a piece. Large enough for the bus to reach its rate, small enough that the first one is soon under way.
const PIECE: usize = 4 << 20;

/// Transfers that may be under way before a further one waits for the oldest: many small writes behind a long kernel
/// would else pin without bound.
const IN_FLIGHT: usize = 64;

/// Bytes of a pattern that are staged before copies on the device repeat them.
const PATTERN: usize = 64 << 10;

impl<B: Backend> RawBuffer<B> {
    pub(crate) fn upload(&mut self, data: &[u8]) -> Result<(), Error> {
        let upload = self.prepare_upload(data)?;
        self.commit_upload(upload, data)
    }

    /// Takes the memory that replacing the contents by `data` needs. Changes nothing that can be seen.
    pub(crate) fn prepare_upload(&mut self, data: &[u8]) -> Result<Upload<B>, Error> {
        // First, since memory that was mapped behind the block stays there when something fails afterwards.
        self.check_limit(self.elements_in(data))?;
        let ring = Ring::take(self.core(), LaneKind::Compute, self.label(), data.len())?;
        let room = self.prepare(self.elements_in(data))?;
        Ok(Upload { room, ring })
    }

    /// Replaces the contents by the `data` that was prepared for. Fails only when the device has.
    pub(crate) fn commit_upload(
        &mut self,
        Upload { room, ring }: Upload<B>,
        data: &[u8],
    ) -> Result<(), Error> {
        match room {
            Room::Enough => {
                self.order_after_uses()?;
                self.send(ring, 0, data)?;
            }
            Room::Behind(more) => {
                self.order_after_uses()?;
                // The memory is there; it becomes the buffer's when nothing can fail any more.
                self.send(ring, 0, data)?;
                self.extend_to(more);
            }
            // New memory is filled before the buffer moves there: what it held need not be copied, and stays if this fails.
            Room::New(space) => {
                if let Some(block) = space.block() {
                    send(self.core(), ring, block, 0, data)?;
                }
                self.move_to(Some(space));
            }
        }
        // SAFETY: the writing of these elements was just queued, in memory that has room for them.
        unsafe { self.set_len(self.elements_in(data)) };
        Ok(())
    }

    pub(crate) fn write(&mut self, offset: usize, data: &[u8]) -> Result<(), Error> {
        let end = offset.saturating_add(self.elements_in(data));
        self.range(offset..end)?;
        let ring = Ring::take(self.core(), LaneKind::Compute, self.label(), data.len())?;
        self.order_after_uses()?;
        self.send(ring, offset, data)
    }

    pub(crate) fn extend(&mut self, data: &[u8]) -> Result<(), Error> {
        let (start, count) = (self.len(), self.elements_in(data));
        self.check_limit(start.saturating_add(count))?;
        let ring = Ring::take(self.core(), LaneKind::Compute, self.label(), data.len())?;
        let room = self.prepare(start.saturating_add(count))?;
        self.commit(room)?;
        self.order_after_uses()?;
        self.send(ring, start, data)?;
        // SAFETY: the writing of the new elements was just queued, in memory that `prepare` made room in.
        unsafe { self.set_len(start + count) };
        Ok(())
    }

    /// How many elements `data` is: whole ones, which generated code, where it mixes up two buffers, might not give.
    fn elements_in(&self, data: &[u8]) -> usize {
        assert!(data.len().is_multiple_of(self.element_size()), "gpumem: the bytes of another element");
        data.len() / self.element_size()
    }

    /// Queues the copy of `data` to the elements from `offset` on, for which there is room and no pending use.
    fn send(&self, ring: Option<Ring<B>>, offset: usize, data: &[u8]) -> Result<(), Error> {
        let Some(block) = self.block() else { return Ok(()) };
        send(self.core(), ring, block, offset * self.element_size(), data)
    }

    /// Copies elements to `target`, which is valid for writing their bytes. Returns when they are there.
    ///
    /// # Safety
    ///
    /// `target` is valid for writing as many bytes as the range has, which lies in the buffer.
    pub(super) unsafe fn receive(&self, range: Range<usize>, target: *mut u8) -> Result<(), Error> {
        let bytes = range.len() * self.element_size();
        let ring = Ring::take(self.core(), LaneKind::Download, self.label(), bytes)?;
        let Some(mut ring) = ring else { return Ok(()) };
        let Some(block) = self.block() else { return Ok(()) };
        let core = self.core();
        core.order_download().map_err(Error::from_fault::<B>)?;
        let start = range.start * self.element_size();
        let pieces = bytes.div_ceil(PIECE);
        let length = |piece: usize| PIECE.min(bytes - piece * PIECE);
        // One ahead: while the host copies a piece, the device copies the next.
        for step in 0..=pieces {
            if step < pieces {
                ring.queue(step, |pinned| {
                    let copy = || {
                        let from = block.at(start + step * PIECE);
                        let stream = core.download.stream().raw();
                        // SAFETY: the range lies in the block and was written (rule 5) by work that the lane was put
                        // behind. The block carries this read as a pending use (rule 2), and the ring keeps the pinned
                        // memory in flight (rule 3).
                        unsafe { core.backend.copy_to_host(stream, from, (pinned.raw(), 0), length(step)) }
                    };
                    block.use_on_lane(core.download.stream().number(), copy, || {
                        core.backend.record(core.download.stream().raw())
                    })
                })?;
            }
            if let Some(piece) = step.checked_sub(1) {
                let pinned = ring.finish(piece)?;
                // SAFETY: the copy of this piece is done, so its bytes are initialised; `target` is valid for all of
                // them by the caller's promise.
                unsafe {
                    target.add(piece * PIECE).copy_from_nonoverlapping(pinned.address(), length(piece));
                }
            }
        }
        core.ledger.counters.downloaded(bytes as u64, false);
        Ok(())
    }

    /// Sets elements to `pattern`, which has the size of one.
    pub(crate) fn fill(&mut self, start: usize, count: usize, pattern: &[u8]) -> Result<(), Error> {
        self.range(start..start.saturating_add(count))?;
        self.fill_memory(start, count, pattern)
    }

    /// As [`Self::fill`], for elements within the capacity.
    pub(super) fn fill_memory(&mut self, start: usize, count: usize, pattern: &[u8]) -> Result<(), Error> {
        if count == 0 {
            return Ok(());
        }
        self.order_after_uses()?;
        let Some(block) = self.block() else { return Ok(()) };
        let (core, offset) = (self.core(), start * self.element_size());
        let stream = core.compute.stream().raw();
        // SAFETY: the callers made sure that the range is in the block. Readers were put before (rule 2), retirement and
        // other writers come later on this lane (rule 1).
        let native = unsafe { core.backend.fill(stream, block.at(offset), pattern, count) };
        if native.map_err(Error::from_fault::<B>)? {
            return Ok(());
        }
        self.fill_by_copies(start, count, pattern)
    }

    /// Stages some repetitions of the pattern, and doubles them on the device.
    fn fill_by_copies(&mut self, start: usize, count: usize, pattern: &[u8]) -> Result<(), Error> {
        let size = pattern.len();
        let staged = count.min((PATTERN / size).max(1));
        let ring = Ring::take(self.core(), LaneKind::Compute, self.label(), staged * size)?;
        self.send(ring, start, &pattern.repeat(staged))?;
        let Some(block) = self.block() else { return Ok(()) };
        let core = self.core();
        let offset = start * size;
        let mut done = staged;
        while done < count {
            let next = done.min(count - done);
            let to = block.at(offset + done * size);
            // SAFETY: the source is the `next <= done` elements at the start, which earlier work on this lane wrote, and the
            // target begins behind all `done` of them; both lie in the block. Order as in `fill_memory`.
            unsafe {
                core.backend.copy_on_device(core.compute.stream().raw(), block.at(offset), to, next * size)
            }
            .map_err(Error::from_fault::<B>)?;
            done += next;
        }
        Ok(())
    }
}

/// Queues the copy of `data` to `start` bytes into `block`, where there is room and no pending use.
fn send<B: Backend>(
    core: &Arc<Core<B>>,
    ring: Option<Ring<B>>,
    block: &Block<B>,
    start: usize,
    data: &[u8],
) -> Result<(), Error> {
    let Some(mut ring) = ring else { return Ok(()) };
    let stream = core.compute.stream().raw();
    for (index, piece) in data.chunks(PIECE).enumerate() {
        ring.queue(index, |pinned| {
            // SAFETY: the pinned block holds at least a piece, no transfer uses it (`Ring::queue` waited for the last one),
            // and it cannot overlap the user's slice.
            unsafe { pinned.address().copy_from_nonoverlapping(piece.as_ptr(), piece.len()) };
            let to = block.at(start + index * PIECE);
            // SAFETY: the callers made sure that the range is in the block, which has no pending use (rule 2) and is retired
            // later on this lane (rule 1). The piece was just initialised and stays in flight until it is copied (rule 3).
            let copy = || unsafe { core.backend.copy_to_device(stream, (pinned.raw(), 0), to, piece.len()) };
            NotQueued::attempt(copy, || core.backend.record(stream))
        })?;
    }
    core.ledger.counters.uploaded(data.len() as u64);
    Ok(())
}

/// What replacing a buffer's contents needs, before anything is changed.
pub(crate) struct Upload<B: Backend> {
    room: Room<B>,
    ring: Option<Ring<B>>,
}

/// One or two pinned blocks that the pieces of a transfer take turns in. Dropping it leaves those that are in use in
/// flight.
struct Ring<B: Backend> {
    core: Arc<Core<B>>,
    lane: LaneKind,
    slots: Vec<RingSlot<B>>,
}

struct RingSlot<B: Backend> {
    pinned: PinnedBlock<B>,
    use_: Use<B>,
}

enum Use<B: Backend> {
    /// No transfer uses the block.
    Idle,
    /// A transfer on the ring's lane does, until this event.
    Until(B::Event),
    /// A transfer may, and nobody can tell until when.
    Unknown,
}

impl<B: Backend> Ring<B> {
    /// Pinned memory for a transfer of `bytes`; none for none.
    fn take(
        core: &Arc<Core<B>>,
        lane: LaneKind,
        label: BufferLabel,
        bytes: usize,
    ) -> Result<Option<Self>, Error> {
        if bytes == 0 {
            return Ok(None);
        }
        // More pieces than the ring has blocks are waited for, which a host kernel must not; so that is refused before the
        // first piece is queued.
        if bytes > 2 * PIECE && !core.backend.may_wait() {
            return Err(Error::WouldDeadlock);
        }
        core.land();
        core.lane(lane).hold_back(&core.backend, IN_FLIGHT).map_err(Error::from_fault::<B>)?;
        let pin = || PinnedBlock::take(core, label, bytes.min(PIECE));
        let mut slots = vec![RingSlot { pinned: pin()?, use_: Use::Idle }];
        if bytes > PIECE {
            slots.push(RingSlot { pinned: pin()?, use_: Use::Idle });
        }
        Ok(Some(Self { core: core.clone(), lane, slots }))
    }

    /// Runs `queue` with the block whose turn it is, once that is free. `queue` returns the event behind its transfer.
    fn queue(
        &mut self,
        piece: usize,
        queue: impl FnOnce(&PinnedBlock<B>) -> Result<B::Event, NotQueued>,
    ) -> Result<(), Error> {
        self.finish(piece)?;
        let turn = piece % self.slots.len();
        let slot = &mut self.slots[turn];
        match queue(&slot.pinned) {
            Ok(event) => slot.use_ = Use::Until(event),
            Err(NotQueued { fault, runs }) => {
                if runs {
                    slot.use_ = Use::Unknown;
                }
                return Err(Error::from_fault::<B>(fault));
            }
        }
        Ok(())
    }

    /// Waits for the last transfer of the block whose turn it is with `piece`.
    fn finish(&mut self, piece: usize) -> Result<&PinnedBlock<B>, Error> {
        let turn = piece % self.slots.len();
        let slot = &mut self.slots[turn];
        if let Use::Until(event) = &slot.use_ {
            self.core.backend.synchronize(event).map_err(Error::from_fault::<B>)?;
            slot.use_ = Use::Idle;
        }
        Ok(&slot.pinned)
    }
}

impl<B: Backend> Drop for Ring<B> {
    fn drop(&mut self) {
        for RingSlot { pinned, use_ } in self.slots.drain(..) {
            match use_ {
                Use::Idle => drop(pinned),
                Use::Until(event) => drop(self.core.lane(self.lane).launch(event, pinned, None)),
                Use::Unknown => pinned.lose(),
            }
        }
    }
}
