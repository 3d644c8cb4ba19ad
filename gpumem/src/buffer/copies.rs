//! The copies and fills of device memory: the one place in `buffer` that asks a backend for such work.
//!
//! Each function queues work. It is `unsafe`, since its caller alone knows that the ranges lie in their
//! blocks, that the source was written and that no pending use is left. The functions choose the stream and
//! keep the books: on another stream than the compute stream, the work is noted in the block as a pending use
//! (rule 2).

use crate::backend::{Backend, CopyToHost, Fault};
use crate::error::Error;
use crate::memory::{Block, DeviceState, Lane, NotQueued, PartlyQueued, PinnedBlock, use_together};

/// A place in device memory: a block, and a number of bytes from its start.
pub(super) type Place<'a, B> = (&'a Block<B>, usize);

/// Queues a copy of `bytes` from one place to another on the compute stream.
///
/// # Safety
///
/// Both ranges lie in their blocks and do not overlap. The source was written by work that was queued before
/// (rule 5). The compute stream waits for the target's pending uses, if it had any
/// (`Block::order_after_uses`, rule 2).
pub(super) unsafe fn copy_on_device<B: Backend>(
    state: &DeviceState<B>,
    (source, start): Place<'_, B>,
    (target, to): Place<'_, B>,
    bytes: usize,
) -> Result<(), Fault> {
    source.check()?;
    let stream = state.lanes.compute.stream().raw();
    // SAFETY: the caller vouches for the ranges. Later writes of either block, its next owner's too, are
    // queued on this stream or wait for it (rule 1).
    let queued = unsafe { state.backend.copy_on_device(stream, source.at(start), target.at(to), bytes) };
    queued.inspect_err(|fault| count(state, fault))
}

/// Counts a fault of the driver.
fn count<B: Backend>(state: &DeviceState<B>, fault: &Fault) {
    let _ = Error::from(fault.clone()).counted(&state.ledger.counters);
}

/// Queues repetitions of `pattern` on the compute stream. Returns `false`, and queues nothing, if the
/// device cannot repeat such a pattern.
///
/// # Safety
///
/// The range lies in the block, and the compute stream waits for the block's pending uses
/// (`Block::order_after_uses`, rule 2).
pub(super) unsafe fn fill<B: Backend>(
    state: &DeviceState<B>,
    (target, to): Place<'_, B>,
    pattern: &[u8],
    repetitions: usize,
) -> Result<bool, Fault> {
    let stream = state.lanes.compute.stream().raw();
    // SAFETY: the caller vouches for the range. Other writes of the block, its next owner's too, are queued
    // on this stream or wait for it (rule 1).
    let queued = unsafe { state.backend.fill(stream, target.at(to), pattern, repetitions) };
    queued.inspect_err(|fault| count(state, fault))
}

/// Queues a copy of the first `bytes` of `pinned` to a block, and records the event after it.
///
/// # Safety
///
/// The range lies in the block. The bytes of `pinned` are initialised and stay as they are until the copy is
/// done (rule 3). On the compute lane, the compute stream waits for the block's pending uses. On another
/// lane, the lane waits for the compute stream, the block has no pending use but other copies of the same
/// upload, none of which overlap, and the compute stream is made to wait for all of them at the upload's end
/// (`Block::join_uses`; rules 1 and 2).
pub(super) unsafe fn upload<B: Backend>(
    state: &DeviceState<B>,
    lane: &Lane<B>,
    pinned: &PinnedBlock<B>,
    (target, to): Place<'_, B>,
    bytes: usize,
) -> Result<B::Event, NotQueued> {
    let stream = lane.stream();
    // SAFETY: the caller vouches for the range, the bytes and the order. A block that is dropped is free
    // in the order of the compute stream, after this copy, or parked until its pending use is done (rules 1
    // and 2).
    let copy =
        || unsafe { state.backend.copy_to_device(stream.raw(), (pinned.raw(), 0), target.at(to), bytes) };
    let record = || state.backend.record_queued(stream.raw());
    let queued = if state.lanes.is_compute(lane) {
        NotQueued::attempt(copy, record)
    } else {
        target.use_on_stream(stream.number(), copy, record)
    };
    queued.inspect_err(|failed| count(state, &failed.fault))
}

/// Queues a copy of `bytes` from a block to the start of `pinned`, and records the event after it.
///
/// # Safety
///
/// The range lies in the block and was written (rule 5) by work that the lane waits for. `pinned` has as many
/// bytes and is not used otherwise until the copy is done (rule 3).
pub(super) unsafe fn download<B: Backend>(
    state: &DeviceState<B>,
    lane: &Lane<B>,
    (source, start): Place<'_, B>,
    pinned: &PinnedBlock<B>,
    bytes: usize,
) -> Result<B::Event, NotQueued> {
    let stream = lane.stream();
    // SAFETY: the caller vouches for the range and for `pinned`. On the compute lane, later writes of the
    // block, its next owner's too, come after this copy (rule 1); on another lane, the block carries it as
    // a pending use (rule 2).
    let copy =
        || unsafe { state.backend.copy_to_host(stream.raw(), source.at(start), (pinned.raw(), 0), bytes) };
    let record = || state.backend.record_queued(stream.raw());
    let queued = if state.lanes.is_compute(lane) {
        source.check().map_err(|fault| NotQueued { fault, runs: false })?;
        NotQueued::attempt(copy, record)
    } else {
        source.use_on_stream(stream.number(), copy, record)
    };
    queued.inspect_err(|failed| count(state, &failed.fault))
}

/// One copy of [`download_together`].
pub(super) struct HostCopy<'a, B: Backend> {
    pub(super) source: Place<'a, B>,
    pub(super) pinned: &'a PinnedBlock<B>,
    pub(super) bytes: usize,
}

/// Queues several copies on the download lane and records one event after all of them. `before_record` is
/// called when the copies are queued and the event is not recorded yet.
///
/// # Safety
///
/// As for [`download`], for each part (rules 3 and 5). Each has at least one byte and pinned memory of its
/// own.
pub(super) unsafe fn download_together<B: Backend>(
    state: &DeviceState<B>,
    parts: &[HostCopy<'_, B>],
    before_record: impl FnOnce(),
) -> Result<B::Event, PartlyQueued<B::Event>> {
    let stream = state.lanes.download.stream();
    let record = || {
        before_record();
        state.backend.record_queued(stream.raw())
    };
    let queued =
        if let [HostCopy { source: (block, start), pinned, bytes }] = parts {
            // The same without the lists.
            // SAFETY: as for several parts (rule 2).
            let copy = || unsafe {
                state.backend.copy_to_host(stream.raw(), block.at(*start), (pinned.raw(), 0), *bytes)
            };
            block.use_on_stream(stream.number(), copy, record).map_err(|NotQueued { fault, runs }| {
                PartlyQueued { fault, parts: usize::from(runs), event: None }
            })
        } else {
            let blocks: Vec<&Block<B>> = parts.iter().map(|part| part.source.0).collect();
            let copies: Vec<_> = parts
                .iter()
                .map(|HostCopy { source: (block, start), pinned, bytes }| CopyToHost {
                    from: block.at(*start),
                    to: (pinned.raw(), 0),
                    bytes: *bytes,
                })
                .collect();
            // SAFETY: the caller vouches for the ranges and the pinned memory. Each block carries its copy as
            // a pending use, with the event that all copies share (rule 2).
            let queue = || unsafe { state.backend.copy_batch_to_host(stream.raw(), &copies) };
            use_together(&blocks, stream.number(), queue, record)
        };
    queued.inspect_err(|failed| count(state, &failed.fault))
}
