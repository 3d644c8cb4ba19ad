//! Blocks that become larger or smaller where they are.
//!
//! ```text
//!                   reserve, map_growth              commit_growth
//!   block ---------------------------------> growing ---------------> larger block
//!     ^      (the charge of the larger size,    |
//!     |       and memory after its end)         |
//!     +-----------------------------------------+
//!                    undo_growth
//! ```

use super::assemble::Assembler;
use crate::backend::{Backend, Fault};
use crate::memory::pool::DevicePool;
use crate::memory::pool::block::{Block, Counted, Origin};
use crate::memory::pool::segments::whole;

/// How large a block was before a growth in place.
pub(crate) struct Extent {
    mapped: usize,
    charged: u64,
}

impl Extent {
    pub(crate) fn of<B: Backend>(block: &Block<B>) -> Self {
        Self { mapped: block.mapped(), charged: block.charge.bytes() }
    }

    /// Bytes that a growth to `bytes` takes from the budget.
    pub(crate) fn price(&self, bytes: usize) -> u64 {
        (bytes as u64).saturating_sub(self.charged)
    }
}

impl<B: Backend> DevicePool<B> {
    /// Whether a block can become one of `bytes` where it is.
    pub(crate) fn can_grow(&self, block: &Block<B>, bytes: usize) -> bool {
        match &block.origin {
            Origin::Slab { class, .. } => bytes <= class.bytes(),
            Origin::Segment(segment) => {
                whole(bytes, self.unit()).is_some_and(|mapped| mapped <= segment.reserved())
            }
        }
    }

    /// Maps memory after the end of a block that [can grow](Self::can_grow), for `bytes` in all. The block
    /// keeps its size until [`commit_growth`](Self::commit_growth); [`undo_growth`](Self::undo_growth) gives
    /// back what this mapped.
    pub(crate) fn map_growth(&self, block: &mut Block<B>, bytes: usize) -> Result<(), Fault> {
        match (&mut block.origin, whole(bytes, self.unit())) {
            (Origin::Segment(segment), Some(mapped)) if mapped > segment.mapped() => {
                Assembler::new(self).fill(segment, mapped)
            }
            _ => Ok(()),
        }
    }

    /// Makes a block the larger one that memory was mapped for.
    pub(crate) fn commit_growth(&self, block: &mut Block<B>, bytes: usize) {
        block.bytes = bytes;
        self.count_again(block);
    }

    /// Gives back the memory of a growth, since the block will not grow after all. Where work that was queued
    /// since may have `touched` the memory, the calling thread waits for that work. Memory that cannot be
    /// waited for stays with the block, without a charge.
    pub(crate) fn undo_growth(&self, block: &mut Block<B>, before: &Extent, touched: bool) {
        let is_unused = !touched || block.wait_until_unused(&self.backend, &self.compute).is_ok();
        if let Origin::Segment(segment) = &mut block.origin
            && is_unused
        {
            // SAFETY: what lies after `mapped` was mapped by `map_growth`. No work was queued that uses it,
            // or it was waited for (rule 2).
            unsafe { self.physical.strip_to(segment, before.mapped) };
        }
        let more = block.charge.bytes().saturating_sub(before.charged);
        self.discharge(block.charge.split(more));
        self.count_again(block);
        self.losses.log();
    }

    /// Makes a block smaller where it is, if it is a segment, and gives back the chunks after its new end.
    /// Keeps the calling thread until nothing uses the block. Returns whether it was done: it is not where
    /// chunks are in the way that are much larger than what is to be left, unless the block `stays` where it
    /// is in any case.
    pub(crate) fn shrink(&self, block: &mut Block<B>, bytes: usize, stays: bool) -> Result<bool, Fault> {
        let unit = self.unit();
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

    /// Whether a block's segment is larger than the block, beyond rounding.
    pub(crate) fn has_waste(&self, block: &Block<B>) -> bool {
        block.waste(self.unit()) > 0
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
