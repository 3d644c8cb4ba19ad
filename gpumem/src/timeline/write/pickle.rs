//! A snapshot for the memory viewer of `PyTorch`: what `torch.cuda.memory._snapshot()` gives, as a pickle of
//! protocol 2.
//!
//! A segment is one of `segments`, with the blocks that lived in it at the end. The changes before are
//! `device_traces`. A growth is the end of one block and the beginning of another. A buffer has one frame:
//! the line that made it, with the name of the buffer in the place of a function.

use super::EventCounts;
use super::actions::{Action, What, actions};
use crate::timeline::history::{About, BlockLife, History, SegmentLife};
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

pub(super) fn snapshot(about: &About, history: &History, _: EventCounts) -> Vec<u8> {
    let mut out = Pickle::new();
    out.dictionary(|out| {
        out.key("segments");
        out.list(|out| segments(out, history));
        out.key("device_traces");
        out.list(|out| out.list(|out| traces(out, about, history)));
        out.key("allocator_settings");
        out.dictionary(|out| {
            out.entry("expandable_segments", 1);
        });
    });
    out.end()
}

/// The segments at the end, with their blocks.
fn segments(out: &mut Pickle, history: &History) {
    let mut blocks: Vec<&BlockLife> =
        history.blocks.iter().filter(|block| block.end.is_none() && block.place.address > 0).collect();
    blocks.sort_by_key(|block| block.place.address);
    let lives = history.segments.iter().filter(|life| life.end.is_none() && life.segment.mapped > 0);
    for SegmentLife { address, segment, .. } in lives {
        let end = address + segment.mapped;
        let first = blocks.partition_point(|block| block.place.address < *address);
        let inside: Vec<&BlockLife> = blocks[first..]
            .iter()
            .take_while(|block| block.place.address < end)
            .filter(|block| block.place.address + block.place.bytes <= end)
            .copied()
            .collect();
        let used = inside.iter().map(|block| block.place.bytes).sum();
        out.dictionary(|out| {
            out.entry("device", 0);
            out.entry("address", *address);
            out.entry("total_size", segment.mapped);
            out.entry("allocated_size", used);
            out.entry("active_size", used);
            out.entry("requested_size", used);
            out.entry("stream", 0);
            out.key("segment_type");
            out.text(if segment.slab { "small" } else { "large" });
            out.key("segment_pool_id");
            out.pair(0, 0);
            out.entry("is_expandable", 1);
            out.key("frames");
            out.list(|_| {});
            out.key("blocks");
            out.list(|out| segment_blocks(out, history, &inside, *address..end));
        });
    }
}

/// The blocks of a segment, with the free memory between them.
fn segment_blocks(out: &mut Pickle, history: &History, inside: &[&BlockLife], range: std::ops::Range<u64>) {
    let mut from = range.start;
    let block = |out: &mut Pickle, address: u64, size: u64, site: Option<u32>| {
        out.dictionary(|out| {
            out.entry("address", address);
            out.entry("size", size);
            out.entry("requested_size", if site.is_some() { size } else { 0 });
            out.key("state");
            out.text(if site.is_some() { "active_allocated" } else { "inactive" });
            frames(out, history, site);
        });
    };
    for BlockLife { site, place, .. } in inside.iter().copied() {
        if place.address > from {
            block(out, from, place.address - from, None);
        }
        block(out, place.address, place.bytes, Some(*site));
        from = from.max(place.address + place.bytes);
    }
    if from < range.end {
        block(out, from, range.end - from, None);
    }
}

/// The line that made a buffer.
fn frames(out: &mut Pickle, history: &History, site: Option<u32>) {
    out.key("frames");
    let Some(site) = site else { return out.list(|_| {}) };
    out.shared(site, |out| {
        let site = history.site(site);
        out.list(|out| {
            out.dictionary(|out| {
                out.key("filename");
                out.text(site.made_at.map_or("", |line| line.file()));
                out.entry("line", site.made_at.map_or(0, |line| line.line().into()));
                out.key("name");
                out.text(&site.label.to_string());
            });
        });
    });
}

/// The events, in the order of time.
fn traces(out: &mut Pickle, about: &About, history: &History) {
    let began = about.began_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let began = u64::try_from(began.as_micros()).unwrap_or_default();
    let mut steps = mappings(history);
    for Action { time, what, address, bytes, site, .. } in actions(history) {
        let names: &[&'static str] = match what {
            What::Take => &["alloc"],
            What::GiveBack => &["free_requested", "free_completed"],
            What::Fail => &["oom"],
        };
        steps.extend(names.iter().map(|name| (time, *name, address, bytes, Some(site))));
    }
    steps.sort_by_key(|(time, ..)| *time);
    for (time, name, address, bytes, site) in steps {
        out.dictionary(|out| {
            out.key("action");
            out.text(name);
            out.entry("addr", address);
            out.entry("size", bytes);
            out.entry("stream", 0);
            out.entry("time_us", began + time / 1_000);
            if name == "oom" {
                out.entry("device_free", 0);
            }
            frames(out, history, site);
        });
    }
}

type Step = (u64, &'static str, u64, u64, Option<u32>);

/// The changes of segments.
fn mappings(history: &History) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lives: BTreeMap<u64, Vec<&SegmentLife>> = BTreeMap::new();
    for life in &history.segments {
        lives.entry(life.address).or_default().push(life);
    }
    for (address, lives) in lives {
        let (mut mapped, mut end) = (0, None);
        let mut change = |time: u64, before: u64, after: u64| {
            if after > before {
                steps.push((time, "segment_map", address + before, after - before, None));
            } else if after < before {
                steps.push((time, "segment_unmap", address + after, before - after, None));
            }
        };
        for life in lives {
            if let Some(end) = end.filter(|end| *end != life.start) {
                change(end, mapped, 0);
                mapped = 0;
            }
            change(life.start, mapped, life.segment.mapped);
            (mapped, end) = (life.segment.mapped, life.end);
        }
        if let Some(end) = end {
            change(end, mapped, 0);
        }
    }
    steps
}

/// A pickle that is being written: the opcodes of protocol 2 that are needed.
struct Pickle {
    out: Vec<u8>,
    /// The numbers of texts that were written, which later uses refer to.
    texts: HashMap<String, u32>,
    shared: HashMap<u32, u32>,
    memos: u32,
}

impl Pickle {
    fn new() -> Self {
        Self { out: vec![0x80, 2], texts: HashMap::new(), shared: HashMap::new(), memos: 0 }
    }

    fn end(mut self) -> Vec<u8> {
        self.out.push(b'.');
        self.out
    }

    fn dictionary(&mut self, entries: impl FnOnce(&mut Self)) {
        self.out.extend_from_slice(b"}(");
        entries(self);
        self.out.push(b'u');
    }

    fn list(&mut self, values: impl FnOnce(&mut Self)) {
        self.out.extend_from_slice(b"](");
        values(self);
        self.out.push(b'e');
    }

    fn pair(&mut self, one: u64, other: u64) {
        self.number(one);
        self.number(other);
        self.out.push(0x86);
    }

    /// The key of an entry, whose value comes next.
    fn key(&mut self, key: &str) {
        self.text(key);
    }

    fn entry(&mut self, key: &str, value: u64) {
        self.key(key);
        self.number(value);
    }

    fn number(&mut self, value: u64) {
        if let Ok(small) = i32::try_from(value) {
            self.out.push(b'J');
            self.out.extend_from_slice(&small.to_le_bytes());
        } else {
            // Nine bytes, so that the highest bit is no sign.
            self.out.extend_from_slice(&[0x8a, 9]);
            self.out.extend_from_slice(&value.to_le_bytes());
            self.out.push(0);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(number) = self.texts.get(text) {
            return self.get(*number);
        }
        self.out.push(b'X');
        self.out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.out.extend_from_slice(text.as_bytes());
        let number = self.put();
        self.texts.insert(text.into(), number);
    }

    /// A value that is written once for each key.
    fn shared(&mut self, key: u32, write: impl FnOnce(&mut Self)) {
        if let Some(number) = self.shared.get(&key) {
            return self.get(*number);
        }
        write(self);
        let number = self.put();
        self.shared.insert(key, number);
    }

    /// Remembers the last value. Returns its number.
    fn put(&mut self) -> u32 {
        let number = self.memos;
        self.memos += 1;
        self.out.push(b'r');
        self.out.extend_from_slice(&number.to_le_bytes());
        number
    }

    fn get(&mut self, number: u32) {
        self.out.push(b'j');
        self.out.extend_from_slice(&number.to_le_bytes());
    }
}
