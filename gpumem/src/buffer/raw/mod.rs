//! A buffer without its element type: its memory, length and capacity.
//!
//! How an operation that fails leaves the buffer as it was (rule 6): each operation first does all that can
//! fail without touching the buffer (checks, new memory, pinned memory), then queues work, and last changes
//! the buffer's numbers. After the first step only the driver can fail: the device has failed, or one call
//! was refused. The length and the capacity are as they were then, and so are the elements that the operation
//! was not to write. See `growth`, which holds the order of these steps for operations that take memory.

mod binding;
mod growth;
mod set_share;
mod staging_copy;
mod swap;
mod usage;
mod would_fit;

pub(in crate::buffer) use self::binding::Binding;
pub(crate) use self::growth::Growth;
pub(crate) use self::growth::Old;
pub(crate) use self::set_share::{SetCharge, SetShared};
pub(in crate::buffer) use self::staging_copy::{NewCopies, Rotation};

use self::staging_copy::StagingCopies;
use self::usage::Usage;
use crate::backend::Backend;
use crate::device::Device;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::ledger::{HeldKind, Listed, Record, RecordId, SetMark};
use crate::log_safely::event;
use crate::memory::{Block, DeviceState, Slots, Stream};
use crate::spec::BufferSpec;
use crate::timeline::{Bar, Direction, Footprint, Track};
use std::fmt;
use std::ops::{self, Range, RangeBounds};
use std::panic::Location;
use std::sync::{Arc, Mutex};

/// A [`Buffer`](super::Buffer) without its element type. Lengths and capacities are in elements.
pub struct RawBuffer<B: Backend> {
    /// None when the capacity is 0. Given back to the device in `drop`, before the device handle is dropped.
    block: Option<Block<B>>,
    staging: StagingCopies<B>,
    device: Device<B>,
    len: usize,
    capacity: usize,
    spec: BufferSpec,
    label: BufferLabel,
    set: Option<Arc<SetShared>>,
    /// The charge of its capacity against the set's limit.
    charge: SetCharge,
    /// The ledger's, from when the buffer is made.
    record: Option<RecordId>,
    usage: Usage,
    slots: Slots<B>,
}

/// A mutable reference to a [`RawBuffer`], for generated code. The reference itself stays inside: with it,
/// safe code could exchange the contents of two buffers of different element types.
pub struct RawMut<'a, B: Backend>(pub(crate) &'a mut RawBuffer<B>);

/// A [`RawBuffer`] on its way to [`Set::close`](crate::__private::Set::close), opaque for the same reason.
pub struct RawOwned<B: Backend>(pub(crate) RawBuffer<B>);

/// Refuses the specification of a buffer that cannot be made on this device.
fn check_spec<B: Backend>(device: &Device<B>, spec: &BufferSpec) -> Result<(), Error> {
    device.state().backend.check_failure()?;
    spec.check()?;
    if spec.is_stable() && spec.max_bytes().is_none() && !device.has_virtual_memory() {
        return Err(Error::InvalidSpec {
            what: format!("buffer `{}`", spec.name()),
            key: "max",
            value: "none".into(),
            rule: "a stable buffer needs one on a device without virtual memory, where all of it is taken at once",
        });
    }
    Ok(())
}

/// The label of a buffer, which may be of a set.
fn label(spec: &BufferSpec, set: Option<&SetShared>) -> BufferLabel {
    BufferLabel { set: set.map(|set| set.label), name: spec.shared_name() }
}

impl<B: Backend> RawBuffer<B> {
    /// A buffer without memory. `spec` has its element size.
    fn without_memory(
        device: &Device<B>,
        spec: BufferSpec,
        set: Option<Arc<SetShared>>,
    ) -> Result<Self, Error> {
        check_spec(device, &spec)?;
        let label = label(&spec, set.as_deref());
        let slots = spec.slot_count();
        Ok(Self {
            block: None,
            staging: StagingCopies::new(slots),
            device: device.clone(),
            len: 0,
            capacity: 0,
            spec,
            label,
            charge: SetCharge::none(set.clone()),
            set,
            record: None,
            usage: Usage::default(),
            slots: Slots::new(slots),
        })
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
        self.label.clone()
    }

    /// Lists something that the application holds of this buffer, and that holds so many bytes of its own.
    pub(super) fn hold(&self, kind: HeldKind, bytes: usize, made_at: &'static Location<'static>) -> Listed {
        let record = Record::of(kind, self.label(), self.spec.element_name(), bytes as u64, made_at);
        self.state().ledger.hold(record)
    }

    /// Lists the buffer, which has its first memory. (To list it before, and to tell the ledger of the memory
    /// then, would take a lock more.)
    fn list(&mut self, made_at: &'static Location<'static>) {
        let (label, element, bytes) = (self.label(), self.spec.element_name(), self.bytes());
        let record = Record::of(HeldKind::Buffer, label, element, bytes, made_at).at(self.footprint(0));
        self.record = Some(self.state().ledger.open(record, self.set()));
        self.note_bytes(0, bytes);
    }

    pub(crate) fn record(&self) -> Option<&RecordId> {
        self.record.as_ref()
    }

    /// Its name in the timeline.
    fn track(&self) -> Track {
        self.record.as_ref().map_or(Track::default(), |record| record.track)
    }

    /// Where its memory is, for the timeline.
    fn footprint(&self, staging: u64) -> Footprint {
        Footprint::new(self.block.as_ref().map_or(0, Block::address), self.bytes(), staging)
    }

    /// Bytes of its capacity.
    fn bytes(&self) -> u64 {
        (self.capacity * self.element_size()) as u64
    }

    /// Tells the timeline that a transfer of the buffer begins. It ends with the bar.
    pub(super) fn bar(&self, direction: Direction, bytes: usize) -> Bar {
        self.state().ledger.recorder.transfer(direction, self.track(), bytes)
    }

    pub(crate) fn set(&self) -> Option<&SetMark> {
        self.set.as_ref().map(|set| &set.mark)
    }

    pub(super) fn slots(&self) -> &Slots<B> {
        &self.slots
    }

    /// The range of elements that `bounds` stands for, if all of them exist.
    pub(super) fn range(&self, bounds: impl RangeBounds<usize>) -> Result<Range<usize>, Error> {
        // A bound that overflows is out of bounds in any case.
        let start = match bounds.start_bound() {
            ops::Bound::Included(start) => *start,
            ops::Bound::Excluded(before) => before.saturating_add(1),
            ops::Bound::Unbounded => 0,
        };
        let end = match bounds.end_bound() {
            ops::Bound::Included(last) => last.saturating_add(1),
            ops::Bound::Excluded(end) => *end,
            ops::Bound::Unbounded => self.len,
        };
        if start <= end && end <= self.len {
            return Ok(start..end);
        }
        Err(Error::OutOfBounds { buffer: self.label(), start, end, len: self.len })
    }

    /// The number of whole elements in `data`. It panics if generated code has passed the bytes of another
    /// element type.
    pub(super) fn elements_in(&self, data: &[u8]) -> usize {
        assert!(data.len().is_multiple_of(self.element_size()), "gpumem: the bytes of another element");
        data.len() / self.element_size()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// # Safety
    ///
    /// `len` is at most the capacity, and the elements below it are written by work that is queued on the
    /// compute stream, or that this stream waits for (rule 5).
    pub(crate) unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity);
        self.len = len;
    }

    /// A range of elements, in bytes.
    pub(super) fn bytes_of(&self, range: &Range<usize>) -> Range<usize> {
        let size = self.element_size();
        range.start * size..range.end * size
    }

    pub(super) fn check_same_device(&self, source: &Self) -> Result<(), Error> {
        if self.device.is(&source.device) {
            return Ok(self.state().backend.check_failure()?);
        }
        let other = self.device.name();
        let other = if source.device.name() == other {
            "another device of that name".into()
        } else {
            format!("device `{other}`")
        };
        Err(source.on_another_device(format!("{} (made {}) on {other}", self.label, self.made_at())))
    }

    /// The error for a buffer that is used together with a thing of another device.
    pub(crate) fn on_another_device(&self, other: String) -> Error {
        let place = format!("(made {}) lives on device `{}`", self.made_at(), self.device.name());
        Error::DifferentDevices { buffer: Some(self.label()), place, other }
    }

    fn made_at(&self) -> String {
        let line = self.record().and_then(|record| self.state().ledger.made_at(record));
        line.map_or_else(|| "somewhere".into(), |line| format!("at {line}"))
    }

    pub(super) fn abandon_downloads(&self) {
        self.state().lanes.release_ended();
        self.slots.abandon();
    }

    /// Tells the ledger that the buffer holds no memory while it gets other memory.
    fn report_none(&self) {
        if let Some(record) = &self.record {
            let before = self.state().ledger.resized(record, self.set(), 0, Footprint::default());
            self.note_bytes(before, 0);
        }
    }

    /// Tells the ledger how many bytes the buffer holds, `staging` of them in staging copies.
    fn report_bytes(&self, staging: u64) {
        if let Some(record) = &self.record {
            let (bytes, set) = (self.bytes() + staging, self.set());
            let before = self.state().ledger.resized(record, set, bytes, self.footprint(staging));
            self.note_bytes(before, bytes);
        }
    }
}

/// The pending uses of the buffer's block.
impl<B: Backend> RawBuffer<B> {
    /// Makes the compute stream wait for all pending uses, as every write must first (rule 2).
    pub(crate) fn order_after_uses(&mut self) -> Result<(), Error> {
        self.note_use();
        let state = self.device.state();
        let order =
            |block: &mut Block<B>| block.order_after_uses(&state.backend, state.lanes.compute.stream());
        Ok(self.block.as_mut().map_or(Ok(()), order)?)
    }

    /// See [`Block::check`].
    pub(crate) fn check_uses(&self) -> Result<(), Error> {
        self.note_use();
        Ok(self.block.as_ref().map_or(Ok(()), Block::check)?)
    }

    /// See [`Block::lend_to`].
    pub(crate) fn lend_to(&self, stream: &Stream<B>, write: bool) -> Result<(), Error> {
        if !self.state().owns(stream) {
            return Err(self.on_another_device("the stream on another".into()));
        }
        self.note_use();
        let lend = |block: &Block<B>| {
            block.lend_to(&self.state().backend, self.state().lanes.compute.stream(), stream, write)
        };
        Ok(self.block.as_ref().map_or(Ok(()), lend)?)
    }

    /// See [`Block::used_on`].
    pub(crate) fn used_on(&self, stream: &Stream<B>, write: bool) -> Result<(), Error> {
        let used = |block: &Block<B>| {
            block.used_on(&self.state().backend, self.state().lanes.compute.stream(), stream, write)
        };
        Ok(self.block.as_ref().map_or(Ok(()), used)?)
    }

    /// See [`Block::order_stream_after_uses`].
    pub(super) fn order_stream_after_uses(&self, stream: &Stream<B>) -> Result<(), Error> {
        let order = |block: &Block<B>| block.order_stream_after_uses(&self.state().backend, stream);
        Ok(self.block.as_ref().map_or(Ok(()), order)?)
    }
}

/// The staging copies of a `snapshot` buffer.
impl<B: Backend> RawBuffer<B> {
    /// Allocates the memory that the next `count` staging copies lack to `bytes` bytes.
    pub(super) fn allocate_staging(&self, count: usize, bytes: usize) -> Result<NewCopies<'_, B>, Error> {
        // As large as the buffer's memory, so that no new memory is needed while the buffer grows within its
        // capacity.
        let size = self.block.as_ref().map_or(0, Block::bytes);
        self.staging.allocate(self.state(), &self.label, size, (count, bytes))
    }

    /// Gives new memory, which was allocated for this buffer, to its next staging copies.
    pub(super) fn put_staging(&self, new: NewCopies<'_, B>) {
        new.put(self.track(), |bytes| self.report_bytes(bytes));
    }

    pub(super) fn staging_rotation(&self) -> &Mutex<Rotation<B>> {
        self.staging.rotation()
    }
}

impl<B: Backend> Drop for RawBuffer<B> {
    fn drop(&mut self) {
        let (state, bytes) = (self.device.state(), self.bytes());
        // First, so that the timeline has the end of this buffer before the beginning of the next one there.
        if let Some(record) = &self.record {
            state.ledger.close(record, self.set());
        }
        if let Some(block) = self.block.take() {
            state.pool.give_back(block);
        }
        self.staging.clear(state, self.track());
        if self.record.is_some() {
            let (buffer, set) = (self.label.name(), self.label.set());
            event!(TRACE, "dropped", buffer, set, bytes, "a buffer was dropped");
        }
    }
}

impl<B: Backend> fmt::Debug for RawMut<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<B: Backend> fmt::Debug for RawOwned<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
