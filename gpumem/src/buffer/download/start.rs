//! How a download starts: slots and pinned memory for all parts are taken first, then the copies are queued.

use super::queue::{PreparedPart, queue};
use super::snapshots::CopySource;
use crate::backend::Backend;
use crate::buffer::raw::Binding;
use crate::buffer::ticket::{Frame, FrameQueue, OneOrMany, Ticket, TicketPart};
use crate::buffer::view::BufferRange;
use crate::error::Error;
use crate::label::BufferLabel;
use crate::ledger::HeldKind;
use crate::log_safely::{WaitBegan, event};
use crate::memory::{Block, DeviceState, Slot, Slots, SlotsHeld, Stream, Waiting};
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Ranges of buffers that are to be downloaded together, all of them or none. A buffer may come up more than
/// once.
///
/// All parts show one point of the compute stream. The buffers are borrowed until all copies are queued, so
/// no write of one of them can be queued in between (it would need the buffer mutably, rule 1). The download
/// lane waits once, for all work that was queued before. One event after all copies is the end of each.
///
/// If all buffers are bound to one stream of the application's own, they show a point of that stream instead.
pub(crate) struct Request<'a, B: Backend> {
    state: &'a Arc<DeviceState<B>>,
    parts: OneOrMany<BufferRange<'a, B>>,
    /// The line of the application that made it, for the ledger.
    made_at: &'static Location<'static>,
    /// The error, if these buffers may not be downloaded together. It is found when the request is made, and
    /// returned when the download is to start.
    allowed: Result<(), Error>,
}

impl<'a, B: Backend> Request<'a, B> {
    /// For downloads from the device `state`, at the caller's line.
    #[track_caller]
    pub(crate) fn new(state: &'a Arc<DeviceState<B>>, parts: OneOrMany<BufferRange<'a, B>>) -> Self {
        Self { state, parts, made_at: Location::caller(), allowed: Ok(()) }
    }

    /// A request that fails when it starts, if `allowed` is an error.
    pub(crate) fn checked(self, allowed: Result<(), Error>) -> Self {
        Self { allowed, ..self }
    }

    /// For the download of one range, at the caller's line.
    #[track_caller]
    pub(super) fn of(part: BufferRange<'a, B>) -> Self {
        Self::new(part.raw.state(), OneOrMany::One(part))
    }

    /// Starts the downloads, if there is a free slot for each part.
    pub(crate) fn start<O>(&self) -> Result<Ticket<O, B>, Error> {
        let sources = self.sources()?;
        let wanted = wanted(&sources);
        // Copies whose tickets were dropped may have ended. That is looked at only if a slot is missing.
        let ended = |_| {
            self.state.lanes.release_ended();
            Slots::take(&wanted)
        };
        let slots = Slots::take(&wanted).or_else(ended).map_err(|missing| {
            let raw = sources[missing.part].raw;
            let busy = Error::SlotsBusy { buffer: raw.label(), slots: raw.slots().limit() };
            busy.counted(&self.state.ledger.counters)
        })?;
        self.start_with(sources, slots)
    }

    /// [`Self::start`] that keeps the calling thread until there are slots.
    pub(super) fn wait<O>(&self) -> Result<Ticket<O, B>, Error> {
        let sources = self.sources()?;
        let mut began = WaitBegan::default();
        let note = || {
            began = WaitBegan::now();
            self.state.ledger.counters.waits_for_slots();
        };
        let slots = Slots::wait(&wanted(&sources), &self.state.lanes, note)?;
        self.tell_of_wait(began);
        self.start_with(sources, slots)
    }

    /// [`Self::wait`] for a task: while slots are missing, `waker` is woken when that may have changed.
    pub(super) fn poll<O>(&self, waiting: &mut Waiting, waker: &Waker) -> Poll<Result<Ticket<O, B>, Error>> {
        let sources = self.sources()?;
        let note = || self.state.ledger.counters.waits_for_slots();
        let Poll::Ready(slots) = waiting.poll(&wanted(&sources), &self.state.lanes, waker, note) else {
            return Poll::Pending;
        };
        // Before memory is taken: the waker is not to be woken any more.
        let began = std::mem::take(waiting).began();
        self.tell_of_wait(began);
        Poll::Ready(self.start_with(sources, slots?))
    }

    /// Tells of a wait for slots that was long.
    fn tell_of_wait(&self, began: WaitBegan) {
        if let Some(waited_ms) = began.slow() {
            let label = self.labels().next();
            let buffer = label.as_ref().map(BufferLabel::name);
            let set = label.as_ref().and_then(BufferLabel::set);
            let _held = SlotsHeld::now();
            event!(INFO, "slow wait", buffer, set, waited_ms, "a download waited for slots");
        }
    }

    /// The buffers of the parts.
    pub(super) fn labels(&self) -> impl Iterator<Item = BufferLabel> {
        self.parts.as_slice().iter().map(|part| part.raw.label())
    }

    /// A queue for such downloads: for as many as the buffers have slots for. A part that is empty now may
    /// have elements later, so it counts too.
    pub(crate) fn frame_queue<O: Frame<B>>(&self) -> FrameQueue<O, B> {
        let parts = self.parts.as_slice();
        let slots = |part: &BufferRange<'_, B>| {
            let same = parts.iter().filter(|other| ptr::eq(other.raw, part.raw));
            part.raw.slots().limit() / same.count()
        };
        FrameQueue::new(parts.iter().map(slots).min().unwrap_or(1))
    }

    /// Starts the downloads. Those that have elements are in `sources`, and have a slot each.
    fn start_with<O>(
        &self,
        sources: Vec<CopySource<'_, B>>,
        slots: Vec<Slot>,
    ) -> Result<Ticket<O, B>, Error> {
        let mut prepared = Vec::with_capacity(sources.len());
        for (source, mut slot) in sources.into_iter().zip(slots) {
            source.raw.note_use();
            let pinned = self.state.take_pinned(&source.raw.label(), source.bytes.len())?;
            slot.list(source.raw.hold(HeldKind::Download, source.bytes.len(), self.made_at));
            prepared.push(PreparedPart { source, pinned, slot });
        }
        let completions =
            if prepared.is_empty() { Vec::new() } else { queue(self.state, self.stream()?, prepared)? };
        let mut completions = completions.into_iter();
        let parts = self.parts.map(|part| {
            let completion = memory(part).and_then(|_| completions.next());
            let BufferRange { raw, range, .. } = part;
            TicketPart::new(completion, raw.label(), range.len(), raw.element_size())
        });
        // SAFETY: `queue` records one event after the copies of all parts (rule 3).
        Ok(unsafe { Ticket::new(parts) })
    }

    /// The stream of which the copies show a point. It waits for all writes of the buffers elsewhere.
    fn stream(&self) -> Result<&Stream<B>, Error> {
        let parts = self.parts.as_slice();
        let Some(own) = self.own_stream() else {
            parts.iter().try_for_each(|part| part.on_compute_stream().map(drop))?;
            return Ok(self.state.lanes.compute.stream());
        };
        let mut bound = parts.iter().filter_map(|part| Some((part.raw, part.binding?)));
        bound.try_for_each(|(raw, binding)| binding.read_on_stream(raw))?;
        Ok(own)
    }

    /// The stream of the application's own that all buffers are bound to, if there is one. The copies of
    /// snapshots run on the compute stream.
    fn own_stream(&self) -> Option<&Stream<B>> {
        let own = |part: &BufferRange<'a, B>| {
            part.binding.filter(|_| !part.raw.spec().is_snapshot()).map(Binding::stream)
        };
        let mut streams = self.parts.as_slice().iter().map(own);
        let first = streams.next()??;
        streams.all(|other| other.is_some_and(|other| other.number() == first.number())).then_some(first)
    }

    /// The parts that have elements. All buffers have to be of this device, and have as many slots as parts.
    fn sources(&self) -> Result<Vec<CopySource<'_, B>>, Error> {
        self.state.backend.check_failure()?;
        self.allowed.clone()?;
        let parts = self.parts.as_slice();
        if let Some(part) = parts.iter().find(|part| !Arc::ptr_eq(part.raw.state(), self.state)) {
            return Err(part.raw.on_another_device("the download was asked of another".into()));
        }
        let source = |part| {
            let block = memory(part)?;
            Some(CopySource { raw: part.raw, block, bytes: part.bytes() })
        };
        let sources: Vec<_> = parts.iter().filter_map(source).collect();
        check_slots(&sources)?;
        Ok(sources)
    }
}

/// The memory that a download of this range reads, if there is anything to copy.
fn memory<'a, B: Backend>(part: &BufferRange<'a, B>) -> Option<&'a Block<B>> {
    part.raw.block().filter(|_| !part.range.is_empty())
}

/// The slots that a download of `sources` needs one of each.
fn wanted<'a, B: Backend>(sources: &[CopySource<'a, B>]) -> Vec<&'a Slots<B>> {
    sources.iter().map(|source| source.raw.slots()).collect()
}

/// Refuses a download in which a buffer comes up more often than it has slots, since no wait would help.
fn check_slots<B: Backend>(sources: &[CopySource<'_, B>]) -> Result<(), Error> {
    if sources.len() == 1 {
        return Ok(());
    }
    for CopySource { raw, .. } in sources {
        let (parts, slots) =
            (sources.iter().filter(|other| ptr::eq(other.raw, *raw)).count(), raw.slots().limit());
        if parts > slots {
            return Err(Error::TooFewSlots { buffer: raw.label(), slots, parts });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::raw::RawBuffer;
    use crate::buffer::ticket::DownloadGuard;
    use crate::{Async, Buffer, Device, Host};

    type Floats = (DownloadGuard<f32, Host>, DownloadGuard<f32, Host>);

    /// As wrong generated code could: it brings buffers and a frame together.
    fn floats(parts: &[&RawBuffer<Host>]) -> Result<Floats, Error> {
        let ranges = parts.iter().map(|raw| BufferRange::all(raw)).collect();
        Request::new(parts[0].state(), OneOrMany::Many(ranges)).start::<Floats>()?.wait()
    }

    #[test]
    #[should_panic(expected = "a buffer of another element")]
    fn a_frame_of_other_elements_is_refused() {
        let device = Device::host();
        let bytes: Buffer<u8, Host, Async> =
            Buffer::from_slice(&device, "bytes", &[1, 2]).unwrap().into_async();
        drop(floats(&[bytes.__raw(), bytes.__raw()]));
    }

    #[test]
    #[should_panic(expected = "no more parts than were started")]
    fn a_frame_of_more_parts_is_refused() {
        let device = Device::host();
        let number: Buffer<u32, Host, Async> =
            Buffer::from_slice(&device, "number", &[1]).unwrap().into_async();
        // Of the same size: any bits are a float.
        let two = floats(&[number.__raw(), number.__raw()]).unwrap();
        assert_eq!(two.1[0].to_bits(), 1);
        drop(two);
        drop(floats(&[number.__raw()]));
    }
}
