//! Blocks by themselves, for measuring what the pool costs without buffers around it.

use super::block::Block;
use super::core::Core;
use super::store::Want;
use crate::backend::Backend;
use crate::error::{BufferLabel, Error};

/// The pool of a device. Not part of the public interface: `benches/memory` uses it.
pub struct Pool<'a, B: Backend>(&'a Core<B>);

/// A block that goes back when it is dropped. There is nothing to do with it but to have it.
pub struct PoolBlock<'a, B: Backend> {
    core: &'a Core<B>,
    block: Option<Block<B>>,
}

impl<'a, B: Backend> Pool<'a, B> {
    pub(crate) fn new(core: &'a Core<B>) -> Self {
        Self(core)
    }

    /// Takes a block of `bytes`, above 0.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::with_capacity`](crate::Buffer::with_capacity).
    pub fn take(&self, bytes: usize) -> Result<PoolBlock<'a, B>, Error> {
        let label = BufferLabel { set: None, name: "untyped" };
        let block = self.0.allocate(label, bytes.max(1), Want::default())?;
        Ok(PoolBlock { core: self.0, block: Some(block) })
    }
}

impl<B: Backend> Drop for PoolBlock<'_, B> {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.core.retire(block);
        }
    }
}
