//! The order between a buffer's uses on a stream of the application's own, to which it is bound, and those
//! elsewhere.
//!
//! While a buffer is bound, its kernels run on that stream one after the other, without an event in between.
//! (Kernels on the host are the exception: each is noted at its launch, so the compute stream waits for it.)
//!
//! * **A kernel of the stream** ([`Binding::enter`]) comes after everything that used the buffer elsewhere
//!   since the stream's last kernel: the stream is made to wait for downloads, and for the compute stream if
//!   that used the buffer too.
//! * **A download** ([`Binding::read_on_stream`]) comes after the stream's kernels. It does not wait for the
//!   compute stream.
//! * **All other uses** run on the compute stream, which first is made to wait for the stream's kernels
//!   ([`Binding::read_elsewhere`], or [`Binding::leave`] if they may write).
//!
//! Reads borrow the binding, so several threads may read at the same time; kernels and writes borrow it
//! mutably. So a read only sets the flags that make the next kernel wait, and a kernel alone clears them.
//! Two reads at the same time may both make a stream wait where once would be enough.

use super::RawBuffer;
use crate::backend::Backend;
use crate::error::Error;
use crate::memory::Stream;
use std::sync::atomic::{AtomicBool, Ordering};

/// The stream that a buffer is bound to, and which of the two streams waits for which work of the other.
pub(in crate::buffer) struct Binding<'a, B: Backend> {
    stream: &'a Stream<B>,
    /// The compute stream waits for all kernels of the stream so far, or the buffer cannot be used any more.
    noted: AtomicBool,
    /// The stream waits for the last write of the buffer on the compute stream.
    current: AtomicBool,
    /// The buffer may have been used on the compute stream since the stream's last kernel.
    used_elsewhere: AtomicBool,
    /// A download may read the buffer that was started since the stream's last kernel.
    read: AtomicBool,
}

impl<'a, B: Backend> Binding<'a, B> {
    /// Makes the stream wait for all work on the buffer so far.
    pub(in crate::buffer) fn begin(raw: &RawBuffer<B>, stream: &'a Stream<B>) -> Result<Self, Error> {
        raw.lend_to(stream, true)?;
        Ok(Self {
            stream,
            noted: AtomicBool::new(true),
            current: AtomicBool::new(true),
            used_elsewhere: AtomicBool::new(false),
            read: AtomicBool::new(false),
        })
    }

    pub(in crate::buffer) fn stream(&self) -> &'a Stream<B> {
        self.stream
    }

    /// Makes the stream wait for all work on the buffer elsewhere, for a kernel that the caller queues there.
    pub(in crate::buffer) fn enter(&mut self, raw: &RawBuffer<B>) -> Result<(), Error> {
        if *self.used_elsewhere.get_mut() {
            raw.lend_to(self.stream, true)?;
        } else if *self.read.get_mut() {
            raw.order_stream_after_uses(self.stream)?;
        } else {
            raw.check_uses()?;
        }
        *self.current.get_mut() = true;
        for cleared in [&mut self.noted, &mut self.used_elsewhere, &mut self.read] {
            *cleared.get_mut() = false;
        }
        Ok(())
    }

    /// Makes the stream wait for the last write of the buffer, for a download that the caller orders after
    /// the stream.
    pub(in crate::buffer) fn read_on_stream(&self, raw: &RawBuffer<B>) -> Result<(), Error> {
        // Before the download is queued: it reads the buffer also if queueing fails half-way.
        self.read.store(true, Ordering::Relaxed);
        if !self.current.load(Ordering::Acquire) {
            raw.lend_to(self.stream, false)?;
            self.current.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Makes the compute stream wait for the stream's kernels.
    pub(in crate::buffer) fn note(&self, raw: &RawBuffer<B>) -> Result<(), Error> {
        if self.noted.load(Ordering::Acquire) {
            // If an earlier note failed, the buffer's block is unusable, and this says so again.
            return raw.check_uses();
        }
        let noted = raw.used_on(self.stream, true);
        self.noted.store(true, Ordering::Release);
        noted
    }

    /// As [`Self::note`], for a read that the caller queues on the compute stream.
    pub(in crate::buffer) fn read_elsewhere(&self, raw: &RawBuffer<B>) -> Result<(), Error> {
        self.used_elsewhere.store(true, Ordering::Relaxed);
        self.note(raw)
    }

    /// As [`Self::note`], for any work that the caller queues on the compute stream.
    pub(in crate::buffer) fn leave(&mut self, raw: &RawBuffer<B>) -> Result<(), Error> {
        *self.current.get_mut() = false;
        self.read_elsewhere(raw)
    }
}
