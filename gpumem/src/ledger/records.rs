//! The records of all that an application holds: small, in shards.

use super::held::{Held, HeldKind, SharedBacktrace};
use crate::label::{BufferLabel, ElementName};
#[cfg(feature = "timeline")]
use crate::timeline::Lasting;
use crate::timeline::{Footprint, Recorder, Track};
use std::collections::BTreeMap;
use std::mem;
use std::num::NonZeroU32;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The number of a set, different for each set of a device. Never zero, which keeps records small.
///
/// Four bytes, since every record has one. Sets after the four billionth of a device share a number: the
/// check of such a set still counts its own buffers exactly, and its list may name buffers of the others.
pub(crate) type SetId = NonZeroU32;

/// The record of something that the application holds.
#[derive(Debug)]
pub(crate) struct Record {
    label: BufferLabel,
    made_at: &'static Location<'static>,
    element: ElementName,
    pub(super) bytes: u64,
    /// When it was made, by the coarse clock, plus its place among those of its shard that were made in the
    /// same tick: no two records of a shard have the same.
    pub(super) stamp: u64,
    /// The set that made the buffer.
    pub(super) set: Option<SetId>,
    pub(super) kind: HeldKind,
    /// Where a buffer is, and its name, for the timeline.
    footprint: Footprint,
    track: Track,
}

impl Record {
    /// Of something that belongs to a buffer, or of the buffer itself.
    pub(crate) fn of(
        kind: HeldKind,
        label: BufferLabel,
        element: ElementName,
        bytes: u64,
        made_at: &'static Location<'static>,
    ) -> Self {
        let (footprint, track) = (Footprint::default(), Track::default());
        Self { label, made_at, element, bytes, stamp: 0, set: None, kind, footprint, track }
    }

    /// The same of a buffer that is there.
    pub(crate) fn at(self, footprint: Footprint) -> Self {
        Self { footprint, ..self }
    }

    pub(super) fn footprint(&self) -> Footprint {
        self.footprint
    }

    /// Gives a buffer its name in the timeline.
    pub(super) fn track_by(&mut self, recorder: &Recorder) -> Track {
        if self.kind == HeldKind::Buffer {
            self.track = recorder.track(&self.label, self.made_at);
        }
        self.track
    }

    /// The buffer has other memory now. Returns its bytes before, and where they were.
    pub(super) fn replace(&mut self, bytes: u64, footprint: Footprint) -> (u64, Footprint) {
        (mem::replace(&mut self.bytes, bytes), mem::replace(&mut self.footprint, footprint))
    }

    /// Of a live buffer, for a timeline.
    #[cfg(feature = "timeline")]
    pub(super) fn lasting(&self) -> Option<Lasting> {
        let Self { label, made_at, footprint, track, kind, .. } = self;
        let lasting = || Lasting { track: *track, label: label.clone(), made_at, footprint: *footprint };
        (*kind == HeldKind::Buffer).then(lasting)
    }

    /// Of something that belongs to no buffer.
    pub(crate) fn without_buffer(kind: HeldKind, made_at: &'static Location<'static>) -> Self {
        Self::of(kind, BufferLabel::literal(""), ElementName::NONE, 0, made_at)
    }

    pub(super) fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }

    #[inline]
    fn to_held(&self, now: u64, context: CallContext) -> Held {
        let has_buffer = !matches!(self.kind, HeldKind::Stream | HeldKind::Module);
        Held {
            kind: self.kind,
            label: has_buffer.then(|| self.label.clone()),
            element: self.element.get(),
            bytes: self.bytes,
            age: Duration::from_nanos(now.saturating_sub(self.stamp)),
            made_at: self.made_at,
            backtrace: context.backtrace,
            span: context.span,
        }
    }
}

/// Where some records were made, beside the line that each record has.
pub(super) struct CallContext {
    pub(super) backtrace: Option<SharedBacktrace>,
    /// The span of `tracing`.
    pub(super) span: Option<&'static str>,
}

/// A leak scope that is open, as a shard knows it.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) number: u64,
    /// Records with a later stamp were made inside.
    pub(super) start: u64,
    /// How many of them there are that may be leaks.
    pub(super) leaks: usize,
}

/// How many records a shard has. They change under the shard's lock and are read without it.
#[derive(Debug, Default)]
pub(super) struct RecordCounts {
    /// Of buffers.
    pub(super) buffers: AtomicUsize,
    /// For which a check fails, buffers among them.
    pub(super) leaks: AtomicUsize,
}

impl RecordCounts {
    /// Counts a record of this kind, or with `usize::MAX`, which is -1, one less. Under the lock of the
    /// shard, so no other thread writes in between.
    pub(super) fn add(&self, kind: HeldKind, one: usize) {
        let add = |count: &AtomicUsize| count.store(count.load(Relaxed).wrapping_add(one), Relaxed);
        if kind == HeldKind::Buffer {
            add(&self.buffers);
        }
        if kind.is_leak() {
            add(&self.leaks);
        }
    }
}

/// A part of the records. A record is found by its index, and the place of one that was dropped is used
/// again.
///
/// Its [`RecordCounts`] change with it, so a check that finds nothing looks at no record.
#[derive(Debug, Default)]
pub(super) struct Shard {
    entries: Vec<Option<Record>>,
    vacant: Vec<u32>,
    /// The newest stamp.
    newest: u64,
    /// The scopes that are open, few if any.
    pub(super) scopes: Vec<Scope>,
    /// By the indices of their records: empty unless backtraces are captured.
    traces: BTreeMap<u32, SharedBacktrace>,
    /// By the indices of their records, as far as the last that was made in a span of `tracing`.
    spans: Vec<Option<&'static str>>,
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.vacant.len()
    }

    /// Puts a record that is made `now`.
    #[inline]
    pub(super) fn put(&mut self, mut entry: Record, now: u64, context: CallContext) -> u32 {
        self.newest = now.max(self.newest + 1);
        entry.stamp = self.newest;
        let leak = usize::from(entry.kind.is_leak());
        self.scopes.iter_mut().for_each(|scope| scope.leaks += leak);
        let index = if let Some(index) = self.vacant.pop() {
            self.entries[index as usize] = Some(entry);
            index
        } else {
            // A 2^32nd record would need more memory than machines have. It would share the last one and be
            // missing in a report, and no more than that.
            let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
            self.entries.push(Some(entry));
            index
        };
        if let Some(trace) = context.backtrace {
            self.traces.insert(index, trace);
        }
        if context.span.is_some() {
            let place = index as usize;
            if self.spans.len() <= place {
                self.spans.resize(place + 1, None);
            }
            self.spans[place] = context.span;
        }
        index
    }

    pub(super) fn get(&self, index: u32) -> Option<&Record> {
        self.entries.get(index as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Record> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    /// Removes a record.
    pub(super) fn remove(&mut self, index: u32) -> Option<Record> {
        let entry = self.entries.get_mut(index as usize)?.take()?;
        self.vacant.push(index);
        let leak = usize::from(entry.kind.is_leak());
        let around = self.scopes.iter_mut().filter(|scope| scope.start < entry.stamp);
        around.for_each(|scope| scope.leaks -= leak);
        if !self.traces.is_empty() {
            self.traces.remove(&index);
        }
        if let Some(span) = self.spans.get_mut(index as usize) {
            *span = None;
        }
        Some(entry)
    }

    /// Begins a scope: records that are put from here on have a later stamp.
    pub(super) fn begin(&mut self, number: u64) {
        self.scopes.push(Scope { number, start: self.newest, leaks: 0 });
    }

    /// The records, with their indices.
    pub(super) fn live(&self) -> impl Iterator<Item = (u32, &Record)> {
        (0_u32..).zip(&self.entries).filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// A record as users see it.
    #[inline]
    pub(super) fn show(&self, index: u32, entry: &Record, now: u64) -> Held {
        let backtrace = self.traces.get(&index).cloned();
        let span = self.spans.get(index as usize).copied().flatten();
        entry.to_held(now, CallContext { backtrace, span })
    }

    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(super) fn buffer_bytes(&self) -> u64 {
        let buffers = self.live().filter(|(_, entry)| entry.kind == HeldKind::Buffer);
        buffers.map(|(_, entry)| entry.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Footprint, Record, Track};

    #[test]
    fn a_record_is_small() {
        // The budget is 64 bytes per live buffer, and the places for a timeline. The shard adds only the list
        // of vacant places.
        let timeline = size_of::<(Footprint, Track)>();
        assert!(size_of::<Option<Record>>() <= 64 + timeline, "{}", size_of::<Option<Record>>());
    }
}
