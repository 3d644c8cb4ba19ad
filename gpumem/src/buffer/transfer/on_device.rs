//! Operations that write elements and take none from the host: fills, growth by zeros, and copies between
//! buffers.

use super::blocking::send;
use super::pieces::PinnedPieces;
use crate::backend::Backend;
use crate::buffer::copies;
use crate::buffer::raw::{Growth, Old, RawBuffer};
use crate::error::Error;
use crate::memory::Block;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of a pattern that the host sends before copies on the device repeat them.
const PATTERN: usize = 64 << 10;

impl<B: Backend> Growth<'_, B> {
    /// Gives the memory to the buffer and makes its length `len`, for which there is memory. New elements are
    /// zero.
    pub(crate) fn resize(self, len: usize) -> Result<(), Error> {
        let buffer = self.buffer();
        let (old, size) = (buffer.len(), buffer.element_size());
        if len <= old {
            self.truncate(len);
            return Ok(());
        }
        // In bytes, so that the pattern is small however large an element is.
        let (start, count) = (old * size, (len - old) * size);
        self.write(Old::Kept, len, |raw, block| fill(raw, block, start, count, &[0])).map(|_| ())
    }

    /// Replaces the contents by those of `source`, for which the memory was taken.
    pub(crate) fn copy_from(self, source: &RawBuffer<B>) -> Result<(), Error> {
        let all = 0..source.len();
        self.write(Old::Replaced, source.len(), |_, block| copy(source, all, block, 0)).map(|_| ())
    }
}

impl<B: Backend> RawBuffer<B> {
    pub(crate) fn resize(&mut self, len: usize) -> Result<(), Error> {
        self.prepare(len)?.resize(len)
    }

    /// Sets elements to repetitions of `pattern`, whose size divides that of one.
    pub(crate) fn fill(&mut self, range: Range<usize>, pattern: &[u8]) -> Result<(), Error> {
        let range = self.range(range)?;
        if range.is_empty() {
            return Ok(self.state().backend.check_failure()?);
        }
        self.order_after_uses()?;
        let Some(block) = self.block() else { return Ok(()) };
        let (size, count) = (self.element_size(), range.len() * (self.element_size() / pattern.len()));
        fill(self, block, range.start * size, count, pattern)
    }

    pub(crate) fn copy_from(&mut self, source: &Self) -> Result<(), Error> {
        self.prepare_copy(source)?.copy_from(source)
    }

    /// Takes the memory that is needed to replace the contents by those of `source`. Changes nothing that can
    /// be seen.
    ///
    /// # Panics
    ///
    /// If generated code has passed a source of another element.
    pub(crate) fn prepare_copy(&mut self, source: &Self) -> Result<Growth<'_, B>, Error> {
        assert_eq!(self.element_size(), source.element_size(), "gpumem: a buffer of another element");
        self.check_same_device(source)?;
        self.prepare(source.len())
    }

    /// Appends the elements of a range of another buffer, whose elements may be made of several of this one.
    pub(in crate::buffer) fn extend_from(&mut self, source: &Self, range: Range<usize>) -> Result<(), Error> {
        self.check_same_device(source)?;
        let (size, bytes) = (self.element_size(), range.len() * source.element_size());
        assert!(bytes.is_multiple_of(size), "gpumem: a buffer of another element");
        let (end, len) = (self.len() * size, self.len().saturating_add(bytes / size));
        self.prepare(len)?.write(Old::Kept, len, |_, block| copy(source, range, block, end)).map(|_| ())
    }

    /// Makes the length `len`, for work that writes the new elements.
    ///
    /// # Safety
    ///
    /// The new elements are written before anything reads them (rule 5).
    pub(in crate::buffer) unsafe fn resize_unwritten(&mut self, len: usize) -> Result<(), Error> {
        self.reserve(len.saturating_sub(self.len()))?;
        // SAFETY: there is memory for so many elements, and the caller writes the new ones (rule 5).
        unsafe { self.set_len(len) };
        Ok(())
    }

    /// Overwrites elements from `to` on, which exist, by those of a range of another buffer, of the same
    /// device.
    pub(in crate::buffer) fn copy_range(
        &mut self,
        to: usize,
        source: &Self,
        range: Range<usize>,
    ) -> Result<(), Error> {
        self.order_after_uses()?;
        self.block().map_or(Ok(()), |block| copy(source, range, block, to * self.element_size()))
    }
}

/// Queues the copy of elements of `source` to `to` bytes into the block of another buffer of the same device,
/// which has so much memory there and for whose pending uses the compute stream waits.
fn copy<B: Backend>(
    source: &RawBuffer<B>,
    range: Range<usize>,
    target: &Block<B>,
    to: usize,
) -> Result<(), Error> {
    let (size, Some(block)) = (source.element_size(), source.block()) else { return Ok(()) };
    if range.is_empty() {
        return Ok(());
    }
    source.note_use();
    // SAFETY: the callers checked both ranges, and the source's elements were written (rule 5). Two buffers
    // have two blocks, so the ranges do not overlap. The compute stream waits for the target's pending uses
    // (rule 2).
    Ok(unsafe {
        copies::copy_on_device(source.state(), (block, range.start * size), (target, to), range.len() * size)
    }?)
}

/// Queues `count` repetitions of a pattern, from `to` bytes into `block` of the buffer on. The block has so
/// much memory there, and the compute stream waits for its pending uses.
fn fill<B: Backend>(
    raw: &RawBuffer<B>,
    block: &Block<B>,
    to: usize,
    count: usize,
    pattern: &[u8],
) -> Result<(), Error> {
    // SAFETY: the callers made sure of the range and of pending uses (rule 2).
    if unsafe { copies::fill(raw.state(), (block, to), pattern, count) }? {
        return Ok(());
    }
    fill_by_copies(raw, block, to, count, pattern)
}

/// Sends some repetitions of the pattern, and doubles them on the device.
fn fill_by_copies<B: Backend>(
    raw: &RawBuffer<B>,
    block: &Block<B>,
    to: usize,
    count: usize,
    pattern: &[u8],
) -> Result<(), Error> {
    let (state, size) = (raw.state(), pattern.len());
    let sent = count.min((PATTERN / size).max(1));
    let pinned = PinnedPieces::take(state, &state.lanes.compute, &raw.label(), sent * size)?;
    // A single element may be large, so it is not copied once more.
    let repeated = if sent == 1 { Cow::Borrowed(pattern) } else { Cow::Owned(pattern.repeat(sent)) };
    send(raw, pinned, block, to, &repeated)?;
    let mut done = sent;
    while done < count {
        let next = done.min(count - done);
        // SAFETY: the source is the first `next <= done` repetitions, which work that was queued before has
        // written (rule 5), on the compute stream or on lanes that it waits for. The target begins after all
        // `done` of them, and both lie in the range of the caller, who made sure of pending uses (rule 2).
        unsafe { copies::copy_on_device(state, (block, to), (block, to + done * size), next * size) }?;
        done += next;
    }
    Ok(())
}
