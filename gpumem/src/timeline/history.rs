//! The life of each block: the records put together.
//!
//! Records are read from the oldest to the newest. What a record changes and no older record made was there
//! before the recording, or before the ring's oldest record: it began at the start. What no record ends is
//! there still.

use super::direction::Direction;
use super::record::{Footprint, Kind, SegmentState, TimelineRecord, Track};
use super::sites::Site;
use crate::label::BufferLabel;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::Location;
use std::time::SystemTime;

/// The device, and the time of the recording.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) backend: String,
    pub(super) device: String,
    /// The device's limit in bytes.
    pub(super) limit: u64,
    pub(super) began_at: SystemTime,
    /// The time of the snapshot, in nanoseconds since the recording began.
    pub(super) end: u64,
}

/// A buffer that is alive, as the ledger has it.
#[derive(Clone, Debug)]
pub(crate) struct Lasting {
    pub(crate) track: Track,
    pub(crate) label: BufferLabel,
    pub(crate) made_at: &'static Location<'static>,
    pub(crate) footprint: Footprint,
}

/// How a block of memory came to a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockCause {
    /// It was there at the start.
    Before,
    /// The buffer had none.
    Made,
    /// The block before it was smaller and at the same address.
    GrownInPlace,
    /// The block before it was smaller and elsewhere.
    GrownByCopy,
    /// The block before it was larger.
    Shrunk,
    /// The block before it was as large: two buffers have exchanged their contents.
    Moved,
    Staging,
}

/// Memory of a buffer at one address with one size. A growth begins another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockLife {
    pub(super) site: u32,
    /// The number of the buffer.
    pub(super) buffer: u64,
    pub(super) place: Footprint,
    pub(super) start: u64,
    /// None while it lives.
    pub(super) end: Option<u64>,
    pub(super) cause: BlockCause,
    /// The threads that made it and gave it back.
    pub(super) threads: (u32, u32),
}

#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(super) site: u32,
    pub(super) direction: Direction,
    pub(super) bytes: u64,
    pub(super) start: u64,
    /// None while it is under way.
    pub(super) end: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct SegmentLife {
    pub(super) address: u64,
    pub(super) segment: SegmentState,
    pub(super) start: u64,
    pub(super) end: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum Mark {
    Failure { site: u32, requested: u64, live: u64, limit: Option<u64> },
    Pressure { requested: u64, live: u64, limited: bool, began: u64 },
    Trim { retain: u64, given_back: u64 },
}

/// All of it, in the order of the starts.
#[derive(Default)]
pub(super) struct History {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) sites: Vec<Site>,
    pub(super) blocks: Vec<BlockLife>,
    pub(super) transfers: Vec<Transfer>,
    /// Times, sites and streams.
    pub(super) kernels: Vec<(u64, u32, u64)>,
    pub(super) segments: Vec<SegmentLife>,
    /// Times, threads and events.
    pub(super) marks: Vec<(u64, u32, Mark)>,
}

/// What one name stands for that is missing, or did not fit the table.
const UNKNOWN: BufferLabel = BufferLabel::literal("(other names)");

impl History {
    pub(super) fn new(
        about: &About,
        records: &[TimelineRecord],
        sites: &[Option<Site>],
        lasting: &[Lasting],
        segments: &[(u64, SegmentState)],
    ) -> Self {
        // Threads read the clock before they get their places in the ring. Each record gets a nanosecond for
        // itself, so that the order of times is that of the ring.
        let mut latest = 0;
        let mut records = records.to_vec();
        for record in &mut records {
            latest = record.time.max(latest + 1);
            record.time = latest;
        }
        // Older blocks are there before the first record.
        let start = records.first().map_or(0, |record| record.time - 1);
        let end = about.end.max(latest);
        let mut reading = Reading { history: Self { start, end, ..Self::default() }, ..Reading::default() };
        reading.history.take_sites(sites);
        records.iter().for_each(|record| reading.read(record));
        reading.add_lasting(lasting);
        reading.add_segments(segments);
        let mut history = reading.history;
        history.blocks.sort_by_key(|block| block.start);
        history.transfers.sort_by_key(|transfer| transfer.start);
        history.segments.sort_by_key(|life| life.start);
        history.marks.sort_by_key(|(time, ..)| *time);
        history
    }

    /// Keeps the numbers of the names.
    fn take_sites(&mut self, sites: &[Option<Site>]) {
        let unknown = || Site { label: UNKNOWN, made_at: None };
        self.sites = sites.iter().map(|site| site.clone().unwrap_or_else(unknown)).collect();
        if self.sites.is_empty() {
            self.sites.push(unknown());
        }
    }

    /// The name with a number.
    pub(super) fn site(&self, number: u32) -> &Site {
        self.sites.get(number as usize).unwrap_or(&self.sites[0])
    }

    /// Every change of the bytes that `parts` have: times, in order, and the bytes from then on.
    pub(super) fn sums(parts: impl Iterator<Item = (u64, Option<u64>, u64)>) -> Vec<(u64, u64)> {
        let mut changes = Vec::new();
        for (start, end, bytes) in parts {
            changes.push((start, true, bytes));
            changes.extend(end.map(|end| (end, false, bytes)));
        }
        // At one time, ends come first: a growth takes the place of what was before.
        changes.sort_unstable_by_key(|(time, begins, _)| (*time, *begins));
        let mut sums: Vec<(u64, u64)> = Vec::new();
        let mut sum = 0_u64;
        for (time, begins, bytes) in changes {
            sum = if begins { sum.saturating_add(bytes) } else { sum.saturating_sub(bytes) };
            match sums.last_mut() {
                Some(last) if last.0 == time => last.1 = sum,
                _ => sums.push((time, sum)),
            }
        }
        sums
    }

    /// Live bytes.
    pub(super) fn live(&self) -> Vec<(u64, u64)> {
        Self::sums(self.blocks.iter().map(|block| (block.start, block.end, block.place.bytes)))
    }

    /// Bytes that the device holds.
    pub(super) fn held(&self) -> Vec<(u64, u64)> {
        Self::sums(self.segments.iter().map(|life| (life.start, life.end, life.segment.mapped)))
    }

    /// The first time at which most bytes lived, and the bytes.
    pub(super) fn peak(&self) -> (u64, u64) {
        let most = |best: (u64, u64), next: (u64, u64)| if next.1 > best.1 { next } else { best };
        self.live().into_iter().fold((self.start, 0), most)
    }
}

fn number_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or_default()
}

/// The part of a subject that is the number of the buffer.
const NUMBER: u64 = u32::MAX as u64;

/// A history that is being put together.
#[derive(Default)]
struct Reading {
    history: History,
    /// The blocks that live, by the subjects of their records.
    blocks: HashMap<u64, usize>,
    /// The buffers whose blocks or staging copies have records.
    known: HashSet<(u64, bool)>,
    transfers: HashMap<u64, usize>,
    segments: BTreeMap<u64, usize>,
}

impl Reading {
    fn read(&mut self, record: &TimelineRecord) {
        let TimelineRecord { kind, time, thread, site, subject, numbers: [a, b, c, d] } = *record;
        let history = &mut self.history;
        match kind {
            Kind::Memory => self.memory(record, [Footprint::new(a, b, 0), Footprint::new(c, d, 0)]),
            Kind::Queued => {
                self.transfers.insert(subject, history.transfers.len());
                let direction = Direction::of(c);
                history.transfers.push(Transfer { site, direction, bytes: a, start: d, end: None });
            }
            Kind::Done => match self.transfers.get(&subject) {
                Some(index) => history.transfers[*index].end = Some(time),
                None => history.transfers.push(Transfer {
                    site,
                    direction: Direction::of(c),
                    bytes: a,
                    start: d.max(history.start),
                    end: Some(time),
                }),
            },
            Kind::Kernel => history.kernels.push((time, site, subject)),
            Kind::Mapped => self.mapped(time, subject, [a, b, c]),
            Kind::Slab => self.segment_changes(time, subject, |segment| segment.slab = a == 1),
            Kind::Trim => history.marks.push((time, thread, Mark::Trim { retain: a, given_back: b })),
            Kind::Pressure => {
                let mark = Mark::Pressure { requested: a, live: b, began: c, limited: d == 1 };
                history.marks.push((time, thread, mark));
            }
            Kind::Failure => {
                let limit = (c > 0).then_some(c);
                history.marks.push((time, thread, Mark::Failure { site, requested: a, live: b, limit }));
            }
        }
    }

    /// A buffer's memory changes.
    fn memory(&mut self, record: &TimelineRecord, [before, after]: [Footprint; 2]) {
        let TimelineRecord { time, thread, site, subject: key, .. } = *record;
        let (buffer, staging) = (key & NUMBER, key > NUMBER);
        self.known.insert((buffer, staging));
        let open = self
            .blocks
            .remove(&key)
            .or_else(|| (before.bytes > 0).then(|| self.block_before(site, buffer, before, staging)));
        let history = &mut self.history;
        if let Some(index) = open {
            let block = &mut history.blocks[index];
            (block.end, block.threads.1) = (Some(time), thread);
        }
        if after.bytes == 0 {
            return;
        }
        let cause = match before.bytes {
            _ if staging => BlockCause::Staging,
            0 => BlockCause::Made,
            bytes if after.bytes == bytes => BlockCause::Moved,
            bytes if after.bytes < bytes => BlockCause::Shrunk,
            _ if after.address == before.address => BlockCause::GrownInPlace,
            _ => BlockCause::GrownByCopy,
        };
        self.blocks.insert(key, history.blocks.len());
        let threads = (thread, thread);
        history.blocks.push(BlockLife { site, buffer, place: after, start: time, end: None, cause, threads });
    }

    /// A block that was there at the start.
    fn block_before(&mut self, site: u32, buffer: u64, place: Footprint, staging: bool) -> usize {
        let cause = if staging { BlockCause::Staging } else { BlockCause::Before };
        let (start, threads) = (self.history.start, (0, 0));
        self.history.blocks.push(BlockLife { site, buffer, place, start, end: None, cause, threads });
        self.history.blocks.len() - 1
    }

    fn mapped(&mut self, time: u64, address: u64, [before, after, addresses]: [u64; 3]) {
        if before == 0 {
            let segment = SegmentState { mapped: after, addresses, slab: false };
            let stale = self.segments.insert(address, self.history.segments.len());
            if let Some(stale) = stale {
                // Its end has no record.
                self.history.segments[stale].end = Some(time);
            }
            self.history.segments.push(SegmentLife { address, segment, start: time, end: None });
            return;
        }
        if !self.segments.contains_key(&address) {
            let segment = SegmentState { mapped: before, addresses, slab: false };
            let start = self.history.start;
            self.segments.insert(address, self.history.segments.len());
            self.history.segments.push(SegmentLife { address, segment, start, end: None });
        }
        self.segment_changes(time, address, |segment| segment.mapped = after);
        if after == 0 {
            self.segments.remove(&address);
            self.history.segments.pop();
        }
    }

    /// A segment goes on as another.
    fn segment_changes(&mut self, time: u64, address: u64, change: impl FnOnce(&mut SegmentState)) {
        let Some(index) = self.segments.get_mut(&address) else { return };
        let segments = &mut self.history.segments;
        segments[*index].end = Some(time);
        let mut next = SegmentLife { start: time, end: None, ..segments[*index].clone() };
        change(&mut next.segment);
        *index = segments.len();
        segments.push(next);
    }

    /// Buffers that live and have no record.
    fn add_lasting(&mut self, lasting: &[Lasting]) {
        let sites = self.history.sites.iter().enumerate();
        let mut numbers: HashMap<Site, u32> =
            sites.map(|(number, site)| (site.clone(), number_of(number))).collect();
        for Lasting { track, label, made_at, footprint } in lasting {
            let (buffer, Footprint { address, bytes, staging }) = (u64::from(track.number), *footprint);
            let is_new = |staging| !self.known.contains(&(buffer, staging));
            let (bytes, staging) =
                (if is_new(false) { bytes } else { 0 }, if is_new(true) { staging } else { 0 });
            if bytes + staging == 0 {
                continue;
            }
            let site = Site { label: label.clone(), made_at: Some(made_at) };
            let sites = &mut self.history.sites;
            let site = *numbers.entry(site).or_insert_with_key(|site| {
                sites.push(site.clone());
                number_of(sites.len() - 1)
            });
            if bytes > 0 {
                self.block_before(site, buffer, Footprint::new(address, bytes, 0), false);
            }
            if staging > 0 {
                self.block_before(site, buffer, Footprint::new(0, staging, 0), true);
            }
        }
    }

    /// Segments that are there and have no record.
    fn add_segments(&mut self, segments: &[(u64, SegmentState)]) {
        for (address, segment) in segments {
            match self.segments.get(address) {
                // Its first record may be younger than its being a slab.
                Some(index) => self.history.segments[*index].segment.slab |= segment.slab,
                None => self.history.segments.push(SegmentLife {
                    address: *address,
                    segment: *segment,
                    start: self.history.start,
                    end: None,
                }),
            }
        }
    }
}
