//! Blocking transfers between slices of the host and a buffer.
//!
//! Uploads run on the compute lane, or, if they are large, on the transfer lanes, for which the compute
//! stream is made to wait at the end. The call returns when the last piece is in pinned memory; the pinned
//! blocks stay in flight until the device has copied them. Downloads run on the download lane or on the
//! transfer lanes, which wait for an event of the compute stream first, and return when the data is there.
//!
//! The smallest downloads run on the compute lane. The calling thread waits for that lane in any case, and a
//! lane of their own would cost more than the time for which they keep the compute lane busy: an event for
//! which that lane waits, and a pending use for which the next write waits.
//!
//! Pinned memory is taken before the buffer is touched, so a transfer for which there is none changes nothing
//! (rule 6).

use super::pieces::{PinnedPieces, PinnedRing};
use crate::backend::{Backend, Fault};
use crate::buffer::raw::{Growth, Old, RawBuffer};
use crate::error::Error;
use crate::log_safely::span;
use crate::memory::{Block, DeviceState, Pieces, run_on_threads};
use crate::timeline::Direction;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Bytes up to which a download runs on the compute lane: one or two microseconds of the bus.
const SMALL: usize = 64 << 10;

/// An upload that replaces the contents of a buffer, or is appended to them: all memory is taken, and nothing
/// is changed yet.
pub(crate) struct PreparedUpload<'a, B: Backend> {
    growth: Growth<'a, B>,
    old: Old,
    pinned: Option<PinnedPieces<B>>,
}

impl<B: Backend> PreparedUpload<'_, B> {
    /// Sends `data`, which has the size that was prepared for. Fails only if the driver does.
    pub(crate) fn commit(self, data: &[u8]) -> Result<(), Error> {
        let Self { growth, old, pinned } = self;
        let (kept, start) = kept(growth.buffer(), old);
        let _bar = growth.buffer().bar(Direction::Upload, data.len());
        let len = kept + growth.buffer().elements_in(data);
        growth.write(old, len, |raw, block| send(raw, pinned, block, start, data)).map(|_| ())
    }
}

impl<B: Backend> RawBuffer<B> {
    pub(crate) fn upload(&mut self, data: &[u8]) -> Result<(), Error> {
        self.prepare_upload(data, Old::Replaced)?.commit(data)
    }

    /// Takes the memory that is needed to append `data`, or to replace the contents by it. Changes nothing
    /// that can be seen.
    pub(crate) fn prepare_upload(&mut self, data: &[u8], old: Old) -> Result<PreparedUpload<'_, B>, Error> {
        let (kept, _) = kept(self, old);
        let len = kept.saturating_add(self.elements_in(data));
        // Checked before memory is pinned for an upload that is refused.
        self.check_limit(len)?;
        let pinned = self.pinned_pieces(data.len())?;
        let growth = self.prepare(len)?;
        Ok(PreparedUpload { growth, old, pinned })
    }

    pub(crate) fn write(&mut self, offset: usize, data: &[u8]) -> Result<(), Error> {
        let end = offset.saturating_add(self.elements_in(data));
        self.range(offset..end)?;
        let pinned = self.pinned_pieces(data.len())?;
        self.order_after_uses()?;
        let Some(block) = self.block() else { return Ok(()) };
        let _bar = self.bar(Direction::Upload, data.len());
        send(self, pinned, block, offset * self.element_size(), data)
    }

    pub(crate) fn extend(&mut self, data: &[u8]) -> Result<(), Error> {
        self.prepare_upload(data, Old::Kept)?.commit(data)
    }

    /// Pinned memory for an upload of `bytes`.
    fn pinned_pieces(&self, bytes: usize) -> Result<Option<PinnedPieces<B>>, Error> {
        self.state().backend.check_failure()?;
        PinnedPieces::take(self.state(), &self.state().lanes.compute, &self.label(), bytes)
    }

    /// Copies elements to `target`, which need not be initialised. Returns when they are there.
    ///
    /// # Safety
    ///
    /// The range lies in the buffer, and `target` is valid for writing as many bytes as the range has (rule
    /// 4).
    pub(in crate::buffer) unsafe fn receive(
        &self,
        range: Range<usize>,
        target: *mut u8,
    ) -> Result<(), Error> {
        self.note_use();
        let bytes = range.len() * self.element_size();
        let _span = span!("download", buffer = self.label().name(), set = self.label().set(), bytes);
        let state = self.state();
        state.backend.check_failure()?;
        let lane = if bytes <= SMALL { &state.lanes.compute } else { &state.lanes.download };
        let pinned = PinnedPieces::take(state, lane, &self.label(), bytes)?;
        let (Some(pinned), Some(block)) = (pinned, self.block()) else { return Ok(()) };
        let _bar = self.bar(Direction::Download, bytes);
        // SAFETY: the caller vouches for so many bytes, and has them for itself. They need not be initialised
        // (rule 4).
        let target = unsafe { std::slice::from_raw_parts_mut(target.cast::<MaybeUninit<u8>>(), bytes) };
        let start = range.start * self.element_size();
        let piece = pinned.piece();
        let pieces = Pieces::new(target.chunks_mut(piece).enumerate());
        // SAFETY: the range lies in the buffer, whose elements were written (rule 5) on the compute stream,
        // or on a stream that it waits for. The rings' lanes are made to wait for it below.
        let receive = |ring: PinnedRing<'_, B>, pieces: &Pieces<_>| unsafe {
            ring.receive(block, start, piece, pieces)
        };
        if let Some(lease) = pinned.lease(state)? {
            state.lanes.order_after_compute(lease.lanes())?;
            run_on_threads(&pieces, pinned.deal(state, lease.lanes()), receive)?;
        } else {
            if !state.lanes.is_compute(lane) {
                state.lanes.order_download_after(state.lanes.compute.stream())?;
            }
            run_on_threads(&pieces, pinned.deal(state, std::slice::from_ref(lane)), receive)?;
        }
        self.downloaded(bytes, false);
        Ok(())
    }
}

/// The elements and the bytes of the old contents before the first new element.
fn kept<B: Backend>(buffer: &RawBuffer<B>, old: Old) -> (usize, usize) {
    match old {
        Old::Kept => (buffer.len(), buffer.len() * buffer.element_size()),
        Old::Replaced => (0, 0),
    }
}

/// Queues the copy of `data` to `start` bytes into `block` of the buffer, which has so much memory there and
/// for whose pending uses the compute stream waits.
pub(super) fn send<B: Backend>(
    raw: &RawBuffer<B>,
    pinned: Option<PinnedPieces<B>>,
    block: &Block<B>,
    start: usize,
    data: &[u8],
) -> Result<(), Error> {
    let Some(pinned) = pinned else { return Ok(()) };
    let bytes = data.len();
    let _span = span!("upload", buffer = raw.label().name(), set = raw.label().set(), bytes);
    let state = raw.state();
    let piece = pinned.piece();
    let pieces = Pieces::new(data.chunks(piece).enumerate());
    // SAFETY: the caller made sure of the range and of pending uses. Transfer lanes are made to wait for the
    // compute stream below, and it is made to wait for them at the end (`JoinAtEnd`; rules 1 and 2).
    let send =
        |ring: PinnedRing<'_, B>, pieces: &Pieces<_>| unsafe { ring.send(block, start, piece, pieces) };
    if let Some(lease) = pinned.lease(state)? {
        state.lanes.order_after_compute(lease.lanes())?;
        let join = JoinAtEnd { state, block };
        let sent = run_on_threads(&pieces, pinned.deal(state, lease.lanes()), send);
        let joined = join.end().map_err(Error::from);
        sent.and(joined)?;
    } else {
        run_on_threads(&pieces, pinned.deal(state, std::slice::from_ref(&state.lanes.compute)), send)?;
    }
    raw.uploaded(data.len());
    Ok(())
}

/// Makes the compute stream wait for an upload on the transfer lanes at its end, whether it failed or not.
struct JoinAtEnd<'a, B: Backend> {
    state: &'a DeviceState<B>,
    block: &'a Block<B>,
}

impl<B: Backend> JoinAtEnd<'_, B> {
    fn end(self) -> Result<(), Fault> {
        let this = std::mem::ManuallyDrop::new(self);
        this.block.join_uses(&this.state.backend, this.state.lanes.compute.stream())
    }
}

impl<B: Backend> Drop for JoinAtEnd<'_, B> {
    /// Called only if a worker has panicked.
    fn drop(&mut self) {
        // The block keeps a failure for later (`Block::check`).
        let _ = self.block.join_uses(&self.state.backend, self.state.lanes.compute.stream());
    }
}

#[cfg(test)]
mod tests {
    use super::SMALL;
    use crate::{Async, Buffer, Device, Host};
    use std::time::Duration;

    // The smallest downloads go another way than the others.
    #[test]
    fn downloads_of_all_sizes_come_after_what_was_queued() {
        let device = Device::host();
        for bytes in [1, SMALL - 1, SMALL, SMALL + 1] {
            let mut buffer: Buffer<u8, Host, Async> = Buffer::new(&device, "buffer").unwrap().into_async();
            buffer.resize(bytes).unwrap();
            let mut target = vec![0; bytes];
            for round in 1..=20 {
                device.launch((), |()| std::thread::sleep(Duration::from_millis(1))).unwrap();
                buffer.fill(round).unwrap();
                buffer.download_into_slice(&mut target).unwrap();
                assert!(target.iter().all(|byte| *byte == round), "{bytes} bytes, round {round}");
                let later = buffer.start_download().unwrap();
                buffer.fill(0).unwrap();
                assert!(later.wait().unwrap().iter().all(|byte| *byte == round), "{bytes} bytes, async");
            }
        }
        assert_eq!(device.stats().lost_bytes, 0);
    }
}
