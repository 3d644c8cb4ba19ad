//! Copies on the device, for downloads of `snapshot` buffers.
//!
//! A snapshot download copies the elements to a *shadow*, in the order of the compute lane, and the download lane reads the
//! shadow. What writes the buffer next is behind a copy at the speed of device memory, and not behind one at the speed of the
//! bus. Staging copies are taken in turn, one for each slot, and are kept: when the turn comes round, the compute lane waits for the
//! shadow's last download, which a program that has its slots back has seen the end of.

use super::raw::RawBuffer;
use crate::backend::{Backend, Fault};
use crate::error::Error;
use crate::memory::{AllocRequest, Block, DeviceState, SlotsHeld};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The shadows of one buffer.
pub(super) struct StagingCopies<B: Backend> {
    turn: Mutex<LaneLease<B>>,
}

struct LaneLease<B: Backend> {
    blocks: Vec<Block<B>>,
    next: usize,
}

impl<B: Backend> LaneLease<B> {
    fn lacks(&self, index: usize, bytes: usize) -> bool {
        self.blocks.get(index).is_none_or(|block| block.bytes() < bytes)
    }

    /// Which the next `count` are.
    fn next(&self, raw: &RawBuffer<B>, count: usize) -> impl Iterator<Item = usize> + use<B> {
        let (next, limit) = (self.next, raw.slots().limit());
        (0..count).map(move |ahead| (next + ahead) % limit)
    }

    /// Puts a block in its place. Returns one that is too much: what was there, or this one where another thread was faster.
    fn put(&mut self, index: usize, block: Block<B>) -> Option<Block<B>> {
        match self.blocks.get_mut(index) {
            Some(there) if there.bytes() >= block.bytes() => Some(block),
            Some(there) => Some(std::mem::replace(there, block)),
            None => {
                self.blocks.push(block);
                None
            }
        }
    }
}

impl<B: Backend> StagingCopies<B> {
    pub(super) fn new() -> Self {
        Self { turn: Mutex::new(LaneLease { blocks: Vec::new(), next: 0 }) }
    }

    /// Bytes of device memory that the shadows hold.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().blocks.iter().map(|block| block.bytes() as u64).sum()
    }

    /// Gives the memory of all shadows back.
    pub(super) fn clear(&self, state: &DeviceState<B>) {
        let turn = std::mem::replace(&mut *self.lock(), LaneLease { blocks: Vec::new(), next: 0 });
        let blocks = turn.blocks;
        blocks.into_iter().for_each(|block| state.pool.give_back(block));
    }

    /// Takes memory for those of the next `count` shadows that have no room for `bytes` bytes of `source`, the buffer's block.
    /// The shadows get it with [`Spare::put`].
    pub(super) fn spare<'a>(
        &self,
        raw: &'a RawBuffer<B>,
        source: &Block<B>,
        count: usize,
        bytes: usize,
    ) -> Result<Spare<'a, B>, Error> {
        let mut spare = Spare { raw, blocks: Vec::new(), count, bytes };
        let turn = self.lock();
        let lacking = turn.next(raw, count).filter(|index| turn.lacks(*index, bytes)).count();
        // Without the lock: taking memory may ask the application to free some, which may look at this buffer.
        drop(turn);
        // But with the download's slots.
        let _held = (lacking > 0).then(SlotsHeld::now);
        for _ in 0..lacking {
            // As large as the buffer, so that growing within the capacity takes no new one.
            spare.blocks.push(raw.state().allocate(raw.label(), source.bytes(), AllocRequest::default())?);
        }
        Ok(spare)
    }

    /// Keeps others from taking a turn.
    pub(super) fn take_turns(&self) -> Turns<'_, B> {
        Turns { turn: self.lock(), copied: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, LaneLease<B>> {
        // Whatever failed half-way, the list holds whole blocks.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory for shadows that no shadow has yet. It goes back if it is dropped.
pub(super) struct Spare<'a, B: Backend> {
    raw: &'a RawBuffer<B>,
    blocks: Vec<Block<B>>,
    count: usize,
    bytes: usize,
}

impl<B: Backend> Spare<'_, B> {
    /// Gives the memory to the next shadows, where another thread was not faster.
    pub(super) fn put(mut self) {
        if self.blocks.is_empty() {
            return;
        }
        let (raw, mut surplus) = (self.raw, Vec::new());
        let mut turn = raw.shadows().lock();
        for index in turn.next(raw, self.count) {
            if turn.lacks(index, self.bytes)
                && let Some(block) = self.blocks.pop()
            {
                surplus.extend(turn.put(index, block));
            }
        }
        let held: usize = turn.blocks.iter().map(Block::bytes).sum();
        let source = raw.block().map_or(0, Block::bytes);
        raw.state().ledger.resized(raw.entry(), (source + held) as u64);
        drop(turn);
        self.blocks.append(&mut surplus);
    }
}

impl<B: Backend> Drop for Spare<'_, B> {
    fn drop(&mut self) {
        self.blocks.drain(..).for_each(|block| self.raw.state().pool.give_back(block));
    }
}

/// The next shadows of one buffer, for whoever downloads it now. Without [`Turns::done`] they are next again.
pub(super) struct Turns<'a, B: Backend> {
    turn: MutexGuard<'a, LaneLease<B>>,
    copied: usize,
}

impl<B: Backend> Turns<'_, B> {
    /// Whether the next `count` shadows hold `bytes` bytes.
    pub(super) fn has(&self, raw: &RawBuffer<B>, count: usize, bytes: usize) -> bool {
        self.turn.next(raw, count).all(|index| !self.turn.lacks(index, bytes))
    }

    /// Queues a copy of `range` (bytes) of the buffer to the next shadow, which [has](Self::has) room. Returns which it is.
    pub(super) fn copy(
        &mut self,
        raw: &RawBuffer<B>,
        source: &Block<B>,
        range: Range<usize>,
    ) -> Result<usize, Fault> {
        let state = raw.state();
        let index = (self.turn.next + self.copied) % raw.slots().limit();
        let shadow = &mut self.turn.blocks[index];
        assert!(shadow.bytes() >= range.len(), "gpumem: a shadow without room");
        source.check()?;
        shadow.order_after_uses(&state.backend, state.compute.stream())?;
        let stream = state.compute.stream().raw();
        // SAFETY: the range lies in the source and was written (rule 5); the shadow holds as many bytes, is another
        // block, and its last reader was put before (rule 2). Writers of the source, and the retirement of either, come
        // later on this lane (rule 1).
        unsafe { state.backend.copy_on_device(stream, source.at(range.start), shadow.at(0), range.len()) }?;
        self.copied += 1;
        Ok(index)
    }

    pub(super) fn shadow(&self, index: usize) -> &Block<B> {
        &self.turn.blocks[index]
    }

    /// The copies are being read: other shadows are next.
    pub(super) fn done(mut self, raw: &RawBuffer<B>) {
        self.turn.next = (self.turn.next + self.copied) % raw.slots().limit();
    }
}
