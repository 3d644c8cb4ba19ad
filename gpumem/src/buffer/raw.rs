//! A buffer without its element type: length, capacity and growth.
//!
//! How an operation that fails leaves the buffer as it was (rule 6): each first does all that can fail without touching the buffer
//! (checks, new memory, pinned memory), then queues work on it, and last changes its numbers. What is left to fail after the first step is
//! the driver: the device has failed, or one call was refused. Then the length and the elements that were not to be written are as they
//! were. `extend`, `resize` and `copy_from` make room as an operation of its own before they queue anything, so the capacity may have grown;
//! `upload` writes new memory before the buffer moves there, and writes in place where there is room.
//!
//! Growth is in place where the block can grow: above about 1 MiB, or from the first byte where the specification says
//! `stable`, a block is a segment of its own, and memory is mapped behind what is there. Else it takes new memory, queues a
//! copy of the elements on the compute lane and gives the old block back, which is free in the order of that lane: nothing waits.

use super::growth::{Growth, GrowthPlan, NewBlock};
use super::member::{SetCharge, SetShared};
use super::shadow::StagingCopies;
use crate::backend::Backend;
use crate::device::Device;
use crate::error::{BufferLabel, Error};
use crate::ledger::{BufferStats, EntryId, SetMark};
use crate::memory::{AllocRequest, Block, DeviceState, Extent, POOLED, Slots, Stream};
use crate::spec::BufferSpec;
use std::fmt;
use std::ops::{Bound, Range, RangeBounds};
use std::panic::Location;
use std::sync::Arc;

/// A [`Buffer`](super::Buffer) without its element type. Lengths and capacities are in elements.
pub struct RawBuffer<B: Backend> {
    /// None when the capacity is 0. Given back to the device in `drop`, and the device goes after it.
    block: Option<Block<B>>,
    shadows: StagingCopies<B>,
    device: Device<B>,
    len: usize,
    capacity: usize,
    spec: BufferSpec,
    label: BufferLabel,
    set: Option<Arc<SetShared>>,
    /// What its capacity takes of the set's limit.
    share: SetCharge,
    entry: EntryId,
    resizes: u64,
    slots: Slots<B>,
}

/// A mutable reference to a [`RawBuffer`], for generated code. The reference itself stays inside: with it, safe code could
/// exchange the contents of two buffers of different element types.
pub struct RawMut<'a, B: Backend>(pub(crate) &'a mut RawBuffer<B>);

/// A [`RawBuffer`] on its way to [`Set::close`](crate::__private::Set::close), opaque for the same reason.
pub struct RawOwned<B: Backend>(pub(crate) RawBuffer<B>);

impl<B: Backend> RawBuffer<B> {
    /// An empty buffer with room for `capacity` elements, or its `min` where that is more. `spec` has its element size.
    #[track_caller]
    pub(crate) fn new(
        device: &Device<B>,
        spec: BufferSpec,
        capacity: usize,
        set: Option<Arc<SetShared>>,
    ) -> Result<Self, Error> {
        spec.check()?;
        if spec.is_stable() && spec.max_bytes().is_none() && !device.state().has_virtual_memory() {
            return Err(Error::InvalidSpec {
                what: format!("buffer `{}`", spec.name()),
                key: "max",
                value: "none".into(),
                rule: "a stable buffer needs one on a device without virtual memory, where all of it is taken at once",
            });
        }
        let label = BufferLabel { set: set.as_ref().map(|set| set.label), name: spec.name() };
        let mark = set.as_ref().map(|set| &set.mark);
        let entry = device.state().ledger.open(label, Location::caller(), mark);
        let share = SetCharge::none(set.clone());
        let slots = Slots::new(spec.slot_count());
        let device = device.clone();
        let mut new = Self {
            block: None,
            shadows: StagingCopies::new(),
            device,
            len: 0,
            capacity: 0,
            spec,
            label,
            set,
            share,
            entry,
            resizes: 0,
            slots,
        };
        new.reserve_exact(capacity)?;
        Ok(new)
    }

    pub(crate) fn device(&self) -> &Device<B> {
        &self.device
    }

    pub(crate) fn state(&self) -> &Arc<DeviceState<B>> {
        self.device.state()
    }

    pub(crate) fn block(&self) -> Option<&Block<B>> {
        self.block.as_ref()
    }

    pub(crate) fn block_mut(&mut self) -> Option<&mut Block<B>> {
        self.block.as_mut()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn element_size(&self) -> usize {
        self.spec.element_size()
    }

    pub(crate) fn spec(&self) -> &BufferSpec {
        &self.spec
    }

    pub(crate) fn label(&self) -> BufferLabel {
        self.label
    }

    pub(crate) fn entry(&self) -> &EntryId {
        &self.entry
    }

    pub(crate) fn set(&self) -> Option<&SetMark> {
        self.set.as_ref().map(|set| &set.mark)
    }

    pub(super) fn slots(&self) -> &Slots<B> {
        &self.slots
    }

    pub(super) fn shadows(&self) -> &StagingCopies<B> {
        &self.shadows
    }

    pub(crate) fn stats(&self) -> BufferStats {
        if self.slots.taken() > 0 {
            // Those of dropped tickets come back when somebody looks.
            self.state().land();
        }
        BufferStats {
            label: self.label,
            element_size: self.element_size(),
            len: self.len,
            capacity: self.capacity,
            resizes: self.resizes,
            slots_taken: self.slots.taken(),
            shadow_bytes: self.shadows.bytes(),
        }
    }

    /// The elements that `bounds` means, if they exist.
    pub(super) fn range(&self, bounds: impl RangeBounds<usize>) -> Result<Range<usize>, Error> {
        // A bound that overflows lies outside in any case.
        let start = match bounds.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match bounds.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => self.len,
        };
        if start <= end && end <= self.len {
            return Ok(start..end);
        }
        Err(Error::OutOfBounds { buffer: self.label, start, end, len: self.len })
    }

    /// Bytes of `elements`, if memory can address them.
    pub(super) fn size_of(&self, elements: usize) -> Result<usize, Error> {
        let element_size = self.element_size();
        elements
            .checked_mul(element_size)
            .filter(|bytes| isize::try_from(*bytes).is_ok())
            .ok_or(Error::SizeOverflow { buffer: self.label, elements, element_size })
    }

    fn min_capacity(&self) -> usize {
        usize::try_from(self.spec.min_bytes()).unwrap_or(usize::MAX).div_ceil(self.element_size().max(1))
    }

    /// Takes memory for `need` elements where the buffer has not enough. Changes nothing that can be seen.
    pub(crate) fn prepare(&mut self, need: usize) -> Result<Growth<'_, B>, Error> {
        self.check_limit(need)?;
        if need <= self.capacity {
            return Ok(Growth::Enough(self));
        }
        let next = self.spec.next_capacity(self.capacity, need, self.element_size());
        // The application is asked to free something only for what is needed. Whatever is in the way of more, a factor that no memory is large
        // enough for included, is no reason to refuse that; and if it is in the way of that too, the second attempt tells.
        let room = match self.room(next, next == need) {
            Err(_) if next > need => self.room(need, true)?,
            other => other?,
        };
        Ok(Growth::new(self, room))
    }

    pub(super) fn check_limit(&self, need: usize) -> Result<(), Error> {
        let requested = self.size_of(need)? as u64;
        match self.spec.max_bytes() {
            Some(limit) if requested > limit => {
                Err(Error::BufferLimit { buffer: self.label, requested, limit })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a number of elements for which no freeing makes room: those beyond the limit of the buffer, of the set or of the device.
    pub(super) fn check_limits(&self, need: usize) -> Result<(), Error> {
        self.check_limit(need)?;
        let requested = self.size_of(need)? as u64;
        if need <= self.capacity {
            return Ok(());
        }
        let budget = &self.state().budget;
        let (used, limit) = (budget.used(), budget.limit());
        if requested > limit {
            return Err(Error::DeviceLimit { buffer: self.label, requested, used, limit });
        }
        self.share.check(requested, self.label)
    }

    /// Memory for more elements, after the end of the block or elsewhere.
    fn room(&mut self, capacity: usize, ask: bool) -> Result<GrowthPlan<B>, Error> {
        let bytes = self.size_of(capacity)?;
        let share = self.share.extend_to(bytes as u64, self.label)?;
        let state = self.device.state();
        if let Some(block) = &mut self.block
            && let Some(before) = state.grow(block, self.label, bytes, ask)?
        {
            return Ok(GrowthPlan::InPlaceGrowth { before, capacity, share });
        }
        if self.spec.is_stable() && self.capacity > 0 {
            // It is as large as its addresses, which are those of all the memory that the device has.
            let limit = self.stats().live_bytes();
            return Err(Error::BufferLimit { buffer: self.label, requested: bytes as u64, limit });
        }
        self.space(capacity, share, ask, false).map(GrowthPlan::New)
    }

    /// Memory elsewhere. Where it is `prepaid`, it gets a part of the old block's charge when the buffer moves there.
    fn space(
        &self,
        capacity: usize,
        share: SetCharge,
        ask: bool,
        prepaid: bool,
    ) -> Result<NewBlock<B>, Error> {
        let (state, bytes) = (self.state(), self.size_of(capacity)?);
        let want =
            AllocRequest { reserve: self.spec.max_bytes(), stable: self.spec.is_stable(), ask, prepaid };
        let block = state.allocate(self.label, bytes, want)?;
        Ok(NewBlock::new(state.clone(), block, capacity, share))
    }

    /// Queues a copy of the elements to other memory and moves there. Fails only when the device has.
    #[inline]
    pub(super) fn relocate(&mut self, space: NewBlock<B>) -> Result<(), Error> {
        if let (Some(old), Some(new), 1..) = (&self.block, space.block(), self.len) {
            let state = self.state();
            let bytes = self.len * self.element_size();
            old.check()?;
            // SAFETY: both blocks hold `len` elements, the source's were written (rule 5). Both are free only in the order of
            // the compute lane, and all writers of either are queued on this lane (rule 1).
            unsafe {
                let stream = state.compute.stream().raw();
                state.backend.copy_on_device(stream, old.at(0), new.at(0), bytes)
            }?;
        }
        self.move_to(Some(space));
        Ok(())
    }

    /// Changes to other memory, or to none.
    #[inline]
    pub(super) fn move_to(&mut self, space: Option<NewBlock<B>>) {
        let (block, capacity, share) = match space {
            Some(space) => space.into_parts(),
            None => (None, 0, SetCharge::none(None)),
        };
        let mut old = std::mem::replace(&mut self.block, block);
        if let (Some(new), Some(old)) = (&mut self.block, &mut old) {
            new.take_charge_of(old);
        }
        self.resized(capacity, share, old.is_some());
        if let Some(old) = old {
            self.state().retire(old);
        }
    }

    /// Makes the memory after the end of the block a part of it.
    pub(super) fn extend_to(&mut self, capacity: usize, share: SetCharge) {
        let bytes = capacity * self.element_size();
        if let Some(block) = &mut self.block {
            self.device.state().commit_growth(block, bytes);
            self.resized(capacity, share, true);
        }
    }

    /// Gives the memory after the end of the block back; see [`DeviceState::undo_growth`].
    pub(super) fn undo(&mut self, before: &Extent, touched: bool) {
        if let Some(block) = &mut self.block {
            self.device.state().undo_growth(block, before, touched);
        }
    }

    fn resized(&mut self, capacity: usize, share: SetCharge, had_memory: bool) {
        let bytes = (capacity * self.spec.element_size()) as u64;
        self.capacity = capacity;
        self.share.join(share, bytes);
        let ledger = &self.device.state().ledger;
        if had_memory {
            self.resizes += 1;
            ledger.counters.resized();
        }
        self.tell_bytes();
    }

    /// Tells the ledger what the buffer holds, with its shadows.
    fn tell_bytes(&self) {
        let bytes = (self.capacity * self.element_size()) as u64;
        self.device.state().ledger.resized(&self.entry, bytes + self.shadows.bytes());
    }

    /// GrowthPlan for `need` elements in all.
    pub(crate) fn make_room(&mut self, need: usize) -> Result<(), Error> {
        self.prepare(need)?.commit()
    }

    pub(crate) fn reserve(&mut self, additional: usize) -> Result<(), Error> {
        self.make_room(self.len.saturating_add(additional))
    }

    /// GrowthPlan for exactly `capacity` elements (or the specification's `min`), unless there is more.
    pub(crate) fn reserve_exact(&mut self, capacity: usize) -> Result<(), Error> {
        let capacity = capacity.max(self.min_capacity());
        self.check_limit(capacity)?;
        if capacity <= self.capacity {
            return Ok(());
        }
        match self.room(capacity, true)? {
            GrowthPlan::New(space) => self.relocate(space),
            room => Growth::new(self, room).commit(),
        }
    }

    pub(crate) fn resize(&mut self, len: usize) -> Result<(), Error> {
        self.make_room(len)?;
        self.set_len_zeroed(len)
    }

    /// Makes the length `len`, for which there is room. Fails only when the device has.
    pub(crate) fn set_len_zeroed(&mut self, len: usize) -> Result<(), Error> {
        if len > self.len {
            // By bytes, which takes no memory on the host however large an element is.
            let size = self.element_size();
            self.fill_memory(self.len * size, (len - self.len) * size, &[0])?;
        }
        self.len = len;
        Ok(())
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(crate) fn shrink_to_fit(&mut self) -> Result<(), Error> {
        self.shadows.clear(self.device.state());
        self.tell_bytes();
        let capacity = self.len.max(self.min_capacity());
        let bytes = self.size_of(capacity)?;
        if capacity >= self.capacity {
            // A free segment that was a little too large may have served the buffer.
            let state = self.device.state();
            if let Some(block) = self.block.as_mut().filter(|block| block.has_waste(state)) {
                state.shrink(block, bytes, true)?;
            }
            return Ok(());
        }
        if self.spec.is_stable() || bytes > POOLED {
            let state = self.device.state();
            if let Some(block) = &mut self.block
                && state.shrink(block, bytes, self.spec.is_stable())?
            {
                self.resized(capacity, SetCharge::none(None), true);
                return Ok(());
            }
        }
        if capacity == 0 {
            self.move_to(None);
            return Ok(());
        }
        let share = self.share.extend_to(bytes as u64, self.label)?;
        // What is smaller than what there is needs no room of the limit.
        let space = self.space(capacity, share, true, true)?;
        self.relocate(space)
    }

    /// # Safety
    ///
    /// `len` is at most the capacity, and the elements below it are written by work that is queued on the
    /// compute lane, or that this lane was put behind (rule 5).
    pub(crate) unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity);
        self.len = len;
    }

    /// Queues the waits for pending uses, as every write must first (rule 2).
    pub(crate) fn order_after_uses(&mut self) -> Result<(), Error> {
        let state = self.device.state();
        let order = |block: &mut Block<B>| block.order_after_uses(state);
        Ok(self.block.as_mut().map_or(Ok(()), order)?)
    }

    pub(crate) fn copy_from(&mut self, source: &Self) -> Result<(), Error> {
        self.check_same_device(source)?;
        self.make_room(source.len)?;
        self.copy_range(0, source, 0..source.len)?;
        self.len = source.len;
        Ok(())
    }

    /// Copies elements of another buffer of the same device to where there is room for them.
    pub(super) fn copy_range(&mut self, to: usize, source: &Self, from: Range<usize>) -> Result<(), Error> {
        self.order_after_uses()?;
        let (Some(target), Some(origin)) = (&self.block, &source.block) else { return Ok(()) };
        let size = self.element_size();
        if from.is_empty() {
            return Ok(());
        }
        origin.check()?;
        let state = self.state();
        // SAFETY: the callers checked both ranges, and the source's elements are written (rule 5). Two buffers have two
        // blocks, so they do not overlap. Writers of either and their retirement come later on this lane (rule 1), and
        // readers of the target were waited for (rule 2).
        unsafe {
            state.backend.copy_on_device(
                state.compute.stream().raw(),
                origin.at(from.start * size),
                target.at(to * size),
                from.len() * size,
            )
        }
        .map_err(Error::from)
    }

    /// See [`Block::check`].
    pub(crate) fn check_uses(&self) -> Result<(), Error> {
        Ok(self.block.as_ref().map_or(Ok(()), Block::check)?)
    }

    /// See [`Block::lend_to`].
    pub(crate) fn lend_to(&self, stream: &Stream<B>, write: bool) -> Result<(), Error> {
        if !self.state().owns(stream) {
            return Err(Error::DifferentDevices { buffer: Some(self.label), other: "the stream".into() });
        }
        let lend = |block: &Block<B>| block.lend_to(self.state(), stream, write);
        Ok(self.block.as_ref().map_or(Ok(()), lend)?)
    }

    /// See [`Block::used_on`].
    pub(crate) fn used_on(&self, stream: &Stream<B>, write: bool) -> Result<(), Error> {
        let used = |block: &Block<B>| block.used_on(self.state(), stream, write);
        Ok(self.block.as_ref().map_or(Ok(()), used)?)
    }

    /// See [`Block::put_behind_uses`].
    pub(super) fn put_behind_uses(&self, stream: &Stream<B>) -> Result<(), Error> {
        let put = |block: &Block<B>| block.put_behind_uses(self.state(), stream);
        Ok(self.block.as_ref().map_or(Ok(()), put)?)
    }

    pub(super) fn check_same_device(&self, source: &Self) -> Result<(), Error> {
        if self.device.is(&source.device) {
            return Ok(());
        }
        Err(Error::DifferentDevices { buffer: Some(source.label), other: self.label.to_string() })
    }

    pub(super) fn abandon_downloads(&self) {
        self.state().land();
        self.slots.abandon();
    }
}

impl<B: Backend> Drop for RawBuffer<B> {
    fn drop(&mut self) {
        let state = self.device.state();
        if let Some(block) = self.block.take() {
            state.retire(block);
        }
        self.shadows.clear(state);
        state.ledger.close(&self.entry, self.set());
    }
}

impl<B: Backend> fmt::Debug for RawBuffer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("name", &format_args!("{}", self.spec.name()))
            .field("backend", &B::NAME)
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .field("element_size", &self.element_size())
            .finish_non_exhaustive()
    }
}
