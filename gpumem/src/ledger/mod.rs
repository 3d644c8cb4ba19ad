//! The live buffers, streams and modules of a device, and its running totals.
//!
//! Others write the ledger: a buffer reports its making, each change of its memory and its drop, the layer
//! `memory` reports losses and pinned memory, and transfers report their bytes. The ledger asks nothing and
//! decides nothing, so no operation on it can fail. Records are small and live in shards. Each shard has a
//! lock that is held for a few instructions. A thread uses the shard of its number, so that threads which
//! make and drop buffers rarely wait for each other. Running totals are atomics.

mod handles;
mod leaks;
mod stats;

pub(crate) use handles::{Handles, Listed};
pub use leaks::{LeakReport, LiveBuffer, LiveHandle};
pub(crate) use stats::Counters;
pub use stats::{BufferStats, DeviceStats, SetStats};

use crate::label::BufferLabel;
use crate::threads;
use crate::timeline::{Footprint, Recorder, Track};
use std::num::NonZeroU32;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The records and totals of one device.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) counters: Counters,
    /// Told of each change of a buffer, and by other layers of what else happens.
    pub(crate) recorder: Recorder,
    /// The application's own streams.
    pub(crate) streams: Handles,
    /// The modules of kernels that the application has loaded.
    pub(crate) modules: Handles,
    /// The number of buffers that were made so far, and so the age of the next one.
    made: Made,
    shards: [CacheAligned; SHARDS],
}

/// A counter that shares its line of the processor's cache with nothing that is only read.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Made(AtomicU64);

/// About as many shards as threads that make and drop buffers at the same time. A power of two.
const SHARDS: usize = 16;

/// A shard with a lock. Two of them never share a line of the processor's cache.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CacheAligned(Mutex<Shard>);

/// Records of live buffers. A record is found by its index, and the place of a dropped one is used again.
#[derive(Debug, Default)]
struct Shard {
    entries: Vec<Option<Entry>>,
    vacant: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    label: BufferLabel,
    made_at: &'static Location<'static>,
    set: Option<SetId>,
    bytes: u64,
    footprint: Footprint,
    /// The number of buffers that were made before it, modulo 2^32: it only orders lists.
    age: u32,
}

/// The place of a buffer's record: its shard, and its index there. Not `Clone`, since the buffer hands it
/// back once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntryId {
    shard: u8,
    index: u32,
    pub(crate) track: Track,
}

/// The number of a set, different for each set of a device. Never zero, which keeps records small.
///
/// Four bytes, since every record has one. Sets after the four billionth of a device share a number: the
/// check of such a set still counts its own buffers exactly, and its list may name buffers of the others.
pub(crate) type SetId = NonZeroU32;

/// The mark of a set, which its buffers share, and the number of them that are alive. With it, a leak check
/// of a set compares two numbers.
#[derive(Debug)]
pub(crate) struct SetMark {
    pub(crate) id: SetId,
    live: AtomicUsize,
}

impl SetMark {
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }
}

impl Ledger {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self { recorder, ..Self::default() }
    }

    pub(crate) fn new_set(&self) -> SetMark {
        let earlier = self.counters.sets.fetch_add(1, Ordering::Relaxed);
        let earlier = u32::try_from(earlier).unwrap_or(u32::MAX);
        SetMark { id: SetId::MIN.saturating_add(earlier), live: AtomicUsize::new(0) }
    }

    pub(crate) fn open(
        &self,
        label: BufferLabel,
        made_at: &'static Location<'static>,
        set: Option<&SetMark>,
    ) -> EntryId {
        if let Some(set) = set {
            set.live.fetch_add(1, Ordering::AcqRel);
        }
        #[allow(clippy::cast_possible_truncation)] // see `Entry::age`
        let age = self.made.0.fetch_add(1, Ordering::Relaxed) as u32;
        let track = self.recorder.track(&label, made_at, age);
        let set = set.map(|set| set.id);
        let entry = Some(Entry { label, made_at, set, bytes: 0, footprint: Footprint::default(), age });
        #[allow(clippy::cast_possible_truncation)] // below SHARDS
        let number = (threads::number() % SHARDS) as u8;
        let mut shard = self.shard(number);
        if let Some(index) = shard.vacant.pop() {
            shard.entries[index as usize] = entry;
            return EntryId { shard: number, index, track };
        }
        // A 2^32nd live buffer would need more memory for its bookkeeping than machines have. It would share
        // the last record and be missing in a report, and no more than that.
        let index = u32::try_from(shard.entries.len()).unwrap_or(u32::MAX);
        shard.entries.push(entry);
        EntryId { shard: number, index, track }
    }

    /// A buffer has so many bytes now; its footprint is for the timeline.
    pub(crate) fn resized(&self, id: &EntryId, bytes: u64, footprint: Footprint) {
        let before = match self.shard(id.shard).entries.get_mut(id.index as usize) {
            Some(Some(entry)) => {
                entry.bytes = bytes;
                std::mem::replace(&mut entry.footprint, footprint)
            }
            _ => return,
        };
        self.recorder.moved(id.track, before, footprint);
    }

    /// The line of the application that made a live buffer.
    pub(crate) fn made_at(&self, id: &EntryId) -> Option<&'static Location<'static>> {
        Some(self.shard(id.shard).entries.get(id.index as usize)?.as_ref()?.made_at)
    }

    pub(crate) fn close(&self, id: &EntryId, set: Option<&SetMark>) {
        let mut shard = self.shard(id.shard);
        let entry = shard.entries.get_mut(id.index as usize).and_then(Option::take);
        if entry.is_some() {
            shard.vacant.push(id.index);
        }
        drop(shard);
        if let Some(entry) = entry {
            self.recorder.moved(id.track, entry.footprint, Footprint::default());
        }
        if let Some(set) = set {
            set.live.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Bytes of all live buffers.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn live_bytes(&self) -> u64 {
        let live = |shard: MutexGuard<'_, Shard>| {
            shard.entries.iter().flatten().map(|entry| entry.bytes).sum::<u64>()
        };
        self.numbered().map(|(_, shard)| live(shard)).sum()
    }

    pub(crate) fn live_buffers(&self) -> usize {
        let live = |shard: MutexGuard<'_, Shard>| shard.entries.len() - shard.vacant.len();
        self.numbered().map(|(_, shard)| live(shard)).sum()
    }

    /// The live buffers of the device, or of one set of it, less those in `present`. The oldest is first.
    pub(crate) fn list(&self, set: Option<SetId>, present: &[&EntryId]) -> Vec<LiveBuffer> {
        let mut list = Vec::new();
        for (number, shard) in self.numbered() {
            let live =
                (0_u32..).zip(&shard.entries).filter_map(|(index, entry)| Some((index, entry.as_ref()?)));
            let wanted = live
                .filter(|(_, entry)| set.is_none() || entry.set == set)
                .filter(|(index, _)| !present.iter().any(|id| id.shard == number && id.index == *index));
            list.extend(wanted.map(|(_, entry)| {
                let Entry { label, bytes, made_at, .. } = entry;
                let buffer = LiveBuffer { label: label.clone(), bytes: *bytes, made_at };
                (entry.age, buffer)
            }));
        }
        list.sort_unstable_by_key(|(age, _)| *age);
        list.into_iter().map(|(_, buffer)| buffer).collect()
    }

    /// The live buffers, for a timeline.
    #[cfg(feature = "timeline")]
    pub(crate) fn lasting(&self) -> Vec<crate::timeline::Lasting> {
        let lasting = |entry: &Entry| crate::timeline::Lasting {
            number: entry.age,
            label: entry.label.clone(),
            made_at: entry.made_at,
            footprint: entry.footprint,
        };
        self.numbered()
            .flat_map(|(_, shard)| shard.entries.iter().flatten().map(lasting).collect::<Vec<_>>())
            .collect()
    }

    fn numbered(&self) -> impl Iterator<Item = (u8, MutexGuard<'_, Shard>)> {
        (0_u8..).zip(&self.shards).map(|(number, _)| (number, self.shard(number)))
    }

    fn shard(&self, number: u8) -> MutexGuard<'_, Shard> {
        // No code under this lock can panic half way, so a poisoned shard is whole.
        self.shards[usize::from(number) % SHARDS].0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_used_again_and_lists_leave_out_what_is_present() {
        let ledger = Ledger::default();
        let set = ledger.new_set();
        let here = Location::caller();
        let first = ledger.open(BufferLabel::literal("first"), here, Some(&set));
        let second = ledger.open(BufferLabel::literal("second"), here, Some(&set));
        let third = ledger.open(BufferLabel::literal("third"), here, None);
        ledger.resized(&second, 80, Footprint::default());
        assert_eq!((ledger.live_buffers(), set.live()), (3, 2));
        let escaped = ledger.list(Some(set.id), &[&first]);
        assert_eq!(escaped, [LiveBuffer { label: BufferLabel::literal("second"), bytes: 80, made_at: here }]);
        ledger.close(&first, Some(&set));
        let fourth = ledger.open(BufferLabel::literal("fourth"), here, None);
        assert_eq!(fourth.index, 0, "the first record is used again");
        let other = std::thread::scope(|scope| {
            scope.spawn(|| ledger.open(BufferLabel::literal("other"), here, None)).join().unwrap()
        });
        let fifth = ledger.open(BufferLabel::literal("fifth"), here, None);
        let list = ledger.list(None, &[]);
        let names: Vec<_> = list.iter().map(|buffer| buffer.label.name()).collect();
        assert_eq!(names, ["second", "third", "fourth", "other", "fifth"], "the oldest is first");
        ledger.close(&other, None);
        ledger.close(&fifth, None);
        for (id, set) in [(second, Some(&set)), (third, None), (fourth, None)] {
            ledger.close(&id, set);
        }
        assert_eq!((ledger.live_buffers(), set.live()), (0, 0));
    }

    #[test]
    fn a_record_is_small() {
        // The budget is 64 bytes per live buffer, and the place for a timeline. The shard adds only the list
        // of vacant places.
        assert!(size_of::<Option<Entry>>() <= 64 + size_of::<Footprint>(), "{}", size_of::<Option<Entry>>());
    }
}
