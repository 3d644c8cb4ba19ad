//! gpumem, as an allocator among others: the pool alone, and whole buffers.

use crate::workload::Allocator;
use gpumem::__private::{Pool, PoolBlock};
use gpumem::{Backend, Buffer, Device, Error};

/// The pool, without buffers around its blocks.
pub(crate) struct Untyped<'a, B: Backend>(pub(crate) Pool<'a, B>);

impl<'a, B: Backend> Allocator for Untyped<'a, B> {
    type Block = PoolBlock<'a, B>;
    type Error = Error;

    #[inline]
    fn take(&self, bytes: usize) -> Result<Self::Block, Error> {
        self.0.take(bytes)
    }

    #[inline]
    fn give_back(&self, block: Self::Block) {
        drop(block);
    }
}

/// Buffers, with their names, records and limits. Element types cost nothing at run time, so bytes are
/// enough.
pub(crate) struct Whole<'a, B: Backend>(pub(crate) &'a Device<B>);

impl<B: Backend> Allocator for Whole<'_, B> {
    type Block = Buffer<u8, B>;
    type Error = Error;

    #[inline]
    fn take(&self, bytes: usize) -> Result<Self::Block, Error> {
        Buffer::with_capacity(self.0, "whole", bytes)
    }

    #[inline]
    fn give_back(&self, block: Self::Block) {
        drop(block);
    }
}
