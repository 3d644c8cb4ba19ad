//! Memory without an owner that all threads find: free pieces of slabs, and free segments.
//!
//! One mutex of [`DevicePool`](super::DevicePool) guards all of it. Memory is taken from the driver and given
//! back to it while that mutex is not held, so a drop on another thread never waits for the driver. Under the
//! mutex a thread asks the driver only whether events are done, and for new ones.

use super::epochs::Epochs;
use super::segments::{FreeSegment, FreeSegments, Segment};
use super::small::{Evicted, Slabs};
use crate::backend::Backend;
use crate::timeline::Recorder;
use std::time::Instant;

pub(crate) struct FreeMemory<B: Backend> {
    pub(super) slabs: Slabs<B>,
    pub(super) segments: FreeSegments<B>,
    pub(super) epochs: Epochs<B>,
}

impl<B: Backend> FreeMemory<B> {
    pub(super) fn new(recorder: &Recorder) -> Self {
        Self { slabs: Slabs::new(recorder), segments: FreeSegments::new(), epochs: Epochs::new() }
    }

    /// Adds a segment that came free at the time `since`.
    pub(super) fn put_segment(&mut self, segment: Box<Segment<B>>, since: Option<Instant>) {
        let epoch = self.epochs.current();
        self.segments.put(FreeSegment { segment, epoch, since });
    }

    /// Adds memory that has left the caches: pieces go to their slabs, where they join their neighbours.
    pub(super) fn put(&mut self, evicted: Evicted<B>, since: Option<Instant>) {
        for piece in evicted.small {
            let epoch = self.epochs.current();
            self.slabs.give_back(piece.node, epoch, since);
        }
        evicted.large.into_iter().for_each(|segment| self.put_segment(segment, since));
    }

    /// Makes a slab of a segment.
    pub(super) fn add_slab(&mut self, segment: Box<Segment<B>>, since: Option<Instant>) {
        let epoch = self.epochs.current();
        self.slabs.add(segment, epoch, since);
    }

    /// Makes free segments of the slabs all of which is free.
    pub(super) fn dissolve_slabs(&mut self) {
        for (segment, epoch, since) in self.slabs.take_whole() {
            self.segments.put(FreeSegment { segment, epoch, since });
        }
    }

    /// The size of the largest free piece or segment in bytes, and how many pieces and segments are free.
    pub(super) fn free_pieces(&self) -> (u64, u64) {
        let (piece, pieces) = self.slabs.free_pieces();
        let (segment, segments) = self.segments.largest();
        (piece.max(segment) as u64, (pieces + segments) as u64)
    }

    /// Bytes of all free pieces and segments, and of the largest of them, which is found at once however many
    /// there are: a piece to about an eighth.
    pub(super) fn free_bytes(&self) -> (u64, u64) {
        let (pieces, piece) = self.slabs.free_bytes();
        let (segment, _) = self.segments.largest();
        (pieces + self.segments.bytes(), piece.max(segment as u64))
    }

    /// Takes every segment that can be given back, those of slabs too, at the end of the device.
    pub(super) fn take_all(&mut self) -> Vec<Box<Segment<B>>> {
        let mut all = self.slabs.take_all();
        all.extend(self.segments.take_surplus(0, |_| true));
        all
    }
}
