//! All that the application holds of a device, and the running totals of the device.
//!
//! Others write the ledger. A buffer reports its making, each change of its memory and its drop. Downloads,
//! guards, stages, uses on streams, streams and modules report their making and their drop. The layer
//! `memory` reports losses and pinned memory, and transfers report their bytes. The ledger asks nothing and
//! decides nothing, so no operation on it can fail. Records are small and live in shards. Each shard has a
//! lock that is held for a few instructions. A thread uses the shard of its number, so that threads which
//! make and drop buffers rarely wait for each other. Running totals are atomics.
//!
//! `clock` tells the time. `records` has the records, `held` a record as users see it, `leaks` the report.
//! `counters` has the totals, `stats` and `buffer_stats` the statistics as users see them, and `table` their
//! text.

mod buffer_stats;
mod clock;
mod counters;
mod held;
mod leaks;
mod records;
mod stats;
mod table;

pub use buffer_stats::{BufferStats, SetStats};
pub(crate) use clock::now;
pub(crate) use counters::{Counters, ErrorKind, Resize, Stopwatch, Totals};
pub use held::Held;
pub(crate) use held::HeldKind;
pub use leaks::LeakReport;
pub(crate) use leaks::NotHeld;
pub(crate) use records::{Record, SetId};
pub use stats::{DeviceStats, ErrorCounts};

use crate::log_safely::span_name;
use crate::threads::{self, CachePadded};
use crate::timeline::{Footprint, Recorder, Track};
use held::SharedBacktrace;
use records::{CallContext, RecordCounts, Scope, Shard};
use std::backtrace::Backtrace;
use std::cmp::Reverse;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The records and totals of one device.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) counters: Counters,
    /// Told of each change of a buffer, and by other layers of all other events.
    pub(crate) recorder: Recorder,
    /// Leak scopes that were opened so far.
    scopes: AtomicU64,
    /// Whether each record has a backtrace.
    captures: bool,
    shards: [CachePadded<LockedShard>; SHARDS],
}

/// About as many shards as threads that make and drop buffers at the same time. A power of two.
const SHARDS: usize = 16;

/// A shard with a lock, and its counts.
#[derive(Debug, Default)]
struct LockedShard {
    shard: Mutex<Shard>,
    counts: RecordCounts,
}

impl LockedShard {
    fn lock(&self) -> MutexGuard<'_, Shard> {
        // No code under this lock can panic half way, so a poisoned shard is whole.
        self.shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a record: its shard, and its index there. Not `Clone`, since the owner hands it back once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecordId {
    shard: u8,
    index: u32,
    pub(crate) track: Track,
}

/// A record for as long as this lives. It keeps no device alive.
#[derive(Debug)]
pub(crate) struct Listed {
    id: RecordId,
    ledger: Arc<Ledger>,
}

impl Listed {
    /// Changes the kind of the record: a download that was waited for is a guard. No buffer changes its kind,
    /// and nothing becomes one.
    pub(crate) fn becomes(&self, kind: HeldKind) {
        if let Some(entry) = self.ledger.shard(self.id.shard).get_mut(self.id.index) {
            entry.kind = kind;
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.ledger.close(&self.id, None);
    }
}

/// The number of a leak scope.
#[derive(Debug)]
pub(crate) struct ScopeId(u64);

/// The mark of a set, which its buffers share, and the number of them that are alive. With it, a leak check
/// of a set compares two numbers.
#[derive(Debug)]
pub(crate) struct SetMark {
    pub(crate) id: SetId,
    live: AtomicUsize,
    /// Bytes of its live buffers, and the most that there were.
    bytes: AtomicU64,
    peak: AtomicU64,
}

impl SetMark {
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// The most bytes that its buffers had at one time, so far or since [`SetMark::reset_peak`].
    pub(crate) fn peak(&self) -> u64 {
        // Between the two steps of `reset_peak` another thread may have added bytes.
        self.peak.load(Ordering::Relaxed).max(self.bytes.load(Ordering::Relaxed))
    }

    pub(crate) fn reset_peak(&self) {
        self.peak.store(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Replaces the bytes that a buffer adds.
    fn resized(&self, before: u64, bytes: u64) {
        if bytes > before {
            let more = bytes - before;
            let bytes = self.bytes.fetch_add(more, Ordering::Relaxed) + more;
            self.peak.fetch_max(bytes, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(before - bytes, Ordering::Relaxed);
        }
    }
}

impl Ledger {
    /// With a backtrace for each record, if it `captures`.
    pub(crate) fn new(captures: bool, recorder: Recorder) -> Arc<Self> {
        Arc::new(Self { captures, recorder, ..Self::default() })
    }

    pub(crate) fn new_set(&self) -> SetMark {
        let earlier = self.counters.sets.fetch_add(1, Ordering::Relaxed);
        let earlier = u32::try_from(earlier).unwrap_or(u32::MAX);
        SetMark {
            id: SetId::MIN.saturating_add(earlier),
            live: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            peak: AtomicU64::new(0),
        }
    }

    /// Makes a record, which its owner [closes](Self::close).
    #[inline]
    pub(crate) fn open(&self, mut entry: Record, set: Option<&SetMark>) -> RecordId {
        if let Some(set) = set {
            set.live.fetch_add(1, Ordering::AcqRel);
            set.resized(0, entry.bytes);
            entry.set = Some(set.id);
        }
        // The subscriber, which is asked for its span, is foreign code, so no lock is held yet.
        let backtrace = if self.captures { captured() } else { None };
        let context = CallContext { backtrace, span: span_name() };
        let track = entry.track_by(&self.recorder);
        let footprint = entry.footprint();
        let now = clock::now();
        #[allow(clippy::cast_possible_truncation)] // below SHARDS
        let number = (threads::number() % SHARDS) as u8;
        let (place, kind) = (self.place(number), entry.kind);
        let mut shard = place.lock();
        place.counts.add(kind, 1);
        let index = shard.put(entry, now, context);
        drop(shard);
        self.recorder.moved(track, Footprint::default(), footprint);
        RecordId { shard: number, index, track }
    }

    /// Makes a record that closes itself.
    pub(crate) fn hold(self: &Arc<Self>, entry: Record) -> Listed {
        Listed { id: self.open(entry, None), ledger: self.clone() }
    }

    /// Notes how many bytes a buffer holds, and where. Returns how many it held before.
    pub(crate) fn resized(
        &self,
        id: &RecordId,
        set: Option<&SetMark>,
        bytes: u64,
        footprint: Footprint,
    ) -> u64 {
        let mut shard = self.shard(id.shard);
        let Some(record) = shard.get_mut(id.index) else { return bytes };
        let (before, left) = record.replace(bytes, footprint);
        drop(shard);
        self.recorder.moved(id.track, left, footprint);
        if let Some(set) = set {
            set.resized(before, bytes);
        }
        before
    }

    /// The line of the application that made a live buffer.
    pub(crate) fn made_at(&self, id: &RecordId) -> Option<&'static Location<'static>> {
        Some(self.shard(id.shard).get(id.index)?.made_at())
    }

    pub(crate) fn close(&self, id: &RecordId, set: Option<&SetMark>) {
        let place = self.place(id.shard);
        let mut shard = place.lock();
        let Some(mut record) = shard.remove(id.index) else { return };
        place.counts.add(record.kind, usize::MAX);
        drop(shard);
        let (bytes, left) = record.replace(0, Footprint::default());
        self.recorder.moved(id.track, left, Footprint::default());
        if let Some(set) = set {
            set.resized(bytes, 0);
            set.live.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Bytes of all live buffers.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn live_bytes(&self) -> u64 {
        self.numbered().map(|(_, shard)| shard.buffer_bytes()).sum()
    }

    pub(crate) fn live_buffers(&self) -> usize {
        self.shards.iter().map(|place| place.counts.buffers.load(Ordering::Relaxed)).sum()
    }

    /// The number of records for which a check fails. While other threads make and drop buffers, the shards
    /// are not counted at one moment.
    pub(crate) fn leaks(&self) -> usize {
        self.shards.iter().map(|place| place.counts.leaks.load(Ordering::Relaxed)).sum()
    }

    /// Begins to count the records that are made from here on.
    pub(crate) fn open_scope(&self) -> ScopeId {
        let number = self.scopes.fetch_add(1, Ordering::Relaxed);
        self.numbered().for_each(|(_, mut shard)| shard.begin(number));
        ScopeId(number)
    }

    /// As [`Self::leaks`], of the records that were made inside the scope.
    pub(crate) fn leaks_in(&self, scope: &ScopeId) -> usize {
        self.numbered().filter_map(|(_, shard)| Some(find(&shard, scope)?.leaks)).sum()
    }

    pub(crate) fn close_scope(&self, scope: &ScopeId) {
        self.numbered().for_each(|(_, mut shard)| shard.scopes.retain(|other| other.number != scope.0));
    }

    /// All records, the oldest first.
    pub(crate) fn list(&self) -> Vec<Held> {
        self.filtered(Shard::len, |_, _| true)
    }

    /// Those of the live buffers, the oldest first.
    pub(crate) fn list_buffers(&self) -> Vec<Held> {
        self.filtered(Shard::len, |_, (_, entry)| entry.kind == HeldKind::Buffer)
    }

    /// The live buffers of a set, less those in `present`. The oldest is first.
    pub(crate) fn list_escaped(&self, set: SetId, present: &[&RecordId]) -> Vec<Held> {
        let is_present =
            |shard, index| present.iter().any(|id: &&RecordId| id.shard == shard && id.index == index);
        let wanted = |(number, _): (u8, &Shard), (index, entry): (u32, &Record)| {
            entry.set == Some(set) && !is_present(number, index)
        };
        self.filtered(|_| 0, wanted)
    }

    /// The records that were made inside a scope, the oldest first.
    pub(crate) fn list_in(&self, scope: &ScopeId) -> Vec<Held> {
        let wanted = |(_, shard): (u8, &Shard), (_, entry): (u32, &Record)| {
            find(shard, scope).is_some_and(|scope| scope.start < entry.stamp)
        };
        self.filtered(|shard| find(shard, scope).map_or(0, |scope| scope.leaks), wanted)
    }

    /// The records that are wanted, of which a shard has about so `many`.
    fn filtered(
        &self,
        many: impl Fn(&Shard) -> usize,
        wanted: impl Fn((u8, &Shard), (u32, &Record)) -> bool,
    ) -> Vec<Held> {
        // No stamp is later than this, but for those of records that are made meanwhile.
        let newest = self.numbered().map(|(_, shard)| shard.newest()).fold(clock::now(), u64::max);
        let mut list = Vec::new();
        for (number, shard) in self.numbered() {
            list.reserve(many(&shard));
            for (index, entry) in shard.live() {
                if wanted((number, &shard), (index, entry)) {
                    list.push(shard.show(index, entry, newest));
                }
            }
        }
        // Of two threads' records that were made between two ticks of the clock, either may be first.
        list.sort_by_key(|held| Reverse(held.age));
        list
    }

    /// The live buffers, for a timeline.
    #[cfg(feature = "timeline")]
    pub(crate) fn lasting(&self) -> Vec<crate::timeline::Lasting> {
        let of_shard = |shard: MutexGuard<'_, Shard>| {
            shard.live().filter_map(|(_, record)| record.lasting()).collect::<Vec<_>>()
        };
        self.numbered().flat_map(|(_, shard)| of_shard(shard)).collect()
    }

    fn numbered(&self) -> impl Iterator<Item = (u8, MutexGuard<'_, Shard>)> {
        (0_u8..).zip(&self.shards).map(|(number, place)| (number, place.lock()))
    }

    fn place(&self, number: u8) -> &LockedShard {
        &self.shards[usize::from(number) % SHARDS]
    }

    fn shard(&self, number: u8) -> MutexGuard<'_, Shard> {
        self.place(number).lock()
    }
}

/// The calls that led here. It takes microseconds, so it is asked for with each device.
#[cold]
fn captured() -> Option<SharedBacktrace> {
    Some(SharedBacktrace(Arc::new(Backtrace::force_capture())))
}

fn find<'a>(shard: &'a Shard, scope: &ScopeId) -> Option<&'a Scope> {
    shard.scopes.iter().find(|other| other.number == scope.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::{BufferLabel, ElementName};

    fn entry(name: &'static str) -> Record {
        let label = BufferLabel::literal(name);
        Record::of(HeldKind::Buffer, label, ElementName::of::<u32>(), 0, Location::caller())
    }

    fn names(list: &[Held]) -> Vec<&str> {
        list.iter().map(Held::name).collect()
    }

    #[test]
    fn records_are_used_again_and_lists_leave_out_what_is_present() {
        let ledger = Ledger::default();
        let set = ledger.new_set();
        let first = ledger.open(entry("first"), Some(&set));
        let second = ledger.open(entry("second"), Some(&set));
        let third = ledger.open(entry("third"), None);
        let nowhere = Footprint::default();
        assert_eq!(ledger.resized(&second, Some(&set), 80, nowhere), 0, "it had none before");
        assert_eq!((ledger.live_buffers(), set.live()), (3, 2));
        let escaped = ledger.list_escaped(set.id, &[&first]);
        assert_eq!((names(&escaped), escaped[0].bytes, escaped[0].element), (vec!["second"], 80, "u32"));
        ledger.close(&first, Some(&set));
        let fourth = ledger.open(entry("fourth"), None);
        assert_eq!(fourth.index, 0, "the first record is used again");
        let fifth = ledger.open(entry("fifth"), None);
        assert_eq!(names(&ledger.list()), ["second", "third", "fourth", "fifth"], "the oldest is first");
        let before = clock::now();
        while clock::now() < before + 1_000_000 {
            std::thread::yield_now();
        }
        let other = std::thread::scope(|scope| scope.spawn(|| ledger.open(entry("other"), None)).join());
        let other = other.unwrap();
        assert_eq!(ledger.list().last().unwrap().name(), "other", "also of another thread");
        ledger.close(&other, None);
        ledger.close(&fifth, None);
        for (id, set) in [(second, Some(&set)), (third, None), (fourth, None)] {
            ledger.close(&id, set);
        }
        assert_eq!((ledger.live_buffers(), ledger.leaks(), set.live()), (0, 0, 0));
    }

    #[test]
    fn a_set_knows_the_most_bytes_that_its_buffers_had_at_one_time() {
        let ledger = Ledger::default();
        let set = ledger.new_set();
        let open = || ledger.open(entry("buffer"), Some(&set));
        let [first, second] = [open(), open()];
        ledger.resized(&first, Some(&set), 30, Footprint::default());
        ledger.resized(&second, Some(&set), 20, Footprint::default());
        assert_eq!(ledger.resized(&first, Some(&set), 10, Footprint::default()), 30);
        ledger.resized(&second, Some(&set), 35, Footprint::default());
        assert_eq!(set.peak(), 50);
        ledger.close(&first, Some(&set));
        set.reset_peak();
        assert_eq!(set.peak(), 35);
        ledger.close(&second, Some(&set));
        assert_eq!((set.peak(), set.bytes.into_inner()), (35, 0));
    }

    #[test]
    fn scopes_count_what_was_made_inside() {
        let ledger = Ledger::new(false, Recorder::default());
        let before = ledger.open(entry("before"), None);
        let outer = ledger.open_scope();
        let first = ledger.open(entry("first"), None);
        let inner = ledger.open_scope();
        let second = ledger.hold(Record::without_buffer(HeldKind::Stream, Location::caller()));
        assert_eq!((ledger.leaks_in(&outer), ledger.leaks_in(&inner), ledger.leaks()), (2, 1, 3));
        ledger.close(&before, None);
        assert_eq!((ledger.leaks_in(&outer), ledger.leaks_in(&inner), ledger.leaks()), (2, 1, 2));
        assert_eq!(ledger.list_in(&inner)[0].kind, HeldKind::Stream);
        drop(second);
        let module = ledger.hold(Record::without_buffer(HeldKind::Module, Location::caller()));
        assert_eq!(
            (ledger.leaks_in(&inner), ledger.list_in(&inner).len()),
            (0, 1),
            "modules alone are no leak"
        );
        drop(module);
        ledger.close(&first, None);
        assert_eq!((ledger.leaks_in(&outer), ledger.leaks_in(&inner), ledger.leaks()), (0, 0, 0));
        ledger.close_scope(&outer);
        let third = ledger.open(entry("third"), None);
        assert_eq!((ledger.leaks_in(&outer), ledger.leaks_in(&inner)), (0, 1));
        ledger.close_scope(&inner);
        ledger.close(&third, None);
        assert!(ledger.numbered().all(|(_, shard)| shard.scopes.is_empty()));
    }

    #[test]
    fn scopes_count_exactly_while_threads_make_and_drop() {
        let ledger = Ledger::new(false, Recorder::default());
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..2_000 {
                        let id = ledger.open(entry("passing"), None);
                        ledger.close(&id, None);
                    }
                });
            }
            for _ in 0..200 {
                let scope = ledger.open_scope();
                let id = ledger.open(entry("own"), None);
                assert!((1..=5).contains(&ledger.leaks_in(&scope)));
                ledger.close(&id, None);
                assert!(ledger.leaks_in(&scope) <= 4);
                ledger.close_scope(&scope);
            }
        });
        assert_eq!(ledger.leaks(), 0);
    }
}
