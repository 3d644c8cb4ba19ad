//! Copies on the device, for downloads of `snapshot` buffers.
//!
//! A snapshot download copies the elements to a *shadow*, in the order of the compute lane, and the download lane reads the
//! shadow. What writes the buffer next is behind a copy at the speed of device memory, and not behind one at the speed of the
//! bus. Shadows are taken in turn, one for each slot, and are kept: when the turn comes round, the compute lane waits for the
//! shadow's last download, which a program that has its slots back has seen the end of.

use super::raw::RawBuffer;
use crate::backend::{Backend, Fault};
use crate::error::Error;
use crate::memory::{Block, Core, Want};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The shadows of one buffer.
pub(super) struct Shadows<B: Backend> {
    turn: Mutex<Turn<B>>,
}

struct Turn<B: Backend> {
    blocks: Vec<Block<B>>,
    next: usize,
}

impl<B: Backend> Turn<B> {
    fn lacks(&self, index: usize, bytes: usize) -> bool {
        self.blocks.get(index).is_none_or(|block| block.bytes() < bytes)
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

impl<B: Backend> Shadows<B> {
    pub(super) fn new() -> Self {
        Self { turn: Mutex::new(Turn { blocks: Vec::new(), next: 0 }) }
    }

    /// Bytes of device memory that the shadows hold.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().blocks.iter().map(|block| block.bytes() as u64).sum()
    }

    /// Gives the memory of all shadows back.
    pub(super) fn clear(&self, core: &Core<B>) {
        let turn = std::mem::replace(&mut *self.lock(), Turn { blocks: Vec::new(), next: 0 });
        let blocks = turn.blocks;
        blocks.into_iter().for_each(|block| core.retire(block));
    }

    /// Queues a copy of `range` (bytes) of the buffer to the next shadow, and runs `read` with it.
    pub(super) fn copy<R>(
        &self,
        raw: &RawBuffer<B>,
        source: &Block<B>,
        range: Range<usize>,
        read: impl FnOnce(&Block<B>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let core = raw.core();
        // Retired when nothing is locked any more.
        let mut surplus = None;
        let result = self.copy_in_turn(raw, source, range, &mut surplus, read);
        if let Some(block) = surplus {
            core.retire(block);
        }
        result
    }

    fn copy_in_turn<R>(
        &self,
        raw: &RawBuffer<B>,
        source: &Block<B>,
        range: Range<usize>,
        surplus: &mut Option<Block<B>>,
        read: impl FnOnce(&Block<B>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let core = raw.core();
        let mut turn = self.lock();
        let mut index = turn.next % raw.slots().limit();
        if turn.lacks(index, range.len()) {
            // Without the lock: taking memory may ask the application to free some, which may look at this buffer.
            drop(turn);
            // As large as the buffer, so that growing within the capacity takes no new one.
            let block = core.allocate(raw.label(), source.bytes(), Want::default())?;
            turn = self.lock();
            index = turn.next % raw.slots().limit();
            *surplus = turn.put(index, block);
            let bytes: usize = turn.blocks.iter().map(Block::bytes).sum();
            core.ledger.resized(raw.entry(), (source.bytes() + bytes) as u64);
        }
        let shadow = &mut turn.blocks[index];
        let queue = |shadow: &mut Block<B>| -> Result<(), Fault> {
            source.check()?;
            shadow.order_after_uses(core)?;
            let stream = core.compute.stream().raw();
            // SAFETY: the range lies in the source and was written (rule 5); the shadow holds as many bytes, is another
            // block, and its last reader was put before (rule 2). Writers of the source, and the retirement of either, come
            // later on this lane (rule 1).
            unsafe { core.backend.copy_on_device(stream, source.at(range.start), shadow.at(0), range.len()) }
        };
        queue(shadow).map_err(Error::from_fault::<B>)?;
        let result = read(shadow)?;
        turn.next = index + 1;
        Ok(result)
    }

    fn lock(&self) -> MutexGuard<'_, Turn<B>> {
        // Whatever failed half-way, the list holds whole blocks.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
