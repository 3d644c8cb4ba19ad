//! Async downloads: tickets and guards.
//!
//! [`Download`] is the ticket of a copy that runs on the download lane, [`DownloadGuard`] the data once it is there, still
//! in the pinned memory that the device wrote: nothing is copied a second time. Neither borrows the buffer and neither has
//! to be dropped for memory to be safe: the lane keeps the pinned memory until the copy is done, and the buffer's
//! block carries the copy as a pending use. See the module comment of `memory`.

use super::Element;
use super::raw::RawBuffer;
use crate::backend::Backend;
use crate::error::{BufferLabel, Error};
use crate::memory::{Block, Core, Flight, NotQueued, PinnedBlock, Slot};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::sync::{Arc, Weak};

/// A download that was started: redeem it with [`wait`](Self::wait).
///
/// It borrows nothing and may be sent to another thread. Dropping it gives its slot back when the copy has ended;
/// forgetting it harms nothing but keeps the slot, until
/// [`abandon_downloads`](crate::Buffer::abandon_downloads).
#[must_use = "a download that is not waited for is a copy that nobody sees"]
pub struct Download<T, B: Backend> {
    /// None for a download of no elements.
    coming: Option<Coming<B>>,
    len: usize,
    label: BufferLabel,
    element: PhantomData<fn() -> T>,
}

struct Coming<B: Backend> {
    /// Weak, since the flight's cargo keeps the core for as long as there is something to come: a ticket that was forgotten
    /// keeps nothing once its download has been abandoned.
    core: Weak<Core<B>>,
    flight: Arc<Flight<B>>,
}

impl<T: Element, B: Backend> Download<T, B> {
    /// Starts the download of a range that lies in the buffer.
    pub(super) fn start(raw: &RawBuffer<B>, range: Range<usize>) -> Result<Self, Error> {
        let (core, len, label) = (raw.core(), range.len(), raw.label());
        core.land();
        let coming = match raw.block() {
            Some(block) if len > 0 => {
                let busy = || Error::SlotsBusy { buffer: label, slots: raw.slots().limit() };
                let slot = raw.slots().take().ok_or_else(busy)?;
                let range = range.start * size_of::<T>()..range.end * size_of::<T>();
                let pinned = PinnedBlock::take(core, label, range.len())?;
                let flight = if raw.spec().is_snapshot() {
                    let bytes = range.len();
                    raw.shadows()
                        .copy(raw, block, range, |shadow| fetch(core, shadow, 0..bytes, pinned, slot))?
                } else {
                    fetch(core, block, range, pinned, slot)?
                };
                raw.slots().remember(&flight);
                Some(Coming { core: Arc::downgrade(core), flight })
            }
            _ => None,
        };
        Ok(Self { coming, len, label, element: PhantomData })
    }
}

/// Queues the copy of `range` (bytes) of a block to pinned memory, behind all that is queued on the compute lane now.
fn fetch<B: Backend>(
    core: &Core<B>,
    block: &Block<B>,
    range: Range<usize>,
    pinned: PinnedBlock<B>,
    slot: Slot,
) -> Result<Arc<Flight<B>>, Error> {
    core.order_download().map_err(Error::from_fault::<B>)?;
    let stream = core.download.stream().raw();
    let copy = || {
        // SAFETY: the range lies in the block and was written (rule 5) by work that the lane was just put behind (rule 1). The
        // block carries this read as a pending use (rule 2), and the lane keeps the pinned memory until the copy is done
        // (rule 3).
        unsafe { core.backend.copy_to_host(stream, block.at(range.start), (pinned.raw(), 0), range.len()) }
    };
    match block.use_on_lane(core.download.stream().number(), copy, || core.backend.record(stream)) {
        Ok(event) => {
            core.ledger.counters.downloaded(range.len() as u64, true);
            Ok(core.download.launch(event, pinned, Some(slot)))
        }
        Err(NotQueued { fault, runs }) => {
            if runs {
                pinned.lose();
            }
            Err(Error::from_fault::<B>(fault))
        }
    }
}

impl<T, B: Backend> Download<T, B> {
    /// Elements that are coming.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no element is coming.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the data is there, so that [`wait`](Self::wait) returns at once.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed: the data will not come.
    pub fn is_ready(&self) -> Result<bool, Error> {
        let Some(Coming { core, flight }) = &self.coming else { return Ok(true) };
        // Without the core the download was abandoned, which `wait` says at once.
        let done = core.upgrade().map_or(Ok(true), |core| core.backend.is_done(flight.event()));
        done.map_err(Error::from_fault::<B>)
    }

    /// Waits for the copy, and gives the data where the device put it.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, [`Error::DownloadAbandoned`] after
    /// [`abandon_downloads`](crate::Buffer::abandon_downloads), and [`Error::WouldDeadlock`] inside a host kernel. Never
    /// hangs.
    pub fn wait(self) -> Result<DownloadGuard<T, B>, Error> {
        let Self { coming, len, label, .. } = self;
        let Some(Coming { core, flight }) = coming else {
            return Ok(DownloadGuard { cargo: None, len: 0, element: PhantomData });
        };
        let abandoned = Error::DownloadAbandoned { buffer: label };
        let Some(core) = core.upgrade() else { return Err(abandoned) };
        core.backend.synchronize(flight.event()).map_err(Error::from_fault::<B>)?;
        let cargo = flight.take().ok_or(abandoned)?;
        core.land();
        Ok(DownloadGuard { cargo: Some(cargo), len, element: PhantomData })
    }
}

impl<T, B: Backend> fmt::Debug for Download<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, len, .. } = self;
        f.debug_struct("Download").field("buffer", label).field("len", len).finish_non_exhaustive()
    }
}

/// Downloaded elements, in the pinned memory that the device wrote them to. It derefs to `[T]`.
///
/// Dropping it gives the memory back for the next download, and its slot to the buffer.
pub struct DownloadGuard<T, B: Backend> {
    /// None for no elements.
    cargo: Option<(PinnedBlock<B>, Option<Slot>)>,
    len: usize,
    element: PhantomData<fn() -> T>,
}

impl<T, B: Backend> DownloadGuard<T, B> {
    /// The elements.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        let Some((pinned, _)) = &self.cargo else { return &[] };
        // SAFETY: the copy that wrote `len` elements to the block has ended, which `Download::wait` saw (rule 3); any bits
        // are a `T` (rule 5), since `Download::start` asks for an `Element`. The block is aligned to 256 bytes, which `Buffer` checked to be enough, and only this guard
        // has it.
        unsafe { std::slice::from_raw_parts(pinned.address().cast(), self.len) }
    }
}

impl<T, B: Backend> Deref for DownloadGuard<T, B> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T, B: Backend> AsRef<[T]> for DownloadGuard<T, B> {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: fmt::Debug, B: Backend> fmt::Debug for DownloadGuard<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}
