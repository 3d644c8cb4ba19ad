//! Copies from a buffer to itself. Source and target may overlap, and a device copies only between ranges
//! that do not. So an overlapping copy goes in pieces: either each piece is as long as the distance, or it
//! goes through memory of its own.

use crate::backend::Backend;
use crate::buffer::copies;
use crate::buffer::raw::RawBuffer;
use crate::error::Error;
use crate::memory::{AllocRequest, Block, DeviceState};
use std::ops::Range;

/// The most bytes of the memory that pieces go through. A longer distance needs none: its pieces are long.
const PIECE: usize = 4 << 20;

impl<B: Backend> RawBuffer<B> {
    /// Overwrites the elements from `to` on, which exist, by those of `range`, which lies in the buffer.
    pub(in crate::buffer) fn copy_within(&mut self, range: Range<usize>, to: usize) -> Result<(), Error> {
        self.range(to..to.saturating_add(range.len()))?;
        let size = self.element_size();
        let (source, target, bytes) = (range.start * size, to * size, range.len() * size);
        let distance = source.abs_diff(target);
        if bytes == 0 || distance == 0 {
            return Ok(());
        }
        let state = self.state().clone();
        let through = if distance < bytes && distance < PIECE {
            Some(Scratch::take(&state, self, bytes.min(PIECE))?)
        } else {
            None
        };
        self.order_after_uses()?;
        let Some(block) = self.block() else { return Ok(()) };
        let longest = through.as_ref().map_or(distance, |scratch| scratch.block().bytes()).min(bytes);
        let pieces = bytes.div_ceil(longest);
        for turn in 0..pieces {
            // Upwards the last piece goes first, so that none is overwritten before it is read.
            let start = longest * if target > source { pieces - 1 - turn } else { turn };
            let (from, to, bytes) = (source + start, target + start, longest.min(bytes - start));
            let copy = |from, to| {
                // SAFETY: both ranges lie in their blocks. Those of the buffer were checked and written; the
                // scratch memory is written before it is read (rule 5), and is free in the order of the
                // compute stream, on which all of these copies are queued (rule 1). A piece is at most as
                // long as the distance or goes through another block, so source and target do not overlap.
                // The compute stream waits for the buffer's pending uses (rule 2).
                unsafe { copies::copy_on_device(&state, from, to, bytes) }
            };
            match &through {
                None => copy((block, from), (block, to))?,
                Some(scratch) => {
                    copy((block, from), (scratch.block(), 0))?;
                    copy((scratch.block(), 0), (block, to))?;
                }
            }
        }
        Ok(())
    }

    /// Refuses an index that no element has.
    pub(crate) fn check_index(&self, index: usize) -> Result<(), Error> {
        self.range(index..index.saturating_add(1)).map(drop)
    }

    /// Removes the element at `index`, whose place the last one takes.
    pub(crate) fn swap_remove(&mut self, index: usize) -> Result<(), Error> {
        self.check_index(index)?;
        let last = self.len() - 1;
        self.copy_within(last..last + 1, index)?;
        self.truncate(last);
        Ok(())
    }
}

/// Memory for the time that it takes to queue copies. The next owner's work is queued after them.
struct Scratch<'a, B: Backend> {
    state: &'a DeviceState<B>,
    block: Option<Block<B>>,
}

impl<'a, B: Backend> Scratch<'a, B> {
    /// Takes memory on behalf of `buffer`.
    fn take(state: &'a DeviceState<B>, buffer: &RawBuffer<B>, bytes: usize) -> Result<Self, Error> {
        Ok(Self { state, block: Some(state.allocate(&buffer.label(), bytes, AllocRequest::default())?) })
    }

    fn block(&self) -> &Block<B> {
        self.block.as_ref().unwrap_or_else(|| unreachable!("the block is taken out in the drop only"))
    }
}

impl<B: Backend> Drop for Scratch<'_, B> {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.state.pool.give_back(block);
        }
    }
}
