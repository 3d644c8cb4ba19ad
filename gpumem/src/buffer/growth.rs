//! Memory for more elements, between the moment that it is taken and the moment that the buffer has it.
//!
//! ```text
//!   RawBuffer::prepare ---> Growth ---commit---> the buffer has the memory
//!                              |
//!                              +------drop-----> the memory goes back; buffer and device are as they were
//! ```
//!
//! A growth borrows its buffer, so that an operation on several buffers prepares all of them before it commits the first, and
//! whatever ends it in between undoes what was prepared.

use super::member::SetCharge;
use super::raw::RawBuffer;
use crate::backend::Backend;
use crate::error::Error;
use crate::memory::{Block, DeviceState, Extent};
use std::sync::Arc;

pub(crate) enum Growth<'a, B: Backend> {
    /// The buffer has room.
    Enough(&'a mut RawBuffer<B>),
    /// There is memory after the end of the block.
    InPlaceGrowth(InPlaceGrowth<'a, B>),
    /// There is memory elsewhere.
    Elsewhere(&'a mut RawBuffer<B>, NewBlock<B>),
}

/// What a [`Growth`] is made of.
pub(super) enum GrowthPlan<B: Backend> {
    /// `capacity` elements in all, of a block that was as large as `before`.
    InPlaceGrowth {
        before: Extent,
        capacity: usize,
        share: SetCharge,
    },
    New(NewBlock<B>),
}

impl<'a, B: Backend> Growth<'a, B> {
    #[inline]
    pub(super) fn new(raw: &'a mut RawBuffer<B>, room: GrowthPlan<B>) -> Self {
        match room {
            GrowthPlan::InPlaceGrowth { before, capacity, share } => {
                let before = Some(before);
                Self::InPlaceGrowth(InPlaceGrowth { raw, before, capacity, share, touched: false })
            }
            GrowthPlan::New(space) => Self::Elsewhere(raw, space),
        }
    }

    /// Makes the memory the buffer's. Elements that have to move there are copied, which fails only when the device has.
    pub(crate) fn commit(self) -> Result<(), Error> {
        match self {
            Self::Enough(_) => {}
            Self::InPlaceGrowth(growth) => growth.commit(|_| {}),
            Self::Elsewhere(raw, space) => raw.relocate(space)?,
        }
        Ok(())
    }

    /// Makes the memory the buffer's, and replaces its contents by `count` elements, for which there is room: `send` queues the writing of
    /// all of them to the start of a block. It is not called where there is no block, and so no element.
    pub(super) fn replace<R>(
        self,
        count: usize,
        send: impl FnOnce(&Arc<DeviceState<B>>, &Block<B>) -> Result<R, Error>,
    ) -> Result<Option<R>, Error> {
        let send_to = |raw: &RawBuffer<B>, block: Option<&Block<B>>| {
            block.map(|block| send(raw.state(), block)).transpose()
        };
        // SAFETY: called where the writing of these elements was just queued, in memory that has room for them (rule 5).
        let written = |raw: &mut RawBuffer<B>| unsafe { raw.set_len(count) };
        match self {
            Self::Enough(raw) => {
                raw.order_after_uses()?;
                let sent = send_to(raw, raw.block())?;
                written(raw);
                Ok(sent)
            }
            Self::InPlaceGrowth(mut growth) => {
                growth.raw.order_after_uses()?;
                growth.touched = true;
                // The memory becomes the buffer's when nothing can fail any more.
                let sent = send_to(growth.raw, growth.raw.block())?;
                growth.commit(written);
                Ok(sent)
            }
            // New memory is filled before the buffer moves there: what it held need not be copied, and stays if this fails.
            Self::Elsewhere(raw, space) => {
                let sent = send_to(raw, space.block.as_ref())?;
                raw.move_to(Some(space));
                written(raw);
                Ok(sent)
            }
        }
    }

    /// How many elements `data` is for the buffer that grows.
    pub(super) fn elements_in(&self, data: &[u8]) -> usize {
        match self {
            Self::Enough(raw) | Self::Elsewhere(raw, _) => raw.elements_in(data),
            Self::InPlaceGrowth(growth) => growth.raw.elements_in(data),
        }
    }
}

/// Memory after the end of a buffer's block. Dropping it gives the memory back.
pub(crate) struct InPlaceGrowth<'a, B: Backend> {
    raw: &'a mut RawBuffer<B>,
    /// None once it is committed.
    before: Option<Extent>,
    capacity: usize,
    share: SetCharge,
    /// Work may have been queued that writes the memory.
    touched: bool,
}

impl<B: Backend> InPlaceGrowth<'_, B> {
    fn commit(mut self, then: impl FnOnce(&mut RawBuffer<B>)) {
        self.before = None;
        let share = std::mem::replace(&mut self.share, SetCharge::none(None));
        self.raw.extend_to(self.capacity, share);
        then(self.raw);
    }
}

impl<B: Backend> Drop for InPlaceGrowth<'_, B> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            self.raw.undo(before, self.touched);
        }
    }
}

/// Memory that no buffer has moved to yet. Dropping it gives it back.
pub(crate) struct NewBlock<B: Backend> {
    /// None only while it is dropped.
    block: Option<Block<B>>,
    state: Arc<DeviceState<B>>,
    capacity: usize,
    share: SetCharge,
}

impl<B: Backend> NewBlock<B> {
    #[inline]
    pub(super) fn new(
        state: Arc<DeviceState<B>>,
        block: Block<B>,
        capacity: usize,
        share: SetCharge,
    ) -> Self {
        Self { block: Some(block), state, capacity, share }
    }

    pub(super) fn block(&self) -> Option<&Block<B>> {
        self.block.as_ref()
    }

    /// The block, how many elements it has room for, and what that takes of the set's limit.
    #[inline]
    pub(super) fn into_parts(mut self) -> (Option<Block<B>>, usize, SetCharge) {
        let share = std::mem::replace(&mut self.share, SetCharge::none(None));
        (self.block.take(), self.capacity, share)
    }
}

impl<B: Backend> Drop for NewBlock<B> {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.state.pool.give_back(block);
        }
    }
}
