//! Slabs: segments that are divided into pieces for small blocks.
//!
//! A slab is added with one free piece, which is all of it. Pieces are split and join again; when all of a
//! slab is free it can be taken out, and its segment then serves a large block, another slab, or goes back to
//! the driver.

use super::cache::FreePiece;
use super::size::Class;
use super::tlsf::{Piece, Tlsf};
use crate::backend::Backend;
use crate::memory::pool::epochs::Epoch;
use crate::memory::pool::segments::Segment;
use crate::timeline::Recorder;
use std::time::Instant;

/// The largest slab, in bytes.
pub(crate) const SLAB: usize = 32 << 20;

/// Pieces of up to so many bytes in all are taken at a time.
const BATCH: usize = 64 << 10;

pub(crate) struct Slabs<B: Backend> {
    tlsf: Tlsf,
    /// By the number that the allocator knows them by; none where a slab was taken out.
    slabs: Vec<Option<Slab<B>>>,
    /// Bytes of all slabs.
    bytes: usize,
    recorder: Recorder,
}

struct Slab<B: Backend> {
    segment: Box<Segment<B>>,
    /// Its first piece, which is all of it when it is free.
    first: u32,
    /// The epoch and the time from which on all of it is free; meaningless when it is not.
    free_since: (Epoch, Option<Instant>),
    /// Work whose end cannot be told may use a piece of it, so it never goes back.
    unusable: bool,
}

/// A slab that was taken out: its segment, and from when on all of it has been free.
pub(crate) type WholeSlab<B> = (Box<Segment<B>>, Epoch, Option<Instant>);

impl<B: Backend> Slabs<B> {
    pub(crate) fn new(recorder: &Recorder) -> Self {
        Self { tlsf: Tlsf::new(), slabs: Vec::new(), bytes: 0, recorder: recorder.clone() }
    }

    /// Bytes of all slabs.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The size of the largest free piece in bytes, and how many free pieces there are.
    pub(crate) fn free_pieces(&self) -> (usize, usize) {
        self.tlsf.free_pieces()
    }

    /// Bytes of all free pieces, and the size of the largest, to about an eighth.
    pub(crate) fn free_bytes(&self) -> (u64, u64) {
        (self.tlsf.free_bytes(), self.tlsf.largest() as u64)
    }

    /// Makes a slab of a segment that is free from `epoch` and `since` on.
    pub(crate) fn add(&mut self, segment: Box<Segment<B>>, epoch: Epoch, since: Option<Instant>) {
        self.recorder.slab(B::address_of(segment.memory()), true);
        let bytes = segment.mapped().min(SLAB * 2);
        self.bytes += segment.mapped();
        let index = self.slabs.iter().position(Option::is_none).unwrap_or(self.slabs.len());
        #[allow(clippy::cast_possible_truncation)] // as many slabs would hold more than any device
        let first = self.tlsf.add(index as u32, bytes);
        let slab = Some(Slab { segment, first, free_since: (epoch, since), unusable: false });
        match self.slabs.get_mut(index) {
            Some(place) => *place = slab,
            None => self.slabs.push(slab),
        }
    }

    /// Takes pieces of a class: one, and some more of small ones. A `thorough` search finds a piece wherever
    /// there is one.
    pub(crate) fn take(&mut self, class: Class, thorough: bool) -> Vec<FreePiece<B>> {
        let count = (BATCH / class.bytes()).clamp(1, 32);
        let mut pieces = Vec::with_capacity(count);
        while pieces.len() < count {
            let piece = self.tlsf.take(class.bytes(), thorough);
            let Some(free) = piece.and_then(|piece| self.free_piece(piece)) else { break };
            pieces.push(free);
        }
        pieces
    }

    fn free_piece(&self, piece: Piece) -> Option<FreePiece<B>> {
        let slab = self.slabs.get(piece.slab as usize)?.as_ref()?;
        Some(FreePiece { memory: slab.segment.memory().clone(), offset: piece.offset, node: piece.node })
    }

    /// Gives a piece back to its slab, in the given epoch and at the given time.
    pub(crate) fn give_back(&mut self, node: u32, epoch: Epoch, since: Option<Instant>) {
        if let Some(slab) = self.tlsf.give_back(node)
            && let Some(Some(slab)) = self.slabs.get_mut(slab as usize)
        {
            slab.free_since = (epoch, since);
        }
    }

    /// Gives a piece up for good, and with it the slab.
    pub(crate) fn give_up(&mut self, node: u32) {
        let slab = self.tlsf.slab_of(node) as usize;
        if let Some(Some(slab)) = self.slabs.get_mut(slab) {
            slab.unusable = true;
        }
    }

    /// Takes out every slab all of which is free.
    pub(crate) fn take_whole(&mut self) -> Vec<WholeSlab<B>> {
        let mut whole = Vec::new();
        for place in &mut self.slabs {
            let Some(slab) = place.take_if(|slab| self.tlsf.is_whole(slab.first)) else { continue };
            let Slab { segment, first, free_since: (epoch, since), .. } = slab;
            self.tlsf.remove_slab(first);
            self.recorder.slab(B::address_of(segment.memory()), false);
            self.bytes -= segment.mapped();
            whole.push((segment, epoch, since));
        }
        whole
    }

    /// Takes the segments of all slabs that can be given back, at the end of the device.
    pub(crate) fn take_all(&mut self) -> Vec<Box<Segment<B>>> {
        let slabs = std::mem::take(&mut self.slabs).into_iter().flatten();
        slabs.filter(|slab| !slab.unusable).map(|slab| slab.segment).collect()
    }

    /// Compares the sum of all slabs with the slabs, and the allocator with itself. Returns the sum.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn audit(&self) -> u64 {
        self.tlsf.audit();
        let counted: usize = self.slabs.iter().flatten().map(|slab| slab.segment.mapped()).sum();
        assert_eq!(counted, self.bytes, "gpumem: bytes of slabs");
        counted as u64
    }
}
