//! Free segments, for the next block that fits: by size, each with the epoch and the time at which it came
//! free.

use super::physical::Segment;
use crate::backend::Backend;
use crate::memory::pool::epochs::Epoch;
use std::collections::BTreeMap;
use std::time::Instant;

/// Segments without memory that are retained for their addresses. Each takes an entry of the kernel's table
/// of mappings.
const EMPTY: usize = 32;

/// Segments without memory that are given back at a time, where there are too many: drops may add any number,
/// and no single allocation is to give back all of them.
const GOING: usize = 8;

pub(crate) struct FreeSegments<B: Backend> {
    /// By mapped bytes, and of equal ones the newest first: the newest is taken, and the others get old.
    segments: BTreeMap<SegmentKey, FreeSegment<B>>,
    next: u64,
    bytes: u64,
}

type SegmentKey = (usize, u64);

pub(crate) struct FreeSegment<B: Backend> {
    pub(crate) segment: Box<Segment<B>>,
    pub(crate) epoch: Epoch,
    pub(crate) since: Option<Instant>,
}

impl<B: Backend> FreeSegments<B> {
    pub(crate) fn new() -> Self {
        Self { segments: BTreeMap::new(), next: u64::MAX, bytes: 0 }
    }

    pub(crate) fn put(&mut self, entry: FreeSegment<B>) {
        self.bytes += entry.segment.mapped() as u64;
        self.segments.insert((entry.segment.mapped(), self.next), entry);
        self.next -= 1;
    }

    fn remove(&mut self, key: SegmentKey) -> Option<FreeSegment<B>> {
        let entry = self.segments.remove(&key)?;
        self.bytes -= entry.segment.mapped() as u64;
        Some(entry)
    }

    /// Mapped bytes of all free segments.
    pub(crate) fn bytes(&self) -> u64 {
        debug_assert_eq!(self.bytes, self.segments.keys().map(|(mapped, _)| *mapped as u64).sum::<u64>());
        self.bytes
    }

    /// The most bytes that one of them has mapped, and how many there are.
    pub(crate) fn largest(&self) -> (usize, usize) {
        (self.segments.last_key_value().map_or(0, |((mapped, _), _)| *mapped), self.segments.len())
    }

    /// Takes the smallest with `mapped` bytes at least, `most` at most, and so many `addresses`.
    pub(crate) fn take_fit(
        &mut self,
        mapped: usize,
        most: usize,
        addresses: usize,
    ) -> Option<Box<Segment<B>>> {
        let mut fits = self.segments.range((mapped, 0)..=(most, u64::MAX));
        let (key, _) = fits.find(|(_, entry)| entry.segment.addresses() >= addresses)?;
        let key = *key;
        self.remove(key).map(|entry| entry.segment)
    }

    /// Takes one without memory that has so many `addresses`: of the first few that fit, the one with the
    /// fewest.
    pub(crate) fn take_empty(&mut self, addresses: usize) -> Option<Box<Segment<B>>> {
        let few = self.segments.range(..(1, 0)).take(EMPTY);
        let fits = few.filter(|(_, entry)| entry.segment.addresses() >= addresses);
        let key = *fits.min_by_key(|(_, entry)| entry.segment.addresses())?.0;
        self.remove(key).map(|entry| entry.segment)
    }

    /// Takes some of those without memory, the oldest, where there are too many.
    pub(crate) fn take_old_empty(&mut self) -> Vec<Box<Segment<B>>> {
        let old: Vec<SegmentKey> =
            self.segments.range(..(1, 0)).skip(EMPTY).take(GOING).map(|(key, _)| *key).collect();
        old.into_iter().filter_map(|key| self.remove(key)).map(|entry| entry.segment).collect()
    }

    /// Takes the largest with less than `mapped` bytes, and so many `addresses`.
    pub(crate) fn take_below(&mut self, mapped: usize, addresses: usize) -> Option<Box<Segment<B>>> {
        let fits = |entry: &FreeSegment<B>| entry.segment.addresses() >= addresses.max(mapped);
        let (key, _) = self.segments.range(..(mapped, 0)).rev().find(|(_, entry)| fits(entry))?;
        let key = *key;
        self.remove(key).map(|entry| entry.segment)
    }

    /// Takes one whose memory `may` be unmapped: that with the smallest last chunk of at least `bytes`, or
    /// with the largest last chunk where all are smaller.
    pub(crate) fn take_victim(&mut self, bytes: u64, may: impl Fn(Epoch) -> bool) -> Option<FreeSegment<B>> {
        let candidates = self.segments.iter().filter(|(_, entry)| may(entry.epoch));
        let rank = |entry: &FreeSegment<B>| {
            let last = entry.segment.last_chunk().unwrap_or(entry.segment.mapped()) as u64;
            if last >= bytes { (0, last) } else { (1, u64::MAX - last) }
        };
        let key = *candidates.min_by_key(|(_, entry)| rank(entry))?.0;
        self.remove(key)
    }

    /// Takes those that `may` go, the oldest first, until at most `most` bytes are left.
    pub(crate) fn take_surplus(
        &mut self,
        most: u64,
        may: impl Fn(&FreeSegment<B>) -> bool,
    ) -> Vec<Box<Segment<B>>> {
        let mut keys: Vec<SegmentKey> =
            self.segments.iter().filter(|(_, entry)| may(entry)).map(|(key, _)| *key).collect();
        keys.sort_unstable_by_key(|(_, came)| std::cmp::Reverse(*came));
        let mut surplus = Vec::new();
        for key in keys {
            // A segment without memory still has addresses.
            if self.bytes <= most && key.0 > 0 {
                continue;
            }
            surplus.extend(self.remove(key).map(|entry| entry.segment));
        }
        surplus
    }
}
