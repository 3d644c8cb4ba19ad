//! The recorder of a device, to which other layers report by way of the ledger.

use super::clock::Clock;
use super::direction::Direction;
use super::history::{About, Lasting};
use super::record::{Footprint, Kind, SegmentState, TimelineRecord, Track};
use super::ring::Ring;
use super::sites::Sites;
use super::snapshot::Timeline;
use super::write::is_known;
use crate::label::BufferLabel;
use crate::threads;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The settings of a builder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) records: Option<usize>,
    pub(crate) dump_on_oom: Option<PathBuf>,
}

/// The most records: 4 GiB.
const MOST_RECORDS: usize = 1 << 26;

impl Wanted {
    /// A setting that cannot work: its key, its value and the rule.
    pub(crate) fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        let Self { records, dump_on_oom } = self;
        if let Some(records) = records.filter(|records| *records == 0 || *records > MOST_RECORDS) {
            return Some(("timeline", records.to_string(), "it must be between 1 and 67108864 events"));
        }
        let path = dump_on_oom.as_deref().filter(|path| !is_known(path))?;
        Some(("dump_on_oom", path.display().to_string(), "the file is .html, .pftrace, .pickle or .csv"))
    }
}

/// Records of a device that only sets `dump_on_oom`: 4 MiB.
const DEFAULT_RECORDS: usize = 1 << 16;

/// A reference to the recording of a device, if it has one.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Option<Arc<Recording>>);

struct Recording {
    clock: Clock,
    /// The moment at which it began, by the clock on the wall.
    began_at: SystemTime,
    ring: Ring,
    sites: Sites,
    /// The segments that the device has now. They change with calls of the driver, which take longer than
    /// this lock.
    segments: Mutex<BTreeMap<u64, SegmentState>>,
    /// The buffers that were made so far, modulo 2^32.
    buffers: AtomicU32,
    transfers: AtomicU64,
    dump_on_oom: Option<PathBuf>,
    dumped: AtomicBool,
}

impl Recording {
    #[inline]
    fn push(&self, kind: Kind, site: u32, subject: u64, numbers: [u64; 4]) {
        #[allow(clippy::cast_possible_truncation)] // records have 24 bits of it
        let thread = threads::number() as u32;
        self.ring
            .push(TimelineRecord { kind, time: self.clock.ticks(), thread, site, subject, numbers }.words());
    }

    fn segments(&self) -> MutexGuard<'_, BTreeMap<u64, SegmentState>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    pub(crate) fn new(Wanted { records, dump_on_oom }: Wanted) -> Self {
        if records.is_none() && dump_on_oom.is_none() {
            return Self(None);
        }
        let records = records.unwrap_or(DEFAULT_RECORDS);
        Self(Some(Arc::new(Recording {
            clock: Clock::start(),
            began_at: SystemTime::now(),
            ring: Ring::new(records),
            sites: Sites::new(records),
            segments: Mutex::default(),
            buffers: AtomicU32::new(0),
            transfers: AtomicU64::new(0),
            dump_on_oom,
            dumped: AtomicBool::new(false),
        })))
    }

    /// A new buffer.
    #[inline]
    pub(crate) fn track(&self, label: &BufferLabel, at: &'static Location<'static>) -> Track {
        let Some(recording) = &self.0 else { return Track::default() };
        let number = recording.buffers.fetch_add(1, Relaxed);
        Track { number, site: recording.sites.number(label, Some(at)) }
    }

    /// A buffer's memory has changed, from the first place to the second.
    #[inline]
    pub(crate) fn moved(&self, track: Track, before: Footprint, after: Footprint) {
        self.changed(track, 0, before, after);
    }

    /// The same for the staging copy of a buffer with this index.
    pub(crate) fn staged(&self, track: Track, index: usize, before: Footprint, after: Footprint) {
        self.changed(track, index as u64 + 1, before, after);
    }

    #[inline]
    fn changed(&self, track: Track, part: u64, before: Footprint, after: Footprint) {
        if let Some(recording) = &self.0
            && (before.address, before.bytes) != (after.address, after.bytes)
            && before.bytes + after.bytes > 0
        {
            let numbers = [before.address, before.bytes, after.address, after.bytes];
            recording.push(Kind::Memory, track.site, u64::from(track.number) | part << 32, numbers);
        }
    }

    /// A transfer begins. It ends with the bar.
    pub(crate) fn transfer(&self, direction: Direction, track: Track, bytes: usize) -> Bar {
        let Some(recording) = &self.0 else { return Bar(None) };
        let number = recording.transfers.fetch_add(1, Relaxed);
        let bar = Under {
            recording: recording.clone(),
            direction,
            track,
            number,
            bytes: bytes as u64,
            queued: recording.clock.ticks(),
        };
        bar.push(Kind::Queued);
        Bar(Some(bar))
    }

    /// A kernel was queued on a stream.
    #[inline]
    pub(crate) fn kernel(&self, name: &'static str, at: &'static Location<'static>, stream: u64) {
        if let Some(recording) = &self.0 {
            let site = recording.sites.number(&BufferLabel::literal(name), Some(at));
            recording.push(Kind::Kernel, site, stream, [0; 4]);
        }
    }

    /// A segment's memory has changed.
    pub(crate) fn mapped(&self, address: u64, before: usize, after: usize, addresses: usize) {
        let Some(recording) = &self.0 else { return };
        let (before, after, addresses) = (before as u64, after as u64, addresses as u64);
        let mut segments = recording.segments();
        if after == 0 {
            segments.remove(&address);
        } else {
            let segment = segments.entry(address).or_default();
            (segment.mapped, segment.addresses) = (after, addresses);
        }
        recording.push(Kind::Mapped, 0, address, [before, after, addresses, 0]);
    }

    /// A segment became a slab, or is none any more.
    pub(crate) fn slab(&self, address: u64, is_slab: bool) {
        let Some(recording) = &self.0 else { return };
        let mut segments = recording.segments();
        if let Some(segment) = segments.get_mut(&address) {
            segment.slab = is_slab;
        }
        recording.push(Kind::Slab, 0, address, [is_slab.into(), 0, 0, 0]);
    }

    pub(crate) fn trimmed(&self, retain: u64, given_back: u64) {
        if let Some(recording) = &self.0 {
            recording.push(Kind::Trim, 0, 0, [retain, given_back, 0, 0]);
        }
    }

    /// Runs the application's pressure callback.
    pub(crate) fn under_pressure(&self, requested: u64, live: u64, limited: bool, callback: impl FnOnce()) {
        let Some(recording) = &self.0 else { return callback() };
        let began = recording.clock.ticks();
        callback();
        recording.push(Kind::Pressure, 0, 0, [requested, live, began, limited.into()]);
    }

    /// A request for memory failed.
    pub(crate) fn failed(&self, label: &BufferLabel, requested: u64, live: u64, limit: Option<u64>) {
        if let Some(recording) = &self.0 {
            let site = recording.sites.number(label, None);
            recording.push(Kind::Failure, site, 0, [requested, live, limit.unwrap_or_default(), 0]);
        }
    }

    /// The file for the timeline after a failure, the first time that it is asked for.
    pub(crate) fn dump_path(&self) -> Option<&Path> {
        let recording = self.0.as_ref()?;
        let path = recording.dump_on_oom.as_deref()?;
        (!recording.dumped.swap(true, Relaxed)).then_some(path)
    }

    /// The records so far. `lasting` are the buffers that are alive, read before.
    pub(crate) fn snapshot(
        &self,
        device: (&str, &str),
        limit: u64,
        lasting: Vec<Lasting>,
    ) -> Option<Timeline> {
        let recording = self.0.as_ref()?;
        // The segments first: a change after this has a record, and one before it is in both.
        let segments = recording.segments().iter().map(|(address, segment)| (*address, *segment)).collect();
        let read = recording.ring.read();
        let scale = recording.clock.scale();
        let about = About {
            backend: device.0.into(),
            device: device.1.into(),
            limit,
            began_at: recording.began_at,
            end: scale.end(),
        };
        Some(Timeline::new(about, read, &scale, recording.sites.read(), lasting, segments))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Recorder(on)" } else { "Recorder(off)" })
    }
}

/// A transfer that was queued and has not been seen to end. Its end is recorded by [`Bar::end`], or when it
/// is dropped.
#[derive(Default)]
pub(crate) struct Bar(Option<Under>);

struct Under {
    recording: Arc<Recording>,
    direction: Direction,
    track: Track,
    number: u64,
    bytes: u64,
    /// In ticks.
    queued: u64,
}

impl Under {
    fn push(&self, kind: Kind) {
        let numbers = [self.bytes, self.track.number.into(), self.direction as u64, self.queued];
        self.recording.push(kind, self.track.site, self.number, numbers);
    }
}

impl Bar {
    /// The host has seen the end.
    pub(crate) fn end(&mut self) {
        if let Some(under) = self.0.take() {
            under.push(Kind::Done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}
