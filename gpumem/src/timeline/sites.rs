//! The names of what is recorded, and the lines that made it: a table, so that a record has a number only.
//!
//! It is written by all threads without a lock: an entry is set once and never changes. It is bounded, as the
//! ring is; a name that comes when it is full gets number 0.

use crate::label::BufferLabel;
use std::panic::Location;
use std::sync::OnceLock;

/// A name, and the line of the application that made the thing with this name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Site {
    pub(super) label: BufferLabel,
    pub(super) made_at: Option<&'static Location<'static>>,
}

pub(super) struct Sites {
    /// A power of two of them. Number `n` is entry `n - 1`.
    entries: Box<[OnceLock<Site>]>,
}

/// Entries that are looked at before the table counts as full.
const PROBES: usize = 16;

/// The most entries.
const MOST: usize = 1 << 15;

impl Sites {
    /// A table for a ring of so many records.
    pub(super) fn new(records: usize) -> Self {
        let entries = records.clamp(256, MOST).next_power_of_two();
        Self { entries: (0..entries).map(|_| OnceLock::new()).collect() }
    }

    /// The number of a name and a line, which enter the table if they are new.
    pub(super) fn number(&self, label: &BufferLabel, made_at: Option<&'static Location<'static>>) -> u32 {
        let is = |site: &Site| site.label == *label && same_line(site.made_at, made_at);
        let mask = self.entries.len() - 1;
        let first = hash(label, made_at);
        for index in (0..PROBES).map(|probe| (first + probe) & mask) {
            let site = self.entries[index].get_or_init(|| Site { label: label.clone(), made_at });
            if is(site) {
                return u32::try_from(index + 1).unwrap_or_default();
            }
        }
        0
    }

    /// The table, by number.
    pub(super) fn read(&self) -> Vec<Option<Site>> {
        std::iter::once(None).chain(self.entries.iter().map(|entry| entry.get().cloned())).collect()
    }
}

/// Whether two lines are one. A line that is inlined into two crates may have two addresses.
fn same_line(one: Option<&'static Location<'static>>, other: Option<&'static Location<'static>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(one, other) || one == other,
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Equal for equal names and lines; lines count by their numbers only.
#[allow(clippy::cast_possible_truncation)] // the low bits are as good as any
fn hash(label: &BufferLabel, made_at: Option<&'static Location<'static>>) -> usize {
    let line = made_at.map_or(0, |line| (u64::from(line.line()) << 12) ^ u64::from(line.column()));
    let name = label.name().as_bytes();
    // A literal name is told from others by its ends and its length; names that were made at run time, such
    // as `tile_17`, by their last letters.
    let mut word = [0; 8];
    let end = &name[name.len().saturating_sub(8)..];
    word[..end.len()].copy_from_slice(end);
    let mix = |word: u64| word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // A product carries upwards only, and the letters that differ are the upper ones.
    let mixed = mix(u64::from_le_bytes(word) ^ line.rotate_left(32) ^ name.len() as u64);
    let mixed = mix(mixed ^ mixed >> 32);
    (mixed >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: String) -> BufferLabel {
        BufferLabel { set: None, name: std::borrow::Cow::<str>::Owned(name).into() }
    }

    #[test]
    fn one_name_at_one_line_has_one_number() {
        let sites = Sites::new(1_000);
        let (here, there) = (Location::caller(), Location::caller());
        let edges = BufferLabel::literal("edges");
        let first = sites.number(&edges, Some(here));
        assert_eq!(sites.number(&made("edges".into()), Some(here)), first);
        assert_ne!(sites.number(&edges, Some(there)), first);
        assert_ne!(sites.number(&edges, None), first);
        assert_ne!(sites.number(&BufferLabel { set: Some(&"Graph"), ..edges.clone() }, Some(here)), first);
        let site = sites.read()[first as usize].clone().unwrap();
        assert_eq!((site.label, site.made_at), (edges, Some(here)));
    }

    #[test]
    fn a_full_table_grows_no_more() {
        let sites = Sites::new(1);
        let numbers: Vec<_> =
            (0..2_000).map(|index| sites.number(&made(format!("tile_{index}")), None)).collect();
        assert!(numbers.iter().filter(|number| **number > 0).count() > 200, "most of the table is used");
        assert_eq!(numbers.last(), Some(&0));
        assert_eq!(sites.read().len(), 257);
    }

    #[test]
    fn threads_agree() {
        let sites = Sites::new(4_000);
        // No name is turned away where there is room: names differ in their last letters mostly.
        let label = |index: u32| made(format!("tile_{index}"));
        let all = || (0..500).map(|index| sites.number(&label(index), None)).collect::<Vec<_>>();
        let [one, other] = std::thread::scope(|scope| {
            [scope.spawn(all), scope.spawn(all)].map(|thread| thread.join().unwrap())
        });
        assert_eq!(one, other);
        let mut distinct = one;
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!((distinct.len(), distinct[0] > 0), (500, true));
    }
}
