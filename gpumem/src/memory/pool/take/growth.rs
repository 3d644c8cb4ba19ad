//! Blocks that become larger or smaller where they are.
//!
//! ```text
//!                       reserve, map                    commit
//!   block ---------------------------------> growing ---------------> larger block
//!     ^      (the charge of the larger size,    |
//!     |       and memory after its end)         |
//!     +-----------------------------------------+
//!                        undo
//! ```

use super::assemble::Assembler;
use crate::backend::{Backend, Fault};
use crate::memory::pool::DevicePool;
use crate::memory::pool::block::{Block, Counted, Origin};
use crate::memory::pool::segments::whole;

/// The growth of one block where it is. Each step gets the block, and the pool that the block is from.
pub(crate) struct InPlaceGrowth {
    /// Bytes of memory that the block's segment had.
    mapped: usize,
    /// Bytes that the block had charged.
    charged: u64,
    /// Bytes that the block is to have.
    bytes: usize,
}

impl InPlaceGrowth {
    /// The growth of a block to `bytes`. `None` if the block cannot have them where it is.
    pub(crate) fn of<B: Backend>(pool: &DevicePool<B>, block: &Block<B>, bytes: usize) -> Option<Self> {
        let fits = match &block.origin {
            Origin::Slab { class, .. } => bytes <= class.bytes(),
            Origin::Segment(segment) => {
                whole(bytes, pool.unit()).is_some_and(|mapped| mapped <= segment.addresses())
            }
        };
        fits.then(|| Self { mapped: block.mapped(), charged: block.charge.bytes(), bytes })
    }

    /// Bytes that it takes from the budget.
    pub(crate) fn price(&self) -> u64 {
        (self.bytes as u64).saturating_sub(self.charged)
    }

    /// Maps memory after the end of the block. The block keeps its size until [`commit`](Self::commit);
    /// [`undo`](Self::undo) gives back what this mapped.
    pub(crate) fn map<B: Backend>(&self, pool: &DevicePool<B>, block: &mut Block<B>) -> Result<(), Fault> {
        match (&mut block.origin, whole(self.bytes, pool.unit())) {
            (Origin::Segment(segment), Some(mapped)) if mapped > segment.mapped() => {
                Assembler::new(pool).fill(segment, mapped)
            }
            _ => Ok(()),
        }
    }

    /// Makes the block the larger one.
    pub(crate) fn commit<B: Backend>(&self, pool: &DevicePool<B>, block: &mut Block<B>) {
        block.bytes = self.bytes;
        pool.count_again(block);
    }

    /// Gives back the memory and the charge, since the block will not grow after all. Where work that was
    /// queued since may have `touched` the memory, the calling thread waits for that work. Memory that cannot
    /// be waited for stays with the block, without a charge.
    pub(crate) fn undo<B: Backend>(&self, pool: &DevicePool<B>, block: &mut Block<B>, touched: bool) {
        let is_unused = !touched || block.wait_until_unused(&pool.backend, &pool.compute).is_ok();
        if let Origin::Segment(segment) = &mut block.origin
            && is_unused
        {
            // SAFETY: what lies after `mapped` was mapped by `map`. No work was queued that uses it, or it
            // was waited for (rule 2).
            unsafe { pool.physical.strip_to(segment, self.mapped) };
        }
        let more = block.charge.bytes().saturating_sub(self.charged);
        pool.discharge(block.charge.split(more));
        pool.count_again(block);
        pool.losses.log();
    }
}

impl<B: Backend> DevicePool<B> {
    /// Makes a block smaller where it is, if it is a segment, and gives back the chunks after its new end.
    /// Keeps the calling thread until nothing uses the block. Returns whether it was done: it is not where
    /// chunks are in the way that are much larger than what is to be left, unless the block `stays` where it
    /// is in any case. Nothing is done, and nothing waited for, where the block has no more than `bytes` and
    /// their rounding.
    pub(crate) fn shrink(&self, block: &mut Block<B>, bytes: usize, stays: bool) -> Result<bool, Fault> {
        let unit = self.unit();
        if bytes >= block.bytes && block.waste(unit) == 0 {
            return Ok(true);
        }
        let mapped = whole(bytes, unit).unwrap_or(usize::MAX);
        match &block.origin {
            Origin::Slab { .. } => return Ok(false),
            Origin::Segment(segment) => {
                let too_much = segment.stripped_to(mapped) - mapped.min(segment.mapped());
                if !stays && too_much > (mapped / 8).max(unit) {
                    return Ok(false);
                }
            }
        }
        block.wait_until_unused(&self.backend, &self.compute)?;
        if let Origin::Segment(segment) = &mut block.origin {
            // SAFETY: the block is borrowed mutably and was waited for, so nothing touches it (rule 2).
            unsafe { self.physical.strip_to(segment, mapped) };
        }
        block.bytes = block.bytes.min(bytes);
        let less = block.charge.bytes().saturating_sub(block.bytes as u64);
        self.discharge(block.charge.split(less));
        self.count_again(block);
        self.losses.log();
        Ok(true)
    }

    /// Brings the sums over all blocks up to date with a block whose memory or size has changed.
    pub(super) fn count_again(&self, block: &mut Block<B>) {
        let now = Counted {
            waste: block.waste(self.unit()),
            #[cfg(all(debug_assertions, feature = "testing"))]
            mapped: block.mapped(),
        };
        self.sums.count(std::mem::replace(&mut block.counted, now), now);
    }
}
