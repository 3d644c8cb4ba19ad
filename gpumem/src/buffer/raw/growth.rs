//! Growth: how a buffer gets memory, and how it shrinks.
//!
//! ```text
//!   RawBuffer::prepare ---> Growth ---commit, write---> the buffer has the memory
//!                              |
//!                              +---------drop---------> the memory goes back; buffer and device are as they were
//! ```
//!
//! [`RawBuffer::prepare`] takes memory and changes nothing that can be seen. The [`Growth`] that it returns
//! borrows the buffer. So an operation on several buffers prepares all of them before it commits the first,
//! and a failure in between undoes all preparations.
//!
//! A block grows in place if it can: above about 1 MiB, or from the first byte if the specification says
//! `stable`, a block is a segment of its own, and memory is mapped after its end. Otherwise the buffer moves
//! to a new block: a copy of the elements is queued on the compute stream, and the old block is given back,
//! which makes it free in the order of that stream. Neither waits.

use super::{RawBuffer, SetCharge, SetShared};
use crate::backend::Backend;
use crate::buffer::copies;
use crate::device::Device;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::ledger::Resize;
use crate::log_safely::event;
use crate::memory::{AllocRequest, Block, InPlaceGrowth, LARGEST_SMALL};
use crate::spec::BufferSpec;
use std::panic::Location;
use std::sync::Arc;

/// Memory for more elements, which the buffer does not have yet. Dropping it gives the memory back.
pub(crate) struct Growth<'a, B: Backend> {
    raw: &'a mut RawBuffer<B>,
    plan: GrowthPlan<B>,
    /// Whether work may have been queued that writes the memory after the end of the buffer's block.
    touched: bool,
}

/// The memory of a [`Growth`].
enum GrowthPlan<B: Backend> {
    /// The capacity is large enough.
    Enough,
    /// Memory after the end of the buffer's block, for `capacity` elements in all.
    InPlace { growth: InPlaceGrowth, capacity: usize, charge: SetCharge },
    /// A new block for `capacity` elements.
    NewBlock { block: Block<B>, capacity: usize, charge: SetCharge },
}

/// Whether an operation keeps the old elements or replaces all of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Old {
    Kept,
    Replaced,
}

/// The bytes of `elements` of a buffer, if memory can address them.
pub(super) fn size_of(spec: &BufferSpec, label: &BufferLabel, elements: usize) -> Result<usize, Error> {
    let element_size = spec.element_size();
    let bytes = elements.checked_mul(element_size).filter(|bytes| isize::try_from(*bytes).is_ok());
    bytes.ok_or_else(|| Error::SizeOverflow { buffer: label.clone(), elements, element_size })
}

/// The elements of the `min` of a buffer.
pub(super) fn min_capacity(spec: &BufferSpec) -> usize {
    usize::try_from(spec.min_bytes()).unwrap_or(usize::MAX).div_ceil(spec.element_size().max(1))
}

/// Refuses a number of elements that is above the `max` of a buffer. Returns their bytes.
pub(super) fn check_limit(spec: &BufferSpec, label: &BufferLabel, need: usize) -> Result<usize, Error> {
    let bytes = size_of(spec, label, need)?;
    match spec.max_bytes() {
        Some(limit) if bytes as u64 > limit => {
            Err(Error::BufferLimit { buffer: label.clone(), requested: bytes as u64, limit })
        }
        _ => Ok(bytes),
    }
}

/// Tells of a block that was taken for a buffer.
pub(super) fn tell_of_block(label: &BufferLabel, bytes: usize) {
    event!(TRACE, "allocated", buffer = label.name(), set = label.set(), bytes, "a block was taken");
}

/// The request for a block of a buffer.
pub(super) fn request(spec: &BufferSpec, ask: bool, prepaid: bool) -> AllocRequest {
    AllocRequest { addresses: spec.max_bytes(), stable: spec.is_stable(), ask, prepaid }
}

impl<B: Backend> RawBuffer<B> {
    /// An empty buffer with memory for `capacity` elements, or for its `min` if that is more. `spec` has its
    /// element size.
    #[track_caller]
    pub(crate) fn new(
        device: &Device<B>,
        spec: BufferSpec,
        capacity: usize,
        set: Option<Arc<SetShared>>,
    ) -> Result<Self, Error> {
        let mut new = Self::without_memory(device, spec, set)?;
        let capacity = capacity.max(min_capacity(&new.spec));
        new.check_limit(capacity)?;
        if capacity > 0 {
            let plan = new.plan(capacity, true)?;
            Growth::new(&mut new, plan).commit()?;
        }
        new.list(Location::caller());
        Ok(new)
    }

    /// The bytes of `elements`, if memory can address them.
    pub(in crate::buffer) fn size_of(&self, elements: usize) -> Result<usize, Error> {
        size_of(&self.spec, &self.label, elements)
    }

    /// Refuses a number of elements that is above the buffer's own limit.
    pub(in crate::buffer) fn check_limit(&self, need: usize) -> Result<(), Error> {
        check_limit(&self.spec, &self.label, need).map(drop).map_err(|error| self.counted(error))
    }

    /// Counts an error with which an operation ends. The device knows of the others that are about memory.
    fn counted(&self, error: Error) -> Error {
        let state = self.state();
        let of_set = matches!(error, Error::SetLimit { .. });
        let error = if of_set { state.failed(error, true) } else { error };
        error.counted(&state.ledger.counters)
    }

    /// Refuses a number of elements that is above the limit of the buffer, of its set or of the device, so
    /// that no free memory would be enough.
    pub(in crate::buffer) fn check_limits(&self, need: usize) -> Result<(), Error> {
        self.check_limit(need)?;
        let requested = self.size_of(need)? as u64;
        if need <= self.capacity {
            return Ok(());
        }
        let budget = self.state().pool.budget();
        let (used, limit) = (budget.used(), budget.limit());
        let checked = if requested > limit {
            let error = Error::DeviceLimit { buffer: self.label(), requested, used, limit };
            Err(self.state().failed(error, true))
        } else {
            self.charge.check(requested, &self.label)
        };
        checked.map_err(|error| self.counted(error))
    }

    /// Takes memory for `need` elements in all, if the buffer has too little. Changes nothing that can be
    /// seen.
    pub(crate) fn prepare(&mut self, need: usize) -> Result<Growth<'_, B>, Error> {
        self.check_limit(need)?;
        if need <= self.capacity {
            // Perhaps no work is queued, which would find the failure.
            self.state().backend.check_failure()?;
            return Ok(Growth::new(self, GrowthPlan::Enough));
        }
        let next = self.spec.next_capacity(self.capacity, need, self.element_size());
        // The application is asked to free memory for the exact need only. No failure to get more is a reason
        // to refuse the need, whether memory or a limit or a huge factor is the cause; if it stands in the
        // way of the need too, the second attempt fails.
        let plan = match self.plan(next, next == need) {
            Err(_) if next > need => self.plan(need, true)?,
            other => other?,
        };
        Ok(Growth::new(self, plan))
    }

    /// Takes memory for `capacity` elements, after the end of the block or in a new one. The application may
    /// be asked to free memory if `ask` says so, and an error is counted then: without that there is a second
    /// attempt.
    fn plan(&mut self, capacity: usize, ask: bool) -> Result<GrowthPlan<B>, Error> {
        let plan = self.take(capacity, ask);
        plan.map_err(|error| if ask { self.counted(error) } else { error })
    }

    /// The same without the count.
    fn take(&mut self, capacity: usize, ask: bool) -> Result<GrowthPlan<B>, Error> {
        let bytes = self.size_of(capacity)?;
        let charge = self.charge.extend_to(bytes as u64, &self.label)?;
        let state = self.device.state();
        if let Some(block) = &mut self.block
            && let Some(growth) = state.grow(block, &self.label, bytes, ask)?
        {
            return Ok(GrowthPlan::InPlace { growth, capacity, charge });
        }
        if self.spec.is_stable() && self.capacity > 0 {
            // It is as large as its addresses, which are enough for all the memory that the device has.
            let limit = self.stats().live_bytes();
            return Err(Error::BufferLimit { buffer: self.label(), requested: bytes as u64, limit });
        }
        let block = self.allocate(bytes, ask, false)?;
        Ok(GrowthPlan::NewBlock { block, capacity, charge })
    }

    /// Takes a new block. A `prepaid` one takes a part of the old block's charge when the buffer moves.
    fn allocate(&self, bytes: usize, ask: bool, prepaid: bool) -> Result<Block<B>, Error> {
        let block = self.state().allocate(&self.label, bytes, request(&self.spec, ask, prepaid))?;
        tell_of_block(&self.label, bytes);
        Ok(block)
    }

    pub(crate) fn reserve(&mut self, additional: usize) -> Result<(), Error> {
        self.prepare(self.len.saturating_add(additional))?.commit()
    }

    pub(crate) fn shrink_to_fit(&mut self) -> Result<(), Error> {
        self.state().backend.check_failure()?;
        self.staging.clear(self.device.state(), self.track());
        self.report_bytes(0);
        let capacity = self.len.max(min_capacity(&self.spec));
        let bytes = self.size_of(capacity)?;
        let state = self.device.state();
        if capacity >= self.capacity {
            // The buffer may have got a free segment that was a little too large.
            if let Some(block) = &mut self.block {
                state.pool.shrink(block, bytes, true)?;
            }
            return Ok(());
        }
        if (self.spec.is_stable() || bytes > LARGEST_SMALL)
            && let Some(block) = &mut self.block
            && state.pool.shrink(block, bytes, self.spec.is_stable())?
        {
            self.resized(capacity, SetCharge::none(None), Some(Resize::Shrunk));
            return Ok(());
        }
        if capacity == 0 {
            self.move_to(None, 0, SetCharge::none(None));
            return Ok(());
        }
        let charge = self.charge.extend_to(bytes as u64, &self.label)?;
        // The smaller block counts against no limit, since the larger one is charged already.
        let block = self.allocate(bytes, true, true).map_err(|error| self.counted(error))?;
        Growth::new(self, GrowthPlan::NewBlock { block, capacity, charge }).commit()
    }

    /// Changes to another block, or to none, and gives the old one back.
    #[inline]
    fn move_to(&mut self, block: Option<Block<B>>, capacity: usize, charge: SetCharge) {
        let mut old = std::mem::replace(&mut self.block, block);
        if let (Some(new), Some(old)) = (&mut self.block, &mut old) {
            new.take_charge_of(old);
        }
        let how = if capacity > self.capacity { Resize::GrownByCopy } else { Resize::Shrunk };
        self.resized(capacity, charge, old.is_some().then_some(how));
        if let Some(old) = old {
            let before = old.bytes();
            self.state().pool.give_back(old);
            if matches!(how, Resize::GrownByCopy) {
                let (buffer, set, bytes) = (self.label.name(), self.label.set(), self.bytes());
                event!(
                    DEBUG,
                    "grown by copy",
                    buffer,
                    set,
                    before,
                    bytes,
                    "a buffer moved to a larger block"
                );
            }
        }
    }

    /// Makes the memory after the end of the block a part of it.
    fn extend_to(&mut self, growth: &InPlaceGrowth, capacity: usize, charge: SetCharge) {
        if let Some(block) = &mut self.block {
            let before = block.bytes();
            growth.commit(&self.device.state().pool, block);
            let bytes = block.bytes();
            self.resized(capacity, charge, Some(Resize::GrownInPlace));
            let (buffer, set) = (self.label.name(), self.label.set());
            event!(TRACE, "grown in place", buffer, set, before, bytes, "a buffer grew where it is");
        }
    }

    /// Notes the new capacity, and how a buffer that had memory got it.
    #[inline]
    fn resized(&mut self, capacity: usize, charge: SetCharge, how: Option<Resize>) {
        self.capacity = capacity;
        self.charge.join(charge, (capacity * self.element_size()) as u64);
        if let Some(how) = how {
            self.count_resize(how);
        }
        self.report_bytes(self.staging.bytes());
    }
}

impl<'a, B: Backend> Growth<'a, B> {
    #[inline]
    fn new(raw: &'a mut RawBuffer<B>, plan: GrowthPlan<B>) -> Self {
        Self { raw, plan, touched: false }
    }

    /// The buffer, as it was before.
    pub(in crate::buffer) fn buffer(&self) -> &RawBuffer<B> {
        self.raw
    }

    /// Gives the memory to the buffer. If the buffer moves, a copy of its elements is queued first, which
    /// fails only if the driver does.
    #[inline]
    pub(crate) fn commit(mut self) -> Result<(), Error> {
        self.copy_elements()?;
        self.settle();
        Ok(())
    }

    /// Gives the memory to the buffer and makes its length `len`, for which there is memory, in an operation
    /// that writes elements. `queue` gets the buffer as it was, and the block with the memory. It queues the
    /// writing of all new elements, or of all elements if the old ones are replaced. It is not called if
    /// there is no block, and so no element. If it fails, length and capacity are as they were.
    pub(in crate::buffer) fn write<R>(
        mut self,
        old: Old,
        len: usize,
        queue: impl FnOnce(&RawBuffer<B>, &Block<B>) -> Result<R, Error>,
    ) -> Result<Option<R>, Error> {
        if old == Old::Kept {
            self.copy_elements()?;
        }
        let queued = if let GrowthPlan::NewBlock { block, .. } = &self.plan {
            self.raw.note_use();
            Some(queue(self.raw, block)?)
        } else {
            self.raw.order_after_uses()?;
            self.touched = true;
            let raw = &*self.raw;
            raw.block().map(|block| queue(raw, block)).transpose()?
        };
        self.settle();
        // SAFETY: the writing of the new elements was just queued, in memory that is the buffer's now (rule
        // 5).
        unsafe { self.raw.set_len(len) };
        Ok(queued)
    }

    /// Makes the length `len`, which is at most the buffer's length.
    pub(in crate::buffer) fn truncate(self, len: usize) {
        self.raw.truncate(len);
    }

    /// Queues a copy of the elements to the new block, if there is one.
    fn copy_elements(&self) -> Result<(), Error> {
        let bytes = self.raw.len * self.raw.element_size();
        if let (GrowthPlan::NewBlock { block: new, .. }, Some(old), 1..) =
            (&self.plan, self.raw.block(), bytes)
        {
            // SAFETY: both blocks hold `len` elements, which were written in the old one (rule 5). No lane
            // uses the new one, which was free in the order of the compute stream (rules 1 and 2).
            unsafe { copies::copy_on_device(self.raw.state(), (old, 0), (new, 0), bytes) }?;
        }
        Ok(())
    }

    /// Gives the memory to the buffer.
    #[inline]
    fn settle(&mut self) {
        match std::mem::replace(&mut self.plan, GrowthPlan::Enough) {
            GrowthPlan::Enough => {}
            GrowthPlan::InPlace { growth, capacity, charge } => {
                self.raw.extend_to(&growth, capacity, charge);
            }
            GrowthPlan::NewBlock { block, capacity, charge } => {
                self.raw.move_to(Some(block), capacity, charge);
            }
        }
    }
}

impl<B: Backend> Drop for Growth<'_, B> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.plan, GrowthPlan::Enough) {
            GrowthPlan::Enough => {}
            GrowthPlan::InPlace { growth, .. } => {
                let RawBuffer { device, block, .. } = &mut *self.raw;
                if let Some(block) = block {
                    growth.undo(&device.state().pool, block, self.touched);
                }
            }
            GrowthPlan::NewBlock { block, .. } => self.raw.state().pool.give_back(block),
        }
    }
}
