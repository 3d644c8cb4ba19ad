//! Uploads without a copy on the host: pinned memory that is filled in place.
//!
//! [`Stage`] is pinned memory on loan, [`Upload`] the ticket of its transfer. The transfer is one copy on the compute lane, which keeps
//! the pinned memory until it is done: a stage that is dropped before gives its memory back at once, and a ticket owns none.

use super::Element;
use super::raw::RawBuffer;
use super::transfer::IN_FLIGHT;
use crate::backend::Backend;
use crate::error::{BufferLabel, Error};
use crate::memory::{Block, Core, NotQueued, PinnedBlock};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Weak};

/// Bytes of stages that may be under way before a further one waits for the oldest, unless they are no more than two.
const AHEAD: usize = 256 << 20;

/// Elements for a buffer, in memory that the device copies from by itself. Made by [`Buffer::stage`](crate::Buffer::stage).
///
/// It derefs to `[T]`. Committing it sends the elements; dropping it sends nothing.
#[must_use = "what is staged goes to the buffer with `commit`"]
pub struct Stage<'a, T, B: Backend> {
    raw: &'a mut RawBuffer<B>,
    /// None for no elements.
    pinned: Option<PinnedBlock<B>>,
    len: usize,
    element: PhantomData<&'a mut [T]>,
}

impl<'a, T: Element, B: Backend> Stage<'a, T, B> {
    pub(super) fn new(raw: &'a mut RawBuffer<B>, len: usize) -> Result<Self, Error> {
        raw.check_limit(len)?;
        let bytes = raw.size_of(len)?;
        let core = raw.core();
        core.land();
        let ahead = (AHEAD / bytes.max(1)).clamp(2, IN_FLIGHT);
        core.compute.hold_back(&core.backend, ahead).map_err(Error::from_fault::<B>)?;
        let take = || PinnedBlock::take(raw.core(), raw.label(), bytes);
        let mut pinned = (bytes > 0).then(take).transpose()?;
        if let Some(pinned) = &mut pinned {
            pinned.initialise();
        }
        Ok(Self { raw, pinned, len, element: PhantomData })
    }

    /// Replaces the contents of the buffer by the elements, growing as needed, as [`Buffer::upload`](crate::Buffer::upload) does. Waits
    /// for nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`](crate::Buffer::reserve). The buffer is as it was, and the elements of the stage are lost.
    pub fn commit(self) -> Result<(), Error> {
        self.start_upload().map(|_| ())
    }

    /// Overwrites the elements of the buffer from `offset` on, as [`Buffer::write`](crate::Buffer::write) does. Waits for nothing.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] when they do not all exist, and [`Error::DeviceFailed`] when the device has failed.
    pub fn commit_at(self, offset: usize) -> Result<(), Error> {
        self.start_upload_at(offset).map(|_| ())
    }

    /// As [`Stage::commit`], with a ticket that tells when the device has the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Stage::commit`].
    pub fn start_upload(self) -> Result<Upload<B>, Error> {
        let Self { raw, pinned, len, .. } = self;
        let (core, label, bytes) = (raw.core().clone(), raw.label(), len * size_of::<T>());
        let room = raw.prepare(len)?;
        let sent = raw.replace(room, len, |core, block| send(core, block, 0, pinned, bytes))?;
        Ok(Upload::new(&core, label, sent.flatten()))
    }

    /// As [`Stage::commit_at`], with a ticket that tells when the device has the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Stage::commit_at`].
    pub fn start_upload_at(self, offset: usize) -> Result<Upload<B>, Error> {
        let Self { raw, pinned, len, .. } = self;
        raw.range(offset..offset.saturating_add(len))?;
        let (core, label, bytes) = (raw.core().clone(), raw.label(), len * size_of::<T>());
        raw.order_after_uses()?;
        let send = |block| send(&core, block, offset * size_of::<T>(), pinned, bytes);
        let sent = raw.block().map(send).transpose()?;
        Ok(Upload::new(&core, label, sent.flatten()))
    }
}

/// Queues the copy of the first `bytes` of `pinned` to `start` bytes into a block, where there is room and no pending use. Returns the event
/// behind it.
fn send<B: Backend>(
    core: &Core<B>,
    block: &Block<B>,
    start: usize,
    pinned: Option<PinnedBlock<B>>,
    bytes: usize,
) -> Result<Option<B::Event>, Error> {
    let Some(pinned) = pinned else { return Ok(None) };
    let stream = core.compute.stream().raw();
    // SAFETY: the callers made sure that the range is in the block, which has no pending use (rule 2) and is retired later on this lane
    // (rule 1). All of the pinned block is initialised; nobody writes it any more, and it stays in flight until it is copied (rule 3).
    let copy = || unsafe { core.backend.copy_to_device(stream, (pinned.raw(), 0), block.at(start), bytes) };
    match NotQueued::attempt(copy, || core.backend.record(stream)) {
        Ok(event) => {
            core.compute.launch(event.clone(), pinned, None);
            core.ledger.counters.uploaded(bytes as u64);
            Ok(Some(event))
        }
        Err(NotQueued { fault, runs }) => {
            if runs {
                pinned.lose();
            }
            Err(Error::from_fault::<B>(fault))
        }
    }
}

impl<T: Element, B: Backend> Deref for Stage<'_, T, B> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let Some(pinned) = &self.pinned else { return &[] };
        // SAFETY: the block holds `len` elements, and is initialised (`PinnedBlock::initialise`); any bits are a `T` (rule 5). It is
        // aligned to 256 bytes, which `Buffer` checked to be enough, no transfer uses it, and only this stage has it.
        unsafe { std::slice::from_raw_parts(pinned.address().cast(), self.len) }
    }
}

impl<T: Element, B: Backend> DerefMut for Stage<'_, T, B> {
    fn deref_mut(&mut self) -> &mut [T] {
        let Some(pinned) = &self.pinned else { return &mut [] };
        // SAFETY: as for `deref`, and the stage is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(pinned.address().cast(), self.len) }
    }
}

impl<T, B: Backend> fmt::Debug for Stage<'_, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("buffer", &self.raw.label()).field("len", &self.len).finish()
    }
}

/// The transfer of a [`Stage`]: tells when the device has the elements.
///
/// Nobody has to ask. What uses the buffer later comes after the transfer in any case; dropping the ticket changes nothing.
#[must_use = "the upload runs anyway; `Stage::commit` gives no ticket"]
pub struct Upload<B: Backend> {
    /// None where nothing had to be sent. The core is weak, since the transfer keeps it as long as it runs.
    running: Option<(Weak<Core<B>>, B::Event)>,
    label: BufferLabel,
}

impl<B: Backend> Upload<B> {
    fn new(core: &Arc<Core<B>>, label: BufferLabel, event: Option<B::Event>) -> Self {
        Self { running: event.map(|event| (Arc::downgrade(core), event)), label }
    }

    /// Whether the device has the elements, so that [`wait`](Self::wait) returns at once.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed.
    pub fn is_ready(&self) -> Result<bool, Error> {
        let Some((core, event)) = &self.running else { return Ok(true) };
        // A device ends after its transfers.
        let done = core.upgrade().map_or(Ok(true), |core| core.backend.is_done(event));
        done.map_err(Error::from_fault::<B>)
    }

    /// Keeps the calling thread until the device has the elements.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn wait(self) -> Result<(), Error> {
        let Some((core, event)) = &self.running else { return Ok(()) };
        let Some(core) = core.upgrade() else { return Ok(()) };
        core.backend.synchronize(event).map_err(Error::from_fault::<B>)?;
        core.land();
        Ok(())
    }
}

impl<B: Backend> fmt::Debug for Upload<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("buffer", &self.label).finish_non_exhaustive()
    }
}
