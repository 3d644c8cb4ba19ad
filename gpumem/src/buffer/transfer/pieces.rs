//! The pinned memory of a blocking transfer, piece by piece.
//!
//! Data goes in pieces through *rings* of pinned blocks: while the device copies one piece, the host copies
//! another. A transfer of up to 8 MiB has one ring of at most four blocks, one per piece. A larger transfer
//! has a ring for each of several threads, if the machine has more than one core: see the module comment of
//! `memory/transfer/copy_threads.rs`. [`PinnedPieces`] is the memory before the transfer begins,
//! [`PinnedRing`] a part of it on one lane.

use crate::backend::Backend;
use crate::buffer::copies;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::memory::{Block, DeviceState, Lane, LaneLease, NotQueued, Pieces, PinnedBlock, copy_threads};
use std::collections::VecDeque;
use std::iter::Enumerate;
use std::mem::MaybeUninit;
use std::slice::{Chunks, ChunksMut};
use std::sync::Arc;

/// The most bytes in a piece. Large enough for the bus to reach its rate, small enough for the first one to
/// be sent soon.
const PIECE: usize = 2 << 20;

/// The least bytes in a piece of several: the driver's calls take little time beside copying so much.
const LEAST: usize = 256 << 10;

/// The pinned blocks of a transfer by the calling thread alone, and so its pieces in flight.
const BLOCKS: usize = 4;

/// Bytes up to which the calling thread does a transfer alone, so that all of it fits into its pinned memory.
const ALONE: usize = BLOCKS * PIECE;

/// The pieces that may be in flight on a lane before a further transfer waits for the oldest. Without this,
/// many small writes after a long kernel would pin memory without bound. Each thread's transfer adds its own
/// pieces to these.
pub(super) const IN_FLIGHT: usize = 64;

/// Pinned memory for a transfer that has not begun.
pub(super) struct PinnedPieces<B: Backend> {
    /// Bytes of each block, and of each piece but the last.
    piece: usize,
    blocks: Vec<PinnedBlock<B>>,
    /// Whether several threads are to do the transfer.
    shared: bool,
}

impl<B: Backend> PinnedPieces<B> {
    /// Takes pinned memory for a transfer of `bytes`, which runs on `lane` or on the transfer lanes. None for
    /// no bytes.
    pub(super) fn take(
        state: &Arc<DeviceState<B>>,
        lane: &Lane<B>,
        label: &BufferLabel,
        bytes: usize,
    ) -> Result<Option<Self>, Error> {
        if bytes == 0 {
            return Ok(None);
        }
        // If there are more pieces than blocks, the thread waits for blocks. A host kernel must not wait, so
        // that is refused here, before the first piece is queued.
        if bytes > ALONE && !state.backend.may_wait() {
            return Err(Error::WouldDeadlock);
        }
        lane.wait_for_all_but(IN_FLIGHT, &state.backend)?;
        let shared = bytes > ALONE && copy_threads() > 1;
        let most = if shared { 2 * copy_threads() } else { BLOCKS };
        let piece = bytes.min(bytes.div_ceil(BLOCKS).next_multiple_of(LEAST).min(PIECE));
        let mut blocks = Vec::new();
        for index in 0..most.min(bytes.div_ceil(piece)) {
            match state.take_pinned(label, piece) {
                Ok(block) => blocks.push(block),
                // Two blocks are enough, if the thread may wait for them.
                Err(Error::OutOfPinnedMemory { .. }) if index >= 2 && state.backend.may_wait() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Self { piece, blocks, shared }))
    }

    /// Bytes of each piece but the last.
    pub(super) fn piece(&self) -> usize {
        self.piece
    }

    /// The transfer lanes, if the transfer is to use them and no other transfer does.
    pub(super) fn lease<'a>(&self, state: &'a DeviceState<B>) -> Result<Option<LaneLease<'a, B>>, Error> {
        if !self.shared {
            return Ok(None);
        }
        Ok(state.lanes.lease_transfer_lanes()?)
    }

    /// Deals the blocks out to a ring per lane; to fewer rings if there are fewer blocks than lanes.
    pub(super) fn deal<'a>(self, state: &'a DeviceState<B>, lanes: &'a [Lane<B>]) -> Vec<PinnedRing<'a, B>> {
        let ring = |lane| PinnedRing { state, lane, blocks: Vec::new() };
        let mut rings: Vec<_> = lanes.iter().take(self.blocks.len()).map(ring).collect();
        let count = rings.len();
        for (index, pinned) in self.blocks.into_iter().enumerate() {
            rings[index % count].blocks.push(RingBlock { pinned, last_use: Use::None });
        }
        rings
    }
}

/// Pinned blocks that the pieces of a transfer on one lane use in turn. Dropping it leaves the blocks in use
/// in flight.
pub(super) struct PinnedRing<'a, B: Backend> {
    state: &'a DeviceState<B>,
    lane: &'a Lane<B>,
    blocks: Vec<RingBlock<B>>,
}

struct RingBlock<B: Backend> {
    pinned: PinnedBlock<B>,
    last_use: Use<B>,
}

enum Use<B: Backend> {
    /// No transfer uses the block.
    None,
    /// A transfer on the ring's lane uses it until this event.
    Until(B::Event),
    /// A transfer may use it, and its end is not known.
    Unknown,
}

impl<B: Backend> PinnedRing<'_, B> {
    /// Queues the copies of `pieces` to the block. The first of all pieces goes to `start` bytes into it.
    ///
    /// # Safety
    ///
    /// The range lies in the block. The compute stream waits for the block's pending uses, and the ring's
    /// lane, if it is another, waits for the compute stream, which is made to wait for the lane at the end
    /// (rules 1 and 2).
    pub(super) unsafe fn send(
        mut self,
        block: &Block<B>,
        start: usize,
        piece: usize,
        pieces: &Pieces<Enumerate<Chunks<'_, u8>>>,
    ) -> Result<(), Error> {
        let Self { state, lane, .. } = self;
        for turn in 0.. {
            let Some((index, data)) = pieces.next() else { break };
            self.queue(turn, |pinned| {
                // SAFETY: the pinned block holds at least a piece, no transfer uses it (`PinnedRing::queue`
                // waited for the last one), and it cannot overlap the user's slice (rule 3).
                unsafe { pinned.address().copy_from_nonoverlapping(data.as_ptr(), data.len()) };
                // SAFETY: the caller vouches for the range and the order; other pieces do not overlap (rules
                // 1 and 2). The bytes were just initialised, and the pinned block stays in flight until they
                // are copied (rule 3).
                unsafe { copies::upload(state, lane, pinned, (block, start + index * piece), data.len()) }
            })?;
        }
        Ok(())
    }

    /// Copies `pieces` from the block. The first of all pieces begins `start` bytes into it. Returns when
    /// they are there.
    ///
    /// # Safety
    ///
    /// The range lies in the block and was written (rule 5) by work that the ring's lane waits for.
    pub(super) unsafe fn receive(
        mut self,
        block: &Block<B>,
        start: usize,
        piece: usize,
        pieces: &Pieces<Enumerate<ChunksMut<'_, MaybeUninit<u8>>>>,
    ) -> Result<(), Error> {
        let Self { state, lane, .. } = self;
        let mut coming = VecDeque::new();
        for turn in 0.. {
            let next = pieces.next();
            let last = next.is_none();
            if let Some((index, target)) = next {
                self.queue(turn, |pinned| {
                    let source = (block, start + index * piece);
                    // SAFETY: the caller vouches for the range (rule 5). The pinned block holds at least a
                    // piece, no transfer uses it (`PinnedRing::queue` waited for the last one), and it stays
                    // in flight until the copy is done (rule 3).
                    unsafe { copies::download(state, lane, source, pinned, target.len()) }
                })?;
                coming.push_back((turn, target));
            }
            // The device copies to one block while the host copies from another.
            if !last && coming.len() < self.blocks.len() {
                continue;
            }
            let Some((turn, target)) = coming.pop_front() else { break };
            let pinned = self.finish(turn)?;
            // SAFETY: the copy of this piece is done, so the pinned block has as many initialised bytes as
            // the target, which is the user's slice and does not overlap it (rules 4 and 5).
            unsafe {
                target.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(pinned.address(), target.len());
            }
        }
        Ok(())
    }

    /// Calls `queue` with the block for this turn, once that is free. `queue` returns the event after its
    /// transfer.
    fn queue(
        &mut self,
        turn: usize,
        queue: impl FnOnce(&PinnedBlock<B>) -> Result<B::Event, NotQueued>,
    ) -> Result<(), Error> {
        self.finish(turn)?;
        let count = self.blocks.len();
        let block = &mut self.blocks[turn % count];
        match queue(&block.pinned) {
            Ok(event) => block.last_use = Use::Until(event),
            Err(NotQueued { fault, runs }) => {
                if runs {
                    block.last_use = Use::Unknown;
                }
                return Err(fault.into());
            }
        }
        Ok(())
    }

    /// Waits for the last transfer of the block for this turn.
    fn finish(&mut self, turn: usize) -> Result<&PinnedBlock<B>, Error> {
        let count = self.blocks.len();
        let block = &mut self.blocks[turn % count];
        if let Use::Until(event) = &block.last_use {
            self.state.backend.synchronize(event)?;
            block.last_use = Use::None;
        }
        Ok(&block.pinned)
    }
}

impl<B: Backend> Drop for PinnedRing<'_, B> {
    fn drop(&mut self) {
        for RingBlock { pinned, last_use } in self.blocks.drain(..) {
            match last_use {
                Use::None => drop(pinned),
                Use::Until(event) => self.lane.hold(event, pinned),
                Use::Unknown => pinned.lose(),
            }
        }
    }
}
