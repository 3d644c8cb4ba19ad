//! Blocking copies between the host and a buffer, through pinned memory.
//!
//! Data goes in pieces through *rings* of pinned blocks: while the device copies one piece, the host copies another. A transfer of
//! up to 8 MiB has one ring of at most four blocks, one for each of its pieces. A larger one has a ring for each of several threads, where the machine has more than
//! one core: see the module comment of `memory/transfer/copy_threads.rs`. Uploads run on the compute lane, since they write, or on the transfer lanes, which the
//! compute lane is put behind; a call returns when the last piece is in pinned memory, and the rings' blocks stay in flight until the
//! device has fetched them. Downloads run on the download lane or the transfer lanes, behind the compute lane's event, and return when
//! the data is there. The smallest downloads run on the compute lane: they wait for it in any case, and what a lane of their own costs, an
//! event that the lane waits for and a pending use that the next write waits for, is more than they keep the lane busy.
//!
//! Pinned memory is taken before the buffer is touched, so that a transfer for which there is none changes nothing (rule 6).

use super::growth::Growth;
use super::raw::RawBuffer;
use crate::backend::{Backend, Fault};
use crate::error::{BufferLabel, Error};
use crate::memory::{Block, DeviceState, Lane, LaneLease, NotQueued, Pieces, PinnedBlock, share, workers};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::iter::Enumerate;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::slice::{Chunks, ChunksMut};
use std::sync::Arc;

/// Bytes a piece at most. Large enough for the bus to reach its rate, small enough that the first one is soon under way.
const PIECE: usize = 2 << 20;

/// Bytes a piece at least, where there is more than one: what each takes in calls of the driver is little beside copying so much.
const LEAST: usize = 256 << 10;

/// Pieces that are under way at a time of a transfer that is the calling thread's alone.
const SLOTS: usize = 4;

/// Bytes up to which a transfer is the calling thread's alone, and fits the pinned memory that it takes.
const ALONE: usize = SLOTS * PIECE;

/// Bytes up to which a download runs on the compute lane: one or two microseconds of the bus.
const SMALL: usize = 64 << 10;

/// Pieces that may be under way on a lane before a further transfer waits for the oldest: many small writes behind a long kernel
/// would else pin without bound. The transfer then adds its own, so there are at most so many and those of one transfer a thread.
pub(super) const IN_FLIGHT: usize = 64;

/// Bytes of a pattern that are staged before copies on the device repeat them.
const PATTERN: usize = 64 << 10;

impl<B: Backend> RawBuffer<B> {
    pub(crate) fn upload(&mut self, data: &[u8]) -> Result<(), Error> {
        self.prepare_upload(data)?.commit(data)
    }

    /// Takes the memory that replacing the contents by `data` needs. Changes nothing that can be seen.
    pub(crate) fn prepare_upload(&mut self, data: &[u8]) -> Result<Prepared<'_, B>, Error> {
        // First, since pinned memory is not needed for what is refused.
        self.check_limit(self.elements_in(data))?;
        let staging = self.staging(data.len())?;
        let growth = self.prepare(self.elements_in(data))?;
        Ok(Prepared { growth, staging })
    }

    /// Pinned memory for an upload of `bytes`.
    fn staging(&self, bytes: usize) -> Result<Option<Staging<B>>, Error> {
        Staging::take(self.state(), &self.state().compute, self.label(), bytes)
    }

    pub(crate) fn write(&mut self, offset: usize, data: &[u8]) -> Result<(), Error> {
        let end = offset.saturating_add(self.elements_in(data));
        self.range(offset..end)?;
        let staging = self.staging(data.len())?;
        self.order_after_uses()?;
        self.send(staging, offset, data)
    }

    pub(crate) fn extend(&mut self, data: &[u8]) -> Result<(), Error> {
        let (start, count) = (self.len(), self.elements_in(data));
        self.check_limit(start.saturating_add(count))?;
        let staging = self.staging(data.len())?;
        self.make_room(start.saturating_add(count))?;
        self.order_after_uses()?;
        self.send(staging, start, data)?;
        // SAFETY: the writing of the new elements was just queued, in memory that `make_room` took
        // (rule 5).
        unsafe { self.set_len(start + count) };
        Ok(())
    }

    /// How many elements `data` is: whole ones, which generated code, where it mixes up two buffers, might not give.
    pub(super) fn elements_in(&self, data: &[u8]) -> usize {
        assert!(data.len().is_multiple_of(self.element_size()), "gpumem: the bytes of another element");
        data.len() / self.element_size()
    }

    /// Queues the copy of `data` to the elements from `offset` on, for which there is room and no pending use.
    fn send(&self, staging: Option<Staging<B>>, offset: usize, data: &[u8]) -> Result<(), Error> {
        let Some(block) = self.block() else { return Ok(()) };
        send(self.state(), staging, block, offset * self.element_size(), data)
    }

    /// Copies elements to `target`, which is valid for writing their bytes. Returns when they are there.
    ///
    /// # Safety
    ///
    /// `target` is valid for writing as many bytes as the range has, which lies in the buffer (rule 4).
    pub(super) unsafe fn receive(&self, range: Range<usize>, target: *mut u8) -> Result<(), Error> {
        let bytes = range.len() * self.element_size();
        let state = self.state();
        let lane = if bytes <= SMALL { &state.compute } else { &state.download };
        let staging = Staging::take(state, lane, self.label(), bytes)?;
        let Some(staging) = staging else { return Ok(()) };
        let Some(block) = self.block() else { return Ok(()) };
        // SAFETY: the caller vouches for so many bytes, and has them for itself. They need not be initialised
        // (rule 4).
        let target = unsafe { std::slice::from_raw_parts_mut(target.cast::<MaybeUninit<u8>>(), bytes) };
        let start = range.start * self.element_size();
        let piece = staging.piece;
        let pieces = Pieces::new(target.chunks_mut(piece).enumerate());
        let receive = |ring: Ring<'_, B>, pieces: &Pieces<_>| ring.receive(block, start, piece, pieces);
        if let Some(turn) = staging.turn(state)? {
            state.order_behind_compute(turn.lanes())?;
            share(&pieces, staging.deal(state, turn.lanes()), receive)?;
        } else {
            if !state.is_compute(lane) {
                state.order_download(state.compute.stream())?;
            }
            share(&pieces, staging.deal(state, std::slice::from_ref(lane)), receive)?;
        }
        state.ledger.counters.downloaded(bytes as u64, false);
        Ok(())
    }

    /// Sets elements to `pattern`, which has the size of one.
    pub(crate) fn fill(&mut self, start: usize, count: usize, pattern: &[u8]) -> Result<(), Error> {
        self.range(start..start.saturating_add(count))?;
        self.fill_memory(start * self.element_size(), count, pattern)
    }

    /// Writes `count` repetitions of a pattern from `offset` bytes on, within the capacity.
    pub(super) fn fill_memory(&mut self, offset: usize, count: usize, pattern: &[u8]) -> Result<(), Error> {
        if count == 0 {
            return Ok(());
        }
        self.order_after_uses()?;
        let Some(block) = self.block() else { return Ok(()) };
        let state = self.state();
        let stream = state.compute.stream().raw();
        // SAFETY: the callers made sure that the range is in the block. Readers were put before (rule 2), retirement and
        // other writers come later on this lane (rule 1).
        let native = unsafe { state.backend.fill(stream, block.at(offset), pattern, count) };
        if native? {
            return Ok(());
        }
        self.fill_by_copies(offset, count, pattern)
    }

    /// Stages some repetitions of the pattern, and doubles them on the device.
    fn fill_by_copies(&mut self, offset: usize, count: usize, pattern: &[u8]) -> Result<(), Error> {
        let size = pattern.len();
        let staged = count.min((PATTERN / size).max(1));
        let staging = self.staging(staged * size)?;
        // An element may be large, and so is not copied once more.
        let repeated = if staged == 1 { Cow::Borrowed(pattern) } else { Cow::Owned(pattern.repeat(staged)) };
        let Some(block) = self.block() else { return Ok(()) };
        let state = self.state();
        send(state, staging, block, offset, &repeated)?;
        let mut done = staged;
        while done < count {
            let next = done.min(count - done);
            let to = block.at(offset + done * size);
            // SAFETY: the source is the `next <= done` elements at the start, which earlier work on this lane wrote, or
            // work that the lane was put behind, and the target begins after all `done` of them; both lie in the
            // block. Order as in `fill_memory` (rules 1 and 5).
            unsafe {
                state.backend.copy_on_device(state.compute.stream().raw(), block.at(offset), to, next * size)
            }?;
            done += next;
        }
        Ok(())
    }
}

/// Queues the copy of `data` to `start` bytes into `block`, where there is room and no pending use.
fn send<B: Backend>(
    state: &Arc<DeviceState<B>>,
    staging: Option<Staging<B>>,
    block: &Block<B>,
    start: usize,
    data: &[u8],
) -> Result<(), Error> {
    let Some(staging) = staging else { return Ok(()) };
    let piece = staging.piece;
    let pieces = Pieces::new(data.chunks(piece).enumerate());
    let send = |ring: Ring<'_, B>, pieces: &Pieces<_>| ring.send(block, start, piece, pieces);
    if let Some(turn) = staging.turn(state)? {
        state.order_behind_compute(turn.lanes())?;
        let joined = Joined { state, block };
        let sent = share(&pieces, staging.deal(state, turn.lanes()), send);
        let joined = joined.end().map_err(Error::from);
        sent.and(joined)?;
    } else {
        share(&pieces, staging.deal(state, std::slice::from_ref(&state.compute)), send)?;
    }
    state.ledger.counters.uploaded(data.len() as u64);
    Ok(())
}

/// Puts the compute lane behind an upload by way of transfer lanes, whatever happens to that.
struct Joined<'a, B: Backend> {
    state: &'a DeviceState<B>,
    block: &'a Block<B>,
}

impl<B: Backend> Joined<'_, B> {
    fn end(self) -> Result<(), Fault> {
        let this = std::mem::ManuallyDrop::new(self);
        this.block.join_uses(this.state)
    }
}

impl<B: Backend> Drop for Joined<'_, B> {
    /// Only when a worker has panicked.
    fn drop(&mut self) {
        // A failure is the block's from now on (`Block::check`).
        let _ = self.block.join_uses(self.state);
    }
}

/// What replacing a buffer's contents needs, before anything is changed.
pub(crate) struct Prepared<'a, B: Backend> {
    growth: Growth<'a, B>,
    staging: Option<Staging<B>>,
}

impl<B: Backend> Prepared<'_, B> {
    /// Replaces the contents by the `data` that was prepared for. Fails only when the device has.
    pub(crate) fn commit(self, data: &[u8]) -> Result<(), Error> {
        let Self { growth, staging } = self;
        let count = growth.elements_in(data);
        growth.replace(count, |state, block| send(state, staging, block, 0, data)).map(|_| ())
    }
}

/// Pinned memory for a transfer that has not begun.
struct Staging<B: Backend> {
    /// Bytes of each block, and of each piece but the last.
    piece: usize,
    blocks: Vec<PinnedBlock<B>>,
    shared: bool,
}

impl<B: Backend> Staging<B> {
    /// Pinned memory for a transfer of `bytes` that will be on `lane`, if not on the transfer lanes; none for none.
    fn take(
        state: &Arc<DeviceState<B>>,
        lane: &Lane<B>,
        label: BufferLabel,
        bytes: usize,
    ) -> Result<Option<Self>, Error> {
        if bytes == 0 {
            return Ok(None);
        }
        // More pieces than there are blocks are waited for, which a host kernel must not; so that is refused before the
        // first piece is queued.
        if bytes > ALONE && !state.backend.may_wait() {
            return Err(Error::WouldDeadlock);
        }
        lane.hold_back(&state.backend, IN_FLIGHT)?;
        let shared = bytes > ALONE && workers() > 1;
        let most = if shared { 2 * workers() } else { SLOTS };
        let piece = bytes.min(bytes.div_ceil(SLOTS).next_multiple_of(LEAST).min(PIECE));
        let mut blocks = Vec::new();
        for index in 0..most.min(bytes.div_ceil(piece)) {
            match PinnedBlock::take(state, label, piece) {
                Ok(block) => blocks.push(block),
                // Two will do, where they can be waited for.
                Err(Error::OutOfPinnedMemory { .. }) if index >= 2 && state.backend.may_wait() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Self { piece, blocks, shared }))
    }

    /// The transfer lanes, where they are to be used and nobody else uses them.
    fn turn<'a>(&self, state: &'a DeviceState<B>) -> Result<Option<LaneLease<'a, B>>, Error> {
        if !self.shared {
            return Ok(None);
        }
        Ok(state.lease_transfer_lanes()?)
    }

    /// A ring for each lane, or for as many as there are blocks.
    fn deal<'a>(self, state: &'a DeviceState<B>, lanes: &'a [Lane<B>]) -> Vec<Ring<'a, B>> {
        let ring = |lane| Ring { state, lane, slots: Vec::new() };
        let mut rings: Vec<_> = lanes.iter().take(self.blocks.len()).map(ring).collect();
        let count = rings.len();
        for (index, pinned) in self.blocks.into_iter().enumerate() {
            rings[index % count].slots.push(RingSlot { pinned, use_: Use::Idle });
        }
        rings
    }
}

/// Pinned blocks that pieces of a transfer on one lane take turns in. Dropping it leaves those that are in use in flight.
struct Ring<'a, B: Backend> {
    state: &'a DeviceState<B>,
    lane: &'a Lane<B>,
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

impl<B: Backend> Ring<'_, B> {
    /// Queues the copies of `pieces` to the block, into which the first of all begins `start` bytes.
    fn send(
        mut self,
        block: &Block<B>,
        start: usize,
        piece: usize,
        pieces: &Pieces<Enumerate<Chunks<'_, u8>>>,
    ) -> Result<(), Error> {
        let Self { state, lane, .. } = self;
        let stream = lane.stream().raw();
        let ordered = state.is_compute(lane);
        for turn in 0.. {
            let Some((index, data)) = pieces.next() else { break };
            self.queue(turn, |pinned| {
                // SAFETY: the pinned block holds at least a piece, no transfer uses it (`Ring::queue` waited for the last one),
                // and it cannot overlap the user's slice (rule 3).
                unsafe { pinned.address().copy_from_nonoverlapping(data.as_ptr(), data.len()) };
                let to = block.at(start + index * piece);
                // SAFETY: the callers made sure that the range is in the block, which has no pending use but pieces of this transfer,
                // none of which overlap, and is retired later on the compute lane (rules 1 and 2). On another lane, which was put
                // behind the compute lane, the block carries this write as a pending use, which the compute lane is put behind at the
                // end (`Joined`). The piece was just initialised and stays in flight until it is copied (rule 3).
                let copy =
                    || unsafe { state.backend.copy_to_device(stream, (pinned.raw(), 0), to, data.len()) };
                let record = || state.backend.record_queued(stream);
                if ordered {
                    NotQueued::attempt(copy, record)
                } else {
                    block.use_on_lane(lane.stream().number(), copy, record)
                }
            })?;
        }
        Ok(())
    }

    /// Copies from the block, where the first of all pieces begins at `start` bytes, to `pieces`. Returns when they are there.
    fn receive(
        mut self,
        block: &Block<B>,
        start: usize,
        piece: usize,
        pieces: &Pieces<Enumerate<ChunksMut<'_, MaybeUninit<u8>>>>,
    ) -> Result<(), Error> {
        let Self { state, lane, .. } = self;
        let stream = lane.stream().raw();
        let ordered = state.is_compute(lane);
        let mut coming = VecDeque::new();
        for turn in 0.. {
            let next = pieces.next();
            let last = next.is_none();
            if let Some((index, target)) = next {
                self.queue(turn, |pinned| {
                    // SAFETY: the range lies in the block and was written (rule 5) by work that the lane was put behind. The
                    // block carries this read as a pending use (rule 2), but on the compute lane, where whatever writes or moves the
                    // block comes later (rule 1). The ring keeps the pinned memory in flight (rule 3).
                    let copy = || unsafe {
                        let from = block.at(start + index * piece);
                        state.backend.copy_to_host(stream, from, (pinned.raw(), 0), target.len())
                    };
                    let record = || state.backend.record_queued(stream);
                    if ordered {
                        block.check().map_err(|fault| NotQueued { fault, runs: false })?;
                        NotQueued::attempt(copy, record)
                    } else {
                        block.use_on_lane(lane.stream().number(), copy, record)
                    }
                })?;
                coming.push_back((turn, target));
            }
            // One block is left to the device, while the host copies from another.
            if !last && coming.len() < self.slots.len() {
                continue;
            }
            let Some((turn, target)) = coming.pop_front() else { break };
            let pinned = self.finish(turn)?;
            // SAFETY: the copy of this piece is done, so as many bytes of the pinned block are initialised as the target has, which
            // is the user's and does not overlap it (rules 4 and 5).
            unsafe {
                target.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(pinned.address(), target.len());
            }
        }
        Ok(())
    }

    /// Runs `queue` with the block whose turn it is, once that is free. `queue` returns the event behind its transfer.
    fn queue(
        &mut self,
        turn: usize,
        queue: impl FnOnce(&PinnedBlock<B>) -> Result<B::Event, NotQueued>,
    ) -> Result<(), Error> {
        self.finish(turn)?;
        let count = self.slots.len();
        let slot = &mut self.slots[turn % count];
        match queue(&slot.pinned) {
            Ok(event) => slot.use_ = Use::Until(event),
            Err(NotQueued { fault, runs }) => {
                if runs {
                    slot.use_ = Use::Unknown;
                }
                return Err(fault.into());
            }
        }
        Ok(())
    }

    /// Waits for the last transfer of the block whose turn it is.
    fn finish(&mut self, turn: usize) -> Result<&PinnedBlock<B>, Error> {
        let count = self.slots.len();
        let slot = &mut self.slots[turn % count];
        if let Use::Until(event) = &slot.use_ {
            self.state.backend.synchronize(event)?;
            slot.use_ = Use::Idle;
        }
        Ok(&slot.pinned)
    }
}

impl<B: Backend> Drop for Ring<'_, B> {
    fn drop(&mut self) {
        for RingSlot { pinned, use_ } in self.slots.drain(..) {
            match use_ {
                Use::Idle => drop(pinned),
                Use::Until(event) => self.lane.launch(event, pinned),
                Use::Unknown => pinned.lose(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SMALL;
    use crate::{Async, Buffer, Device, Host};
    use std::time::Duration;

    // The smallest downloads go another way than the others.
    #[test]
    fn downloads_of_all_sizes_come_after_what_was_queued() {
        let device = Device::host();
        for bytes in [1, SMALL - 1, SMALL, SMALL + 1] {
            let mut buffer: Buffer<u8, Host, Async> = Buffer::new(&device, "buffer").unwrap();
            buffer.resize(bytes).unwrap();
            let mut target = vec![0; bytes];
            for round in 1..=20 {
                device.launch((), |()| std::thread::sleep(Duration::from_millis(1))).unwrap();
                buffer.fill(round).unwrap();
                buffer.download_into(&mut target).unwrap();
                assert!(target.iter().all(|byte| *byte == round), "{bytes} bytes, round {round}");
                let later = buffer.start_download().unwrap();
                buffer.fill(0).unwrap();
                assert!(later.wait().unwrap().iter().all(|byte| *byte == round), "{bytes} bytes, async");
            }
        }
        assert_eq!(device.stats().lost_bytes, 0);
    }
}
