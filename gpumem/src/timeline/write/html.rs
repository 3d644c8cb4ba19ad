//! The page: `page.html`, with the history in it as JSON.
//!
//! The page shows what it is given without asking for more, so what it is given is bounded: of very many
//! blocks, transfers and launches the page gets the largest, the longest, or sums.

use super::EventCounts;
use super::json::Object;
use super::lanes::lanes;
use crate::timeline::history::{About, BlockCause, BlockLife, History, Mark};
use std::collections::HashSet;
use std::time::SystemTime;

const PAGE: &str = include_str!("page.html");

/// Where the history goes.
const PLACE: &str = "__HISTORY__";

/// The most blocks, transfers and launches that the page gets one by one.
const BLOCKS: usize = 60_000;
const TRANSFERS: usize = 40_000;
const KERNELS: usize = 40_000;

/// The most rows of overlapping transfers.
const ROWS: usize = 12;

/// The most points of a line that stands for many blocks.
const POINTS: u64 = 4_096;

pub(super) fn page(about: &About, history: &History, counts: EventCounts) -> Vec<u8> {
    let (before, after) = PAGE.split_once(PLACE).unwrap_or((PAGE, ""));
    let mut object = Object::new();
    object.object("about", describe(about, history, counts));
    object.object("sites", sites(history));
    blocks(&mut object, history);
    object.object("segments", segments(history));
    object.object("transfers", transfers(history));
    object.object("kernels", kernels(history));
    object.object("marks", marks(history));
    [before, &object.end(), after].concat().into_bytes()
}

fn describe(about: &About, history: &History, counts: EventCounts) -> Object {
    let began = about.began_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (peak_at, peak) = history.peak();
    let mut object = Object::new();
    object.text("version", env!("CARGO_PKG_VERSION"));
    object.text("backend", &about.backend);
    object.text("device", &about.device);
    object.number("limit", about.limit);
    object.number("began_ms", began.as_millis());
    object.number("start", history.start);
    object.number("span", history.end.saturating_sub(history.start).max(1));
    let buffers: HashSet<u64> = history.blocks.iter().map(|block| block.buffer).collect();
    object.number("buffers", buffers.len());
    object.number("events", counts.events);
    object.number("forgotten", counts.forgotten);
    object.number("peak_at", peak_at.saturating_sub(history.start));
    object.number("peak", peak);
    object
}

fn sites(history: &History) -> Object {
    let mut object = Object::new();
    object.texts("set", history.sites.iter().map(|site| site.label.set().unwrap_or_default()));
    object.texts("name", history.sites.iter().map(|site| site.label.name()));
    let line = |line: &std::panic::Location<'_>| line.to_string();
    object.texts("line", history.sites.iter().map(|site| site.made_at.map(line).unwrap_or_default()));
    object
}

/// A time since the start; -1 for things that have not ended.
fn since(history: &History, time: Option<u64>) -> i64 {
    let since = time.map(|time| i64::try_from(time.saturating_sub(history.start)).unwrap_or(i64::MAX));
    since.unwrap_or(-1)
}

/// The indices of the `most` largest, in their order.
fn largest(sizes: impl Iterator<Item = u64>, most: usize) -> Vec<usize> {
    let mut indices: Vec<(u64, usize)> = sizes.zip(0..).collect();
    if indices.len() > most {
        indices.select_nth_unstable_by_key(most, |(size, _)| std::cmp::Reverse(*size));
        indices.truncate(most);
    }
    let mut indices: Vec<_> = indices.into_iter().map(|(_, index)| index).collect();
    indices.sort_unstable();
    indices
}

/// The blocks, and the sum of those that are left out.
fn blocks(object: &mut Object, history: &History) {
    let (peak, _) = history.peak();
    let lived = |block: &BlockLife| block.start <= peak && block.end.is_none_or(|end| end > peak);
    // Buffers that lived at the peak come first, then large ones.
    let weight = |block: &BlockLife| block.place.bytes | u64::from(lived(block)) << 62;
    let chosen = largest(history.blocks.iter().map(weight), BLOCKS);
    let shown: Vec<&BlockLife> = chosen.iter().map(|index| &history.blocks[*index]).collect();
    let mut list = Object::new();
    list.numbers("site", shown.iter().map(|block| block.site));
    list.numbers("buffer", shown.iter().map(|block| block.buffer));
    list.numbers("address", shown.iter().map(|block| block.place.address));
    list.numbers("bytes", shown.iter().map(|block| block.place.bytes));
    list.numbers("start", shown.iter().map(|block| since(history, Some(block.start))));
    list.numbers("end", shown.iter().map(|block| since(history, block.end)));
    list.numbers("cause", shown.iter().map(|block| cause(block.cause)));
    object.object("blocks", list);
    let mut is_shown = vec![false; history.blocks.len()];
    chosen.into_iter().for_each(|index| is_shown[index] = true);
    let others = history.blocks.iter().zip(&is_shown).filter(|(_, is_shown)| !**is_shown);
    let others = others.map(|(block, _)| (block.start, block.end, block.place.bytes));
    let sums = coarse(history, History::sums(others));
    let mut rest = Object::new();
    rest.number("blocks", history.blocks.len() - shown.len());
    rest.numbers("time", sums.iter().map(|(time, _)| since(history, Some(*time))));
    rest.numbers("bytes", sums.iter().map(|(_, bytes)| *bytes));
    object.object("rest", rest);
}

fn cause(cause: BlockCause) -> u8 {
    match cause {
        BlockCause::Before => 0,
        BlockCause::Made => 1,
        BlockCause::GrownInPlace => 2,
        BlockCause::GrownByCopy => 3,
        BlockCause::Shrunk => 4,
        BlockCause::Moved => 5,
        BlockCause::Staging => 6,
    }
}

/// A line of at most about [`POINTS`] points: the most of each part of the time.
fn coarse(history: &History, line: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    if line.len() as u64 <= POINTS {
        return line;
    }
    let part = (history.end - history.start) / POINTS + 1;
    let mut coarse: Vec<(u64, u64)> = Vec::new();
    let mut last = 0;
    for (time, bytes) in line {
        let begin = history.start + (time - history.start) / part * part;
        match coarse.last_mut() {
            Some(point) if point.0 == begin => point.1 = point.1.max(bytes),
            // Blocks that were there when the part began count in it.
            _ => coarse.push((begin, bytes.max(last))),
        }
        last = bytes;
    }
    coarse.push((history.end, last));
    coarse
}

fn segments(history: &History) -> Object {
    let lives = &history.segments;
    let mut object = Object::new();
    object.numbers("address", lives.iter().map(|life| life.address));
    object.numbers("mapped", lives.iter().map(|life| life.segment.mapped));
    object.numbers("slab", lives.iter().map(|life| u8::from(life.segment.slab)));
    object.numbers("start", lives.iter().map(|life| since(history, Some(life.start))));
    object.numbers("end", lives.iter().map(|life| since(history, life.end)));
    object
}

fn transfers(history: &History) -> Object {
    let lanes = lanes(history, ROWS);
    let length = |index: usize| {
        let transfer = &history.transfers[index];
        transfer.end.unwrap_or(history.end).saturating_sub(transfer.start)
    };
    let chosen = largest((0..lanes.len()).map(length), TRANSFERS);
    let shown = || chosen.iter().map(|index| &history.transfers[*index]);
    let mut object = Object::new();
    object.number("left_out", lanes.len() - chosen.len());
    object.numbers("lane", chosen.iter().map(|index| lanes[*index]));
    object.numbers("up", shown().map(|transfer| u8::from(transfer.direction.is_upload())));
    object.texts("kind", shown().map(|transfer| transfer.direction.text()));
    object.numbers("site", shown().map(|transfer| transfer.site));
    object.numbers("bytes", shown().map(|transfer| transfer.bytes));
    object.numbers("start", shown().map(|transfer| since(history, Some(transfer.start))));
    object.numbers("end", shown().map(|transfer| since(history, transfer.end)));
    object
}

/// Launches; of very many, one stands for those after it.
fn kernels(history: &History) -> Object {
    let step = history.kernels.len().div_ceil(KERNELS).max(1);
    let shown = || history.kernels.chunks(step);
    let mut object = Object::new();
    object.numbers("time", shown().map(|kernels| since(history, Some(kernels[0].0))));
    object.numbers("site", shown().map(|kernels| kernels[0].1));
    object.numbers("count", shown().map(<[_]>::len));
    object
}

fn marks(history: &History) -> Object {
    // Kind, begin, site and three numbers.
    let row = |time: u64, mark: &Mark| match *mark {
        Mark::Failure { site, requested, live, limit } => {
            (0, time, site, requested, live, limit.unwrap_or_default())
        }
        Mark::Pressure { requested, live, limited, began } => (1, began, 0, requested, live, limited.into()),
        Mark::Trim { retain, given_back } => (2, time, 0, retain, given_back, 0),
    };
    let rows: Vec<_> = history.marks.iter().map(|(time, _, mark)| (*time, row(*time, mark))).collect();
    let mut object = Object::new();
    object.numbers("time", rows.iter().map(|(time, _)| since(history, Some(*time))));
    object.numbers("kind", rows.iter().map(|(_, row)| row.0));
    object.numbers("begin", rows.iter().map(|(_, row)| since(history, Some(row.1))));
    object.numbers("site", rows.iter().map(|(_, row)| row.2));
    object.numbers("a", rows.iter().map(|(_, row)| row.3));
    object.numbers("b", rows.iter().map(|(_, row)| row.4));
    object.numbers("c", rows.iter().map(|(_, row)| row.5));
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_the_largest_are_shown_in_order() {
        assert_eq!(largest([5, 1, 9, 7].into_iter(), 2), [2, 3]);
        assert_eq!(largest([5, 1].into_iter(), 2), [0, 1]);
        let history = History { start: 100, end: 1_000_100, ..History::default() };
        let line: Vec<_> = (0..10_000).map(|index| (100 + index * 100, index % 7)).collect();
        let coarse = coarse(&history, line);
        assert!(coarse.len() as u64 <= POINTS + 2 && coarse.is_sorted_by_key(|(time, _)| *time));
        assert!(coarse.iter().all(|(_, bytes)| *bytes <= 6) && coarse.contains(&(1_000_100, 9_999 % 7)));
    }

    #[test]
    fn the_page_is_whole() {
        assert_eq!(PAGE.matches(PLACE).count(), 1);
        for elsewhere in ["http:", "https:", "src=", "@import", "fetch("] {
            assert!(!PAGE.contains(elsewhere), "the page asks for nothing elsewhere: {elsewhere}");
        }
    }
}
