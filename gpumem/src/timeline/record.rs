//! One record: an event, its time and thread, and up to five numbers; and the things that have more
//! than one number.

use super::clock::Scale;
use super::ring::Words;

/// The kind of event. The numbers of a record mean:
///
/// | kind | subject | numbers |
/// | --- | --- | --- |
/// | `Memory` | buffer, and above 32 bits 0 for its block, or one more than the index of a staging copy | address and bytes of its block before, and after; 0 bytes for none |
/// | `Queued` | transfer | as of `Done` |
/// | `Done` | transfer | bytes, buffer, the [`Direction`](super::Direction), the time at which it was queued |
/// | `Kernel` | stream | |
/// | `Mapped` | address of a segment | bytes of its memory before, and after; bytes of its addresses |
/// | `Slab` | address of a segment | 1 for a new slab, 0 for one that is a free segment again |
/// | `Trim` | | bytes to retain, bytes that went back |
/// | `Pressure` | | bytes that were asked for, live bytes, the time of the call, 1 for the limit |
/// | `Failure` | | bytes that were asked for, live bytes, the limit (0 for the driver's memory) |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Queued,
    Done,
    Kernel,
    Mapped,
    Slab,
    Trim,
    Pressure,
    Failure,
}

/// In the order of the enum, whose numbers are the places here.
const KINDS: [Kind; 9] = [
    Kind::Memory,
    Kind::Queued,
    Kind::Done,
    Kind::Kernel,
    Kind::Mapped,
    Kind::Slab,
    Kind::Trim,
    Kind::Pressure,
    Kind::Failure,
];

/// A buffer as records name it: its number, and that of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Track {
    pub(super) number: u32,
    pub(super) site: u32,
}

/// Where a buffer's memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// The address of its block.
    pub(super) address: u64,
    /// The bytes of its block.
    pub(super) bytes: u64,
    /// The bytes of its staging copies.
    pub(super) staging: u64,
}

impl Footprint {
    pub(crate) fn new(address: u64, bytes: u64, staging: u64) -> Self {
        Self { address, bytes, staging }
    }
}

/// A segment that the device has, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SegmentState {
    pub(super) mapped: u64,
    pub(super) addresses: u64,
    pub(super) slab: bool,
}

/// A record, apart from its place in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimelineRecord {
    pub(super) kind: Kind,
    /// The time since the recording began: ticks in the ring, nanoseconds in a snapshot.
    pub(super) time: u64,
    /// The number of the thread, modulo 2^24.
    pub(super) thread: u32,
    /// The number of the name and the line; 0 for none.
    pub(super) site: u32,
    pub(super) subject: u64,
    pub(super) numbers: [u64; 4],
}

impl TimelineRecord {
    #[inline]
    pub(super) fn words(self) -> Words {
        let Self { kind, time, thread, site, subject, numbers: [a, b, c, d] } = self;
        let head = kind as u64 | u64::from(thread & 0xff_ffff) << 8 | u64::from(site) << 32;
        [head, time, subject, a, b, c, d]
    }

    #[allow(clippy::cast_possible_truncation)] // each part is masked
    pub(super) fn of([head, time, subject, a, b, c, d]: Words) -> Self {
        let kind = KINDS[(head & 0xff) as usize % KINDS.len()];
        let (thread, site) = ((head >> 8) as u32 & 0xff_ffff, (head >> 32) as u32);
        Self { kind, time, thread, site, subject, numbers: [a, b, c, d] }
    }

    /// The same with its times in nanoseconds.
    pub(super) fn in_nanoseconds(mut self, scale: &Scale) -> Self {
        self.time = scale.nanoseconds(self.time);
        let earlier = match self.kind {
            Kind::Queued | Kind::Done => 3,
            Kind::Pressure => 2,
            _ => return self,
        };
        self.numbers[earlier] = scale.nanoseconds(self.numbers[earlier]);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_from_its_words() {
        for (index, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            let thread = u32::try_from(index).unwrap() + 70_000;
            let record = TimelineRecord {
                kind,
                time: 1 << 50,
                thread,
                site: u32::MAX,
                subject: 7,
                numbers: [1, 2, 3, 4],
            };
            assert_eq!(TimelineRecord::of(record.words()), record);
        }
    }
}
