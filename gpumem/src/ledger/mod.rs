//! Who holds what.
//!
//! The ledger is told: a buffer says when it is made, when its memory changes and when it goes, the memory room says
//! what it allocates and frees, the transfers say what they move. It asks nothing and decides nothing, so no operation
//! can fail in here. Entries live in slabs of small records, each behind a lock that is held for a few instructions; a thread uses the
//! slab of its number, so that threads which make and drop buffers do not stand in each other's way. Running totals are atomics.

mod handles;
mod leaks;
mod stats;

pub(crate) use handles::{Handles, Listed};
pub use leaks::{LeakReport, LiveBuffer, LiveHandle};
pub(crate) use stats::Counters;
pub use stats::{BufferStats, DeviceStats, SetStats};

use crate::label::BufferLabel;
use crate::threads;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The records and totals of one device.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) counters: Counters,
    /// The application's own streams.
    pub(crate) streams: Handles,
    /// The modules of kernels that it has loaded.
    pub(crate) modules: Handles,
    slabs: [Padded; SLABS],
}

/// As many slabs as threads that make and drop buffers all the time, more or less. A power of two.
const SLABS: usize = 16;

/// So that two slabs' locks are never in one line of the processor's cache.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(Mutex<Slab>);

/// The live buffers: a slab, so that an entry is found by its index and the space of a gone one is used again.
#[derive(Debug, Default)]
struct Slab {
    entries: Vec<Option<Entry>>,
    vacant: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    label: BufferLabel,
    made_at: &'static Location<'static>,
    set: Option<SetId>,
    bytes: u64,
}

/// Which record is whose: its slab, and its index there. Not `Clone`: the buffer that was given it hands it back once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntryId {
    slab: u8,
    index: u32,
}

/// Tells the sets of a device apart.
pub(crate) type SetId = u64;

/// The mark that the buffers of one set share, and how many of them are alive: what makes a leak check of a set a
/// comparison of two numbers.
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
    pub(crate) fn new_set(&self) -> SetMark {
        let id = self.counters.sets.fetch_add(1, Ordering::Relaxed);
        SetMark { id, live: AtomicUsize::new(0) }
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
        let entry = Some(Entry { label, made_at, set: set.map(|set| set.id), bytes: 0 });
        #[allow(clippy::cast_possible_truncation)] // below SLABS
        let number = (threads::number() % SLABS) as u8;
        let mut slab = self.slab(number);
        if let Some(index) = slab.vacant.pop() {
            slab.entries[index as usize] = entry;
            return EntryId { slab: number, index };
        }
        // A 2^32nd live buffer would need more memory for its bookkeeping than machines have; it would share the last
        // record and be missing in a report, no more.
        let index = u32::try_from(slab.entries.len()).unwrap_or(u32::MAX);
        slab.entries.push(entry);
        EntryId { slab: number, index }
    }

    pub(crate) fn resized(&self, id: &EntryId, bytes: u64) {
        if let Some(Some(entry)) = self.slab(id.slab).entries.get_mut(id.index as usize) {
            entry.bytes = bytes;
        }
    }

    pub(crate) fn close(&self, id: &EntryId, set: Option<&SetMark>) {
        let mut slab = self.slab(id.slab);
        if slab.entries.get_mut(id.index as usize).and_then(Option::take).is_some() {
            slab.vacant.push(id.index);
        }
        drop(slab);
        if let Some(set) = set {
            set.live.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Bytes of all live buffers.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn live_bytes(&self) -> u64 {
        let live =
            |slab: MutexGuard<'_, Slab>| slab.entries.iter().flatten().map(|entry| entry.bytes).sum::<u64>();
        self.numbered().map(|(_, slab)| live(slab)).sum()
    }

    pub(crate) fn live_buffers(&self) -> usize {
        let live = |slab: MutexGuard<'_, Slab>| slab.entries.len() - slab.vacant.len();
        self.numbered().map(|(_, slab)| live(slab)).sum()
    }

    /// The live buffers of the device, or of one set of it, less those in `present`.
    pub(crate) fn list(&self, set: Option<SetId>, present: &[&EntryId]) -> Vec<LiveBuffer> {
        let mut list = Vec::new();
        for (number, slab) in self.numbered() {
            let live =
                (0_u32..).zip(&slab.entries).filter_map(|(index, entry)| Some((index, entry.as_ref()?)));
            let wanted = live
                .filter(|(_, entry)| set.is_none() || entry.set == set)
                .filter(|(index, _)| !present.iter().any(|id| id.slab == number && id.index == *index));
            list.extend(wanted.map(|(_, entry)| LiveBuffer {
                label: entry.label,
                bytes: entry.bytes,
                made_at: entry.made_at,
            }));
        }
        list
    }

    fn numbered(&self) -> impl Iterator<Item = (u8, MutexGuard<'_, Slab>)> {
        (0_u8..).zip(&self.slabs).map(|(number, _)| (number, self.slab(number)))
    }

    fn slab(&self, number: u8) -> MutexGuard<'_, Slab> {
        // Nothing in here can panic half-way, so a poisoned slab is whole.
        self.slabs[usize::from(number) % SLABS].0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn label(name: &'static str) -> BufferLabel {
        BufferLabel { set: None, name }
    }

    #[test]
    fn records_are_used_again_and_lists_leave_out_what_is_present() {
        let ledger = Ledger::default();
        let set = ledger.new_set();
        let here = Location::caller();
        let first = ledger.open(label("first"), here, Some(&set));
        let second = ledger.open(label("second"), here, Some(&set));
        let third = ledger.open(label("third"), here, None);
        ledger.resized(&second, 80);
        assert_eq!((ledger.live_buffers(), set.live()), (3, 2));
        let escaped = ledger.list(Some(set.id), &[&first]);
        assert_eq!(escaped, [LiveBuffer { label: label("second"), bytes: 80, made_at: here }]);
        ledger.close(&first, Some(&set));
        let fourth = ledger.open(label("fourth"), here, None);
        assert_eq!(fourth.index, 0, "the first record is used again");
        for (id, set) in [(second, Some(&set)), (third, None), (fourth, None)] {
            ledger.close(&id, set);
        }
        assert_eq!((ledger.live_buffers(), set.live()), (0, 0));
    }

    #[test]
    fn a_record_is_small() {
        // Issue 4 allows 64 bytes a live buffer; the slab adds nothing but the vacancy list.
        assert!(size_of::<Option<Entry>>() <= 64, "{}", size_of::<Option<Entry>>());
    }
}
