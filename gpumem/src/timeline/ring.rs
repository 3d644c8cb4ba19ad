//! The ring of records: bounded, without locks, and written by all threads.
//!
//! A cell has 64 bytes: the *turn*, which says what the cell has, and the words of one record. Records are
//! numbered, and record `n` goes to cell `n % cells`, where it replaces an older one:
//!
//! ```text
//!   turn   0: nothing yet    2n + 1: record n is being written    2n + 2: record n is there
//! ```
//!
//! A writer makes the turn odd by a compare-and-exchange, so a cell has one writer at a time. A writer that
//! finds the cell taken (a thread was stopped in the middle of a record, and all others went once around
//! meanwhile) gives its own record up and counts it. A reader reads the turn before and after the words, and
//! takes them only if both are the same and even. All words are atomics, so no read of a half-written cell is
//! undefined; it is only thrown away.

use crate::threads::CachePadded;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

/// The words of a record.
pub(super) const WORDS: usize = 7;

/// The words, as they are written and read.
pub(super) type Words = [u64; WORDS];

#[derive(Default)]
#[repr(align(64))]
struct Cell {
    turn: AtomicU64,
    words: [AtomicU64; WORDS],
}

pub(super) struct Ring {
    /// The number of the next record.
    next: CachePadded<AtomicU64>,
    /// Records that were given up.
    skipped: AtomicU64,
    /// A power of two of them.
    cells: Box<[Cell]>,
}

/// The records of a ring at one moment.
pub(super) struct Read {
    /// In the order of their numbers.
    pub(super) records: Vec<Words>,
    /// Records that are not there any more, or never were: replaced, given up, or just being written.
    pub(super) missing: u64,
}

/// How many records ahead a cell is looked at: some microseconds.
const AHEAD: u64 = 8;

impl Ring {
    /// A ring for at least so many records.
    pub(super) fn new(records: usize) -> Self {
        let cells = records.max(1).next_power_of_two();
        let cells = (0..cells).map(|_| Cell::default()).collect();
        Self { next: CachePadded::default(), skipped: AtomicU64::new(0), cells }
    }

    #[allow(clippy::cast_possible_truncation)] // the mask is smaller than a `usize`
    fn cell(&self, number: u64) -> &Cell {
        &self.cells[number as usize & (self.cells.len() - 1)]
    }

    /// Adds a record.
    #[inline]
    pub(super) fn push(&self, words: Words) {
        let number = self.next.fetch_add(1, Relaxed);
        let cell = self.cell(number);
        // A ring is larger than the processor's caches, so a later cell is brought there meanwhile.
        let _ = self.cell(number + AHEAD).turn.load(Relaxed);
        let before = cell.turn.load(Relaxed);
        let is_free = before.is_multiple_of(2) && before <= 2 * number;
        // Acquire: the words of the former record were written before.
        if !is_free || cell.turn.compare_exchange(before, 2 * number + 1, Acquire, Relaxed).is_err() {
            self.skipped.fetch_add(1, Relaxed);
            return;
        }
        // A reader that sees one of these words sees the odd turn afterwards, because of its own fence.
        fence(Release);
        for (place, word) in cell.words.iter().zip(words) {
            place.store(word, Relaxed);
        }
        cell.turn.store(2 * number + 2, Release);
    }

    /// All records that are there. Other threads go on meanwhile.
    pub(super) fn read(&self) -> Read {
        let end = self.next.load(Acquire);
        let begin = end.saturating_sub(self.cells.len() as u64);
        let records: Vec<_> = (begin..end).filter_map(|number| self.get(number)).collect();
        Read { missing: end - records.len() as u64, records }
    }

    fn get(&self, number: u64) -> Option<Words> {
        let cell = self.cell(number);
        let before = cell.turn.load(Acquire);
        let words = std::array::from_fn(|index| cell.words[index].load(Relaxed));
        fence(Acquire);
        let after = cell.turn.load(Relaxed);
        (before == 2 * number + 2 && after == before).then_some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn the_newest_are_there_in_order() {
        let ring = Ring::new(5);
        for number in 0..20 {
            ring.push([number; WORDS]);
        }
        let Read { records, missing } = ring.read();
        assert_eq!(missing, 12);
        assert_eq!(records, (12..20).map(|number| [number; WORDS]).collect::<Vec<_>>());
        assert_eq!(size_of::<Cell>(), 64);
    }

    // A record is written by words; half of one and half of another must never come out.
    #[test]
    fn no_reader_sees_halves() {
        let ring = Ring::new(8);
        let stop = AtomicBool::new(false);
        let (threads, each) = (4, 20_000);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = 0;
                while !stop.load(Relaxed) {
                    for words in ring.read().records {
                        assert!(words.iter().all(|word| *word == words[0]), "{words:?}");
                        seen += 1;
                    }
                }
                seen
            });
            let write = |thread| {
                let ring = &ring;
                move || (0..each).for_each(|index| ring.push([thread * each + index; WORDS]))
            };
            let writers: Vec<_> = (0..threads).map(|thread| scope.spawn(write(thread))).collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            stop.store(true, Relaxed);
            reader.join().unwrap();
        });
        let Read { records, missing } = ring.read();
        assert_eq!(missing + records.len() as u64, threads * each);
        let skipped = ring.skipped.load(Relaxed);
        assert!(records.len() as u64 + skipped >= 8, "{} records, {skipped} given up", records.len());
        // Those of one thread are in its order.
        for thread in 0..threads {
            let own = records.iter().map(|words| words[0]).filter(|word| word / each == thread);
            assert!(own.collect::<Vec<_>>().is_sorted());
        }
    }

    #[test]
    fn a_writer_that_was_stopped_spoils_nothing() {
        let ring = Ring::new(2);
        // As if record 0 had been stopped in the middle.
        ring.next.store(1, Relaxed);
        ring.cells[0].turn.store(1, Relaxed);
        for number in 1..6 {
            ring.push([number; WORDS]);
        }
        let Read { records, missing } = ring.read();
        assert_eq!((records, missing), (vec![[5; WORDS]], 5));
        assert_eq!(ring.skipped.load(Relaxed), 2);
    }
}
