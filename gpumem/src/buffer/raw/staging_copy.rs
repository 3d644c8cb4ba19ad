//! Staging copies: the copies on the device that downloads of a `snapshot` buffer read.
//!
//! Such a download first copies the elements to a staging copy, on the compute stream, and the download
//! stream reads that. So the next write of the buffer waits for a copy at the rate of device memory, and not
//! for one at the rate of the bus. A buffer has one staging copy per slot, made when it is first needed,
//! kept, and used in rotation. Before a staging copy is written again, the compute stream waits for its last
//! download; a program that has its slots back has seen the end of that download.

use super::growth::tell_of_block;
use crate::backend::{Backend, Fault};
use crate::buffer::copies::{self, Place};
use crate::error::Error;
use crate::label::BufferLabel;
use crate::memory::{AllocRequest, Block, DeviceState, SlotsHeld, lock};
use crate::timeline::{Footprint, Track};
use std::sync::{Mutex, MutexGuard};

/// The staging copies of one buffer.
pub(super) struct StagingCopies<B: Backend> {
    rotation: Mutex<Rotation<B>>,
}

/// The staging copies in the order of their use.
pub(in crate::buffer) struct Rotation<B: Backend> {
    blocks: Vec<Block<B>>,
    /// The index of the staging copy that is used next.
    next: usize,
    /// The most staging copies: one per slot.
    limit: usize,
}

impl<B: Backend> Rotation<B> {
    fn new(limit: usize) -> Self {
        Self { blocks: Vec::new(), next: 0, limit }
    }

    /// The indices of the next `count` staging copies.
    fn next(&self, count: usize) -> impl Iterator<Item = usize> + use<B> {
        let (next, limit) = (self.next, self.limit);
        (0..count).map(move |ahead| (next + ahead) % limit)
    }

    fn lacks(&self, index: usize, bytes: usize) -> bool {
        self.blocks.get(index).is_none_or(|block| block.bytes() < bytes)
    }

    /// Whether each of the next `count` staging copies has `bytes` bytes.
    pub(in crate::buffer) fn has(&self, count: usize, bytes: usize) -> bool {
        self.next(count).all(|index| !self.lacks(index, bytes))
    }

    /// Puts a block in its place. Returns the block that is not needed: the old one, or the new one if
    /// another thread has put a block there that is as large.
    fn put(&mut self, index: usize, block: Block<B>) -> Option<Block<B>> {
        match self.blocks.get_mut(index) {
            Some(old) if old.bytes() >= block.bytes() => Some(block),
            Some(old) => Some(std::mem::replace(old, block)),
            None => {
                self.blocks.push(block);
                None
            }
        }
    }

    /// Queues a copy of `bytes` bytes, which the buffer has from `source` on, to the staging copy after the
    /// next `ahead`. Returns its index. The caller has made sure that it is large enough ([`Self::has`]).
    pub(in crate::buffer) fn copy(
        &mut self,
        state: &DeviceState<B>,
        source: Place<'_, B>,
        bytes: usize,
        ahead: usize,
    ) -> Result<usize, Fault> {
        let index = (self.next + ahead) % self.limit;
        let target = &mut self.blocks[index];
        assert!(target.bytes() >= bytes, "gpumem: a staging copy that is too small");
        target.order_after_uses(&state.backend, state.lanes.compute.stream())?;
        // SAFETY: the caller's range lies in the buffer and was written (rule 5). The staging copy is another
        // block, which was just found large enough, and the compute stream waits for its last download (rule
        // 2).
        unsafe { copies::copy_on_device(state, source, (target, 0), bytes) }?;
        Ok(index)
    }

    pub(in crate::buffer) fn block(&self, index: usize) -> &Block<B> {
        &self.blocks[index]
    }

    /// Goes on by `count` staging copies, which are being downloaded. Without this the same ones are used
    /// again.
    pub(in crate::buffer) fn advance(&mut self, count: usize) {
        self.next = (self.next + count) % self.limit;
    }
}

impl<B: Backend> StagingCopies<B> {
    /// For a buffer with so many slots.
    pub(super) fn new(slots: usize) -> Self {
        Self { rotation: Mutex::new(Rotation::new(slots)) }
    }

    /// Bytes of device memory that the staging copies hold.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().blocks.iter().map(|block| block.bytes() as u64).sum()
    }

    /// Gives the memory of all staging copies back. They are those of the buffer `track`.
    pub(super) fn clear(&self, state: &DeviceState<B>, track: Track) {
        let blocks = {
            let mut rotation = self.lock();
            let limit = rotation.limit;
            std::mem::replace(&mut *rotation, Rotation::new(limit)).blocks
        };
        for (index, block) in blocks.into_iter().enumerate() {
            state.ledger.recorder.staged(track, index, footprint(Some(&block)), Footprint::default());
            state.pool.give_back(block);
        }
    }

    /// Allocates memory of `size` bytes for each of the next `count` staging copies that has fewer than
    /// `bytes` bytes.
    pub(super) fn allocate<'a>(
        &'a self,
        state: &'a DeviceState<B>,
        label: &BufferLabel,
        size: usize,
        (count, bytes): (usize, usize),
    ) -> Result<NewCopies<'a, B>, Error> {
        let mut new = NewCopies { copies: self, state, blocks: Vec::new(), count, bytes };
        // Unlocked before memory is taken: the application may be asked to free some, and may look at this
        // buffer.
        let lacking = {
            let rotation = self.lock();
            rotation.next(count).filter(|index| rotation.lacks(*index, bytes)).count()
        };
        // The calling thread has the download's slots meanwhile.
        let _held = (lacking > 0).then(SlotsHeld::now);
        for _ in 0..lacking {
            let block = state.allocate(label, size, AllocRequest::default());
            new.blocks.push(block.map_err(|error| error.counted(&state.ledger.counters))?);
            tell_of_block(label, size);
        }
        Ok(new)
    }

    /// The mutex that a download holds while it uses the staging copies. A download of several buffers takes
    /// theirs with `lock_together`.
    pub(super) fn rotation(&self) -> &Mutex<Rotation<B>> {
        &self.rotation
    }

    fn lock(&self) -> MutexGuard<'_, Rotation<B>> {
        lock(&self.rotation)
    }
}

/// Where a staging copy is, for the timeline.
fn footprint<B: Backend>(block: Option<&Block<B>>) -> Footprint {
    block.map_or(Footprint::default(), |block| Footprint::new(block.address(), block.bytes() as u64, 0))
}

/// Memory for staging copies, which no staging copy has yet. Dropping it gives the memory back.
pub(in crate::buffer) struct NewCopies<'a, B: Backend> {
    copies: &'a StagingCopies<B>,
    state: &'a DeviceState<B>,
    blocks: Vec<Block<B>>,
    count: usize,
    bytes: usize,
}

impl<B: Backend> NewCopies<'_, B> {
    /// Gives the memory to the next staging copies, unless another thread's memory came first. `note` is told
    /// how many bytes all staging copies hold then, while they are locked.
    pub(super) fn put(mut self, track: Track, note: impl FnOnce(u64)) {
        if self.blocks.is_empty() {
            return;
        }
        let mut surplus = Vec::new();
        let mut rotation = self.copies.lock();
        for index in rotation.next(self.count) {
            if rotation.lacks(index, self.bytes)
                && let Some(block) = self.blocks.pop()
            {
                let before = footprint(rotation.blocks.get(index));
                surplus.extend(rotation.put(index, block));
                let after = footprint(rotation.blocks.get(index));
                self.state.ledger.recorder.staged(track, index, before, after);
            }
        }
        note(rotation.blocks.iter().map(|block| block.bytes() as u64).sum());
        drop(rotation);
        self.blocks.append(&mut surplus);
    }
}

impl<B: Backend> Drop for NewCopies<'_, B> {
    fn drop(&mut self) {
        self.blocks.drain(..).for_each(|block| self.state.pool.give_back(block));
    }
}
