//! How a download starts: slots and pinned memory for all parts are taken first, then the copies are queued.

use super::queue::{Plan, queue};
use super::snapshots::Source;
use super::ticket::RawDownload;
use crate::backend::Backend;
use crate::buffer::raw::RawBuffer;
use crate::error::Error;
use crate::memory::{Block, DeviceState, Slot, Slots, Stream, Waiting};
use std::future::poll_fn;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

/// Whether a download waits for a slot if all are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    Refuse,
    Wait,
}

/// A range of elements of a buffer, which lies in it.
pub(super) type BufferRange<'a, B> = (&'a RawBuffer<B>, Range<usize>);

impl<B: Backend> RawDownload<B> {
    /// Starts the downloads of `parts`, all of them or none: slots, pinned memory and memory for snapshots
    /// are taken first. A buffer may come up more than once.
    ///
    /// All parts show one point of the compute stream. The buffers are borrowed until all copies are queued,
    /// so no write of one of them can be queued in between (it would need the buffer mutably, rule 1). The
    /// download lane waits once, for all work that was queued before. One event after all copies is the end
    /// of each.
    pub(super) fn start(
        state: &Arc<DeviceState<B>>,
        parts: &[BufferRange<'_, B>],
        busy: Busy,
    ) -> Result<Vec<Self>, Error> {
        Self::start_after(state, state.lanes.compute.stream(), parts, busy)
    }

    /// [`Self::start`] that shows a point of `stream`, which waits for all work of the compute stream on the
    /// buffers. No buffer is a `snapshot` buffer, unless `stream` is the compute stream.
    pub(super) fn start_after(
        state: &Arc<DeviceState<B>>,
        stream: &Stream<B>,
        parts: &[BufferRange<'_, B>],
        busy: Busy,
    ) -> Result<Vec<Self>, Error> {
        let sources = sources(state, parts)?;
        check_slots(&sources)?;
        let slots = take_slots(state, &sources, busy)?;
        start(state, stream, parts, sources, slots)
    }

    /// [`Self::start`] that awaits slots. It shows the point of the compute stream at which it gets them.
    pub(super) async fn start_when_free(
        state: &Arc<DeviceState<B>>,
        parts: &[BufferRange<'_, B>],
    ) -> Result<Vec<Self>, Error> {
        let sources = sources(state, parts)?;
        check_slots(&sources)?;
        let wanted: Vec<&Slots<B>> = sources.iter().map(|source| source.raw.slots()).collect();
        let mut waiting = Waiting::default();
        let slots = poll_fn(|context| waiting.poll(&wanted, &state.lanes, context.waker())).await;
        drop(waiting);
        start(state, state.lanes.compute.stream(), parts, sources, slots?)
    }
}

/// Starts the downloads of `parts`. Those that have elements are in `sources`, and have a slot each.
fn start<B: Backend>(
    state: &Arc<DeviceState<B>>,
    stream: &Stream<B>,
    parts: &[BufferRange<'_, B>],
    sources: Vec<Source<'_, B>>,
    slots: Vec<Slot>,
) -> Result<Vec<RawDownload<B>>, Error> {
    let mut plans = Vec::with_capacity(sources.len());
    for (source, slot) in sources.into_iter().zip(slots) {
        let pinned = state.take_pinned(&source.raw.label(), source.bytes.len())?;
        plans.push(Plan { source, pinned, slot });
    }
    let completions = if plans.is_empty() { Vec::new() } else { queue(state, stream, plans)? };
    let mut completions = completions.into_iter();
    let tickets = parts.iter().map(|(raw, range)| {
        let completion = memory(raw, range).and_then(|_| completions.next());
        RawDownload::new(raw, range.len(), completion)
    });
    Ok(tickets.collect())
}

/// The memory that a download of this range reads, if there is anything to copy.
fn memory<'a, B: Backend>(raw: &'a RawBuffer<B>, range: &Range<usize>) -> Option<&'a Block<B>> {
    raw.block().filter(|_| !range.is_empty())
}

/// The parts that have elements. All buffers have to be of this device.
fn sources<'a, B: Backend>(
    state: &Arc<DeviceState<B>>,
    parts: &[BufferRange<'a, B>],
) -> Result<Vec<Source<'a, B>>, Error> {
    state.backend.check_failure()?;
    if let Some((raw, _)) = parts.iter().find(|(raw, _)| !Arc::ptr_eq(raw.state(), state)) {
        return Err(raw.on_another_device("the download was asked of another".into()));
    }
    let source = |(raw, range): &BufferRange<'a, B>| {
        let size = raw.element_size();
        let block = memory(raw, range)?;
        Some(Source { raw, block, bytes: range.start * size..range.end * size })
    };
    Ok(parts.iter().filter_map(source).collect())
}

/// Takes a slot for each source, all of them or none.
fn take_slots<B: Backend>(
    state: &DeviceState<B>,
    sources: &[Source<'_, B>],
    busy: Busy,
) -> Result<Vec<Slot>, Error> {
    let wanted: Vec<&Slots<B>> = sources.iter().map(|source| source.raw.slots()).collect();
    match busy {
        Busy::Wait => Ok(Slots::wait(&wanted, &state.lanes)?),
        Busy::Refuse => {
            // Copies whose tickets were dropped may have ended. That is looked at only if a slot is missing.
            let after_release = |_| {
                state.lanes.release_ended();
                Slots::take(&wanted)
            };
            Slots::take(&wanted).or_else(after_release).map_err(|missing| {
                let raw = sources[missing.part].raw;
                Error::SlotsBusy { buffer: raw.label(), slots: raw.slots().limit() }
            })
        }
    }
}

/// Refuses a download in which a buffer comes up more often than it has slots, since no wait would help.
fn check_slots<B: Backend>(sources: &[Source<'_, B>]) -> Result<(), Error> {
    if sources.len() == 1 {
        return Ok(());
    }
    for Source { raw, .. } in sources {
        let (parts, slots) =
            (sources.iter().filter(|other| ptr::eq(other.raw, *raw)).count(), raw.slots().limit());
        if parts > slots {
            return Err(Error::TooFewSlots { buffer: raw.label(), slots, parts });
        }
    }
    Ok(())
}
