//! The staging copies for one download of one or several buffers, of which some may be `snapshot` buffers.

use crate::backend::{Backend, Fault};
use crate::buffer::copies::Place;
use crate::buffer::raw::{NewCopies, RawBuffer, Rotation};
use crate::error::Error;
use crate::memory::{Block, LockedTogether, lock_together};
use std::ops::Range;
use std::ptr;

/// The bytes of a buffer that a part of a download copies; there is at least one.
pub(super) struct CopySource<'a, B: Backend> {
    pub(super) raw: &'a RawBuffer<B>,
    pub(super) block: &'a Block<B>,
    pub(super) bytes: Range<usize>,
}

/// The staging copies of all `snapshot` buffers of a download, locked.
pub(super) struct Snapshots<'a, B: Backend> {
    /// Each `snapshot` buffer once.
    needs: Vec<Need<'a, B>>,
    /// The staging copies of each of them.
    rotations: LockedTogether<'a, Rotation<B>>,
    /// For each part of the download: which staging copy it reads, of which buffer, if it reads one.
    copies: Vec<Option<(usize, usize)>>,
}

/// The staging copies that a download needs of one buffer.
struct Need<'a, B: Backend> {
    raw: &'a RawBuffer<B>,
    count: usize,
    /// The bytes of the largest.
    bytes: usize,
    /// How many of them are in use by this download.
    used: usize,
}

impl<'a, B: Backend> Snapshots<'a, B> {
    /// Locks the staging copies that a download of `sources` needs, and takes memory for those that have too
    /// little.
    pub(super) fn lock<'s>(sources: impl Iterator<Item = &'s CopySource<'a, B>>) -> Result<Self, Error>
    where
        'a: 's,
    {
        let needs = needs(sources);
        loop {
            // All memory is taken before a staging copy gets any. If some is missing, the rest goes back
            // here.
            let allocate = |need: &Need<'a, B>| need.raw.allocate_staging(need.count, need.bytes);
            let new: Vec<NewCopies<'_, B>> = needs.iter().map(allocate).collect::<Result<_, Error>>()?;
            needs.iter().zip(new).for_each(|(need, new)| need.raw.put_staging(new));
            let rotations = lock_together(needs.iter().map(|need| need.raw.staging_rotation()));
            let has = |(index, need): (usize, &Need<'a, B>)| rotations.get(index).has(need.count, need.bytes);
            // Another thread's download may have used the staging copies that just got memory. Each round
            // leaves more memory with the staging copies.
            if needs.iter().enumerate().all(has) {
                return Ok(Self { needs, rotations, copies: Vec::new() });
            }
        }
    }

    /// Queues the copy of the next part, if its buffer is a `snapshot` buffer.
    pub(super) fn copy(&mut self, source: &CopySource<'a, B>) -> Result<(), Fault> {
        let CopySource { raw, block, bytes } = source;
        let of = |need: &Need<'a, B>| ptr::eq(need.raw, *raw);
        let Some(buffer) = self.needs.iter().position(of) else {
            self.copies.push(None);
            return Ok(());
        };
        let used = &mut self.needs[buffer].used;
        let copy =
            self.rotations.get_mut(buffer).copy(raw.state(), (*block, bytes.start), bytes.len(), *used)?;
        *used += 1;
        self.copies.push(Some((buffer, copy)));
        Ok(())
    }

    /// The place that the part with this index is read from: the start of its staging copy, or the buffer
    /// itself.
    pub(super) fn place<'s>(&'s self, part: usize, source: &CopySource<'s, B>) -> Place<'s, B> {
        match self.copies[part] {
            Some((buffer, copy)) => (self.rotations.get(buffer).block(copy), 0),
            None => (source.block, source.bytes.start),
        }
    }

    /// Leaves the staging copies to their downloads, which are queued: the next download uses others. Without
    /// this it uses the same.
    pub(super) fn advance(mut self) {
        for (index, need) in self.needs.iter().enumerate() {
            self.rotations.get_mut(index).advance(need.used);
        }
    }
}

/// Each `snapshot` buffer of a download once.
fn needs<'s, 'a: 's, B: Backend>(sources: impl Iterator<Item = &'s CopySource<'a, B>>) -> Vec<Need<'a, B>> {
    let mut needs: Vec<Need<'a, B>> = Vec::new();
    for CopySource { raw, bytes, .. } in sources.filter(|source| source.raw.spec().is_snapshot()) {
        match needs.iter_mut().find(|need| ptr::eq(need.raw, *raw)) {
            Some(need) => {
                need.count += 1;
                need.bytes = need.bytes.max(bytes.len());
            }
            None => needs.push(Need { raw, count: 1, bytes: bytes.len(), used: 0 }),
        }
    }
    needs
}
