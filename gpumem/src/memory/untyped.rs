//! Blocks by themselves, to measure the pool without buffers around it.

use crate::backend::Backend;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::memory::{AllocRequest, Block, DeviceState};
use std::fmt;

/// The pool of a device. Not part of the public interface: `benches/memory` uses it.
pub struct Pool<'a, B: Backend>(&'a DeviceState<B>);

/// A block that goes back to the pool when it is dropped.
pub struct PoolBlock<'a, B: Backend> {
    state: &'a DeviceState<B>,
    block: Option<Block<B>>,
}

impl<B: Backend> fmt::Debug for Pool<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").finish_non_exhaustive()
    }
}

impl<B: Backend> fmt::Debug for PoolBlock<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBlock")
            .field("bytes", &self.block.as_ref().map(Block::bytes))
            .finish_non_exhaustive()
    }
}

impl<'a, B: Backend> Pool<'a, B> {
    pub(crate) fn new(state: &'a DeviceState<B>) -> Self {
        Self(state)
    }

    /// Takes a block of `bytes`, above 0.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::with_capacity`](crate::Buffer::with_capacity).
    pub fn take(&self, bytes: usize) -> Result<PoolBlock<'a, B>, Error> {
        let label = BufferLabel::literal("untyped");
        let block = self.0.allocate(&label, bytes.max(1), AllocRequest::default())?;
        Ok(PoolBlock { state: self.0, block: Some(block) })
    }
}

impl<B: Backend> Drop for PoolBlock<'_, B> {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.state.pool.give_back(block);
        }
    }
}
