//! A trace for Perfetto, in its own format: messages of protobuf, of which few are needed.
//!
//! The device is a track with these tracks below it: counters of live and held bytes, a counter for each of
//! the largest buffers, slices for uploads, downloads and calls of the pressure callback, and instants for
//! launches, growths, trims and failures. Times are nanoseconds since the recording began.

use super::EventCounts;
use super::lanes::lanes;
use crate::timeline::history::{About, BlockCause, History, Mark};
use std::collections::BTreeMap;

/// The most buffers that have a counter.
const COUNTERS: usize = 64;

/// The most rows of overlapping transfers.
const ROWS: usize = 64;

pub(super) fn trace(about: &About, history: &History, _: EventCounts) -> Vec<u8> {
    let mut trace = Trace { out: Message::default(), tracks: 0 };
    let device = trace.track(&format!("gpumem: {}", about.device), None, Shape::Plain);
    for (name, line) in [("live bytes", history.live()), ("held bytes", history.held())] {
        trace.counter(name, device, &line);
    }
    transfers(&mut trace, device, history);
    events(&mut trace, device, history);
    buffers(&mut trace, device, history);
    trace.out.0
}

/// A counter for each of the largest names.
fn buffers(trace: &mut Trace, device: u64, history: &History) {
    let mut sites: BTreeMap<u32, Vec<(u64, Option<u64>, u64)>> = BTreeMap::new();
    for block in &history.blocks {
        sites.entry(block.site).or_default().push((block.start, block.end, block.place.bytes));
    }
    let most = |line: &[(u64, u64)]| line.iter().map(|(_, bytes)| *bytes).max();
    let mut lines: Vec<_> =
        sites.into_iter().map(|(site, parts)| (site, History::sums(parts.into_iter()))).collect();
    lines.sort_by_key(|(_, line)| std::cmp::Reverse(most(line)));
    let folder = trace.track("buffers", Some(device), Shape::Plain);
    for (site, line) in lines.iter().take(COUNTERS) {
        trace.counter(&history.name(*site), folder, line);
    }
}

fn transfers(trace: &mut Trace, device: u64, history: &History) {
    let mut tracks: BTreeMap<(bool, usize), u64> = BTreeMap::new();
    for (transfer, row) in history.transfers.iter().zip(lanes(history, ROWS)) {
        let is_upload = transfer.direction.is_upload();
        let name = if is_upload { "uploads" } else { "downloads" };
        let track =
            *tracks.entry((is_upload, row)).or_insert_with(|| trace.track(name, Some(device), Shape::Plain));
        let mut notes = history.notes(transfer.site);
        notes.push(("kind", Note::Text(transfer.direction.text().into())));
        notes.push(("bytes", Note::Number(transfer.bytes)));
        trace.slice((transfer.start, transfer.end), track, &history.name(transfer.site), &notes);
    }
}

/// Events without a length, and the calls of the pressure callback.
fn events(trace: &mut Trace, device: u64, history: &History) {
    if !history.kernels.is_empty() {
        let track = trace.track("launches", Some(device), Shape::Plain);
        for (time, site, stream) in &history.kernels {
            let mut notes = history.notes(*site);
            notes.push(("stream", Note::Number(*stream)));
            trace.instant(*time, track, &history.name(*site), &notes);
        }
    }
    let track = trace.track("events", Some(device), Shape::Plain);
    for block in &history.blocks {
        let how = match block.cause {
            BlockCause::GrownInPlace => "grew in place",
            BlockCause::GrownByCopy => "grew by copy",
            _ => continue,
        };
        let mut notes = history.notes(block.site);
        notes.push(("bytes", Note::Number(block.place.bytes)));
        trace.instant(block.start, track, &format!("{} {how}", history.name(block.site)), &notes);
    }
    for (time, _, mark) in &history.marks {
        match mark {
            Mark::Failure { site, requested, live, limit } => {
                let notes =
                    [("requested", *requested), ("live", *live), ("limit", limit.unwrap_or_default())];
                let notes = notes.map(|(name, bytes)| (name, Note::Number(bytes)));
                trace.instant(*time, track, &format!("no memory for {}", history.name(*site)), &notes);
            }
            Mark::Pressure { requested, live, began, .. } => {
                let notes = [("requested", Note::Number(*requested)), ("live", Note::Number(*live))];
                trace.slice((*began, Some(*time)), track, "pressure callback", &notes);
            }
            Mark::Trim { given_back, .. } => {
                trace.instant(*time, track, "trim", &[("given back", Note::Number(*given_back))]);
            }
        }
    }
}

enum Note {
    Text(String),
    Number(u64),
}

type Notes = [(&'static str, Note)];

impl History {
    /// The name of a buffer or kernel, with that of its set.
    fn name(&self, site: u32) -> String {
        let label = &self.site(site).label;
        label.set().map_or_else(|| label.name().into(), |set| format!("{set}.{}", label.name()))
    }

    fn notes(&self, site: u32) -> Vec<(&'static str, Note)> {
        let made_at = self.site(site).made_at;
        made_at.map(|line| ("made at", Note::Text(line.to_string()))).into_iter().collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plain,
    Counter,
}

/// Types of `TrackEvent`.
const BEGIN: u64 = 1;
const END: u64 = 2;
const INSTANT: u64 = 3;
const VALUE: u64 = 4;

/// A trace that is being written. The numbers are those of the fields in Perfetto's `.proto` files.
struct Trace {
    out: Message,
    tracks: u64,
}

impl Trace {
    /// A `TracePacket`.
    fn packet(&mut self, time: Option<u64>, field: u32, content: &Message) {
        let mut packet = Message::default();
        if let Some(time) = time {
            packet.number(8, time);
        }
        packet.number(10, 1);
        packet.message(field, content);
        self.out.message(1, &packet);
    }

    /// A `TrackDescriptor`. Returns the number of the track.
    fn track(&mut self, name: &str, parent: Option<u64>, shape: Shape) -> u64 {
        self.tracks += 1;
        let mut track = Message::default();
        track.number(1, self.tracks);
        track.text(2, name);
        if let Some(parent) = parent {
            track.number(5, parent);
        }
        if shape == Shape::Counter {
            let mut counter = Message::default();
            counter.number(3, 3); // bytes
            track.message(8, &counter);
        }
        self.packet(None, 60, &track);
        self.tracks
    }

    /// A `TrackEvent`.
    fn event(&mut self, time: u64, track: u64, kind: u64, name: Option<&str>, notes: &Notes) {
        let mut event = Message::default();
        event.number(9, kind);
        event.number(11, track);
        for (name, note) in notes {
            let mut annotation = Message::default();
            annotation.text(10, name);
            match note {
                Note::Text(text) => annotation.text(6, text),
                Note::Number(number) => annotation.number(3, *number),
            }
            event.message(4, &annotation);
        }
        if let Some(name) = name {
            event.text(22, "gpumem");
            event.text(23, name);
        }
        self.packet(Some(time), 11, &event);
    }

    fn instant(&mut self, time: u64, track: u64, name: &str, notes: &Notes) {
        self.event(time, track, INSTANT, Some(name), notes);
    }

    fn slice(&mut self, (start, end): (u64, Option<u64>), track: u64, name: &str, notes: &Notes) {
        self.event(start, track, BEGIN, Some(name), notes);
        if let Some(end) = end {
            self.event(end, track, END, None, &[]);
        }
    }

    fn counter(&mut self, name: &str, parent: u64, line: &[(u64, u64)]) {
        let track = self.track(name, Some(parent), Shape::Counter);
        for (time, value) in line {
            let mut event = Message::default();
            event.number(9, VALUE);
            event.number(11, track);
            event.number(30, *value);
            self.packet(Some(*time), 11, &event);
        }
    }
}

/// A message of protobuf that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    #[allow(clippy::cast_possible_truncation)] // seven bits at a time
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field) << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u32, message: &Self) {
        self.bytes(field, &message.0);
    }
}
