//! Uploads without a copy on the host: pinned memory that the application fills in place.
//!
//! [`Stage`] gives pinned memory to the application, [`Upload`] is the ticket of its transfer. The transfer
//! is one copy on the compute lane, which keeps the pinned memory until the copy is done. A stage that is
//! dropped before it is sent gives its memory back at once; a ticket has no memory. It is awaited with the
//! compute lane's wake thread.

use super::pieces::IN_FLIGHT;
use crate::backend::Backend;
use crate::buffer::copies;
use crate::buffer::element::Element;
use crate::buffer::raw::{Old, RawBuffer};
use crate::buffer::ticket::{OneOrMany, Ticket, TicketPart, Upload};
use crate::error::Error;
use crate::ledger::{HeldKind, Listed};
use crate::memory::{Block, Completion, NotQueued, PinnedBlock};
use crate::timeline::{Bar, Direction};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

/// The bytes of stages that may be in flight before a further stage waits for the oldest. Two may always be
/// in flight.
const AHEAD: usize = 256 << 20;

/// Elements for a buffer, in pinned memory that the device copies from. Made by
/// [`Buffer::stage`](crate::Buffer::stage).
///
/// It derefs to `[T]`. Committing it sends the elements and consumes it, so that no code can write them while
/// the device copies them. Dropping it sends nothing. Until then it borrows the buffer. Forgetting it
/// (`std::mem::forget`) is safe, and keeps its memory, and with it the device, for as long as the program
/// runs.
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let mut squares: Buffer<u64> = Buffer::new(&device, "squares")?;
/// let mut stage = squares.stage(100)?;
/// (0..).zip(stage.iter_mut()).for_each(|(number, square)| *square = number * number);
/// stage.commit()?; // no copy on the host
/// assert_eq!(squares.view(98..)?.download()?, [98 * 98, 99 * 99]);
/// # Ok::<(), gpumem::Error>(())
/// ```
#[must_use = "what is staged goes to the buffer with `commit`"]
pub struct Stage<'a, T, B: Backend> {
    raw: &'a mut RawBuffer<B>,
    /// None for no elements.
    pinned: Option<PinnedBlock<B>>,
    len: usize,
    /// The record of the pinned memory, if there is any.
    _listed: Option<Listed>,
    element: PhantomData<&'a mut [T]>,
}

impl<'a, T: Element, B: Backend> Stage<'a, T, B> {
    #[track_caller]
    pub(in crate::buffer) fn new(raw: &'a mut RawBuffer<B>, len: usize) -> Result<Self, Error> {
        // Checked before memory is pinned for a stage that could never be committed.
        raw.check_limits(len)?;
        let bytes = raw.size_of(len)?;
        let state = raw.state();
        state.lanes.release_ended();
        state.backend.check_failure()?;
        let ahead = (AHEAD / bytes.max(1)).clamp(2, IN_FLIGHT);
        state.lanes.compute.wait_for_all_but(ahead, &state.backend)?;
        let take = || raw.state().take_pinned(&raw.label(), bytes);
        let mut pinned = (bytes > 0).then(take).transpose()?;
        if let Some(pinned) = &mut pinned {
            pinned.initialise();
        }
        let made_at = Location::caller();
        let listed = pinned.is_some().then(|| raw.hold(HeldKind::Stage, bytes, made_at));
        Ok(Self { raw, pinned, len, _listed: listed, element: PhantomData })
    }

    /// Sends the elements to the buffer, where they replace the contents, as with
    /// [`Buffer::upload`](crate::Buffer::upload): it grows as needed. Does not wait.
    ///
    /// The ticket ends when the device has the elements. To wait for it is optional: later uses of the buffer
    /// come after the transfer in any case, and to drop the ticket changes nothing.
    ///
    /// ```
    /// use gpumem::{Buffer, Device, Host};
    ///
    /// async fn send(cells: &mut Buffer<u32, Host>) -> gpumem::Result<()> {
    ///     let mut stage = cells.stage(1_000)?;
    ///     stage.fill(7);
    ///     stage.commit()?.await
    /// }
    /// # use std::{pin::pin, sync::Arc, task::{Context, Poll, Wake, Waker}, thread};
    /// # struct Unpark(thread::Thread);
    /// # impl Wake for Unpark { fn wake(self: Arc<Self>) { self.0.unpark() } }
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Unpark(thread::current()))));
    /// #     loop {
    /// #         match future.as_mut().poll(&mut Context::from_waker(&waker)) {
    /// #             Poll::Ready(output) => return output,
    /// #             Poll::Pending => thread::park(),
    /// #         }
    /// #     }
    /// # }
    ///
    /// let mut cells = Buffer::new(&Device::host(), "cells")?;
    /// block_on(send(&mut cells))?; // on any executor
    /// assert_eq!(cells.view(998..)?.download()?, [7, 7]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`](crate::Buffer::reserve). The buffer is as it was, and the elements of the
    /// stage are lost.
    #[track_caller]
    pub fn commit(self) -> Result<Upload<B>, Error> {
        let Self { raw, pinned, len, .. } = self;
        let growth = raw.prepare(len)?;
        let bytes = len * size_of::<T>();
        let bar = growth.buffer().bar(Direction::StagedUpload, bytes);
        let send = |raw: &_, block: &_| send(raw, block, 0, pinned, (bytes, bar));
        let sent = growth.write(Old::Replaced, len, send)?;
        Ok(ticket::<T, B>(sent.flatten(), raw, len))
    }

    /// Sends the elements to the buffer, where they overwrite those from `offset` on, as with
    /// [`Buffer::write`](crate::Buffer::write). Does not wait; the ticket is as with [`Stage::commit`].
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3, 4])?;
    /// let mut stage = cells.stage(2)?;
    /// stage.copy_from_slice(&[20, 30]);
    /// stage.commit_at(1)?; // elements 1 and 2
    /// assert_eq!(cells.download()?, [1, 20, 30, 4]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] when they do not all exist, and [`Error::DeviceFailed`] when the device has
    /// failed. The elements are lost then.
    #[track_caller]
    pub fn commit_at(self, offset: usize) -> Result<Upload<B>, Error> {
        let Self { raw, pinned, len, .. } = self;
        raw.range(offset..offset.saturating_add(len))?;
        let bytes = len * size_of::<T>();
        raw.order_after_uses()?;
        let bar = raw.bar(Direction::StagedUpload, bytes);
        let send = |block| send(raw, block, offset * size_of::<T>(), pinned, (bytes, bar));
        let sent = raw.block().map(send).transpose()?;
        Ok(ticket::<T, B>(sent.flatten(), raw, len))
    }
}

/// Appending.
impl<T: Element, B: Backend> Stage<'_, T, B> {
    /// Appends the elements to the buffer, growing as needed, as
    /// [`Buffer::extend_from_slice`](crate::Buffer::extend_from_slice) does. Does not wait. The ticket ends
    /// when the device has the elements.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// let mut stage = cells.stage(2)?;
    /// stage.copy_from_slice(&[4, 5]);
    /// stage.append()?.wait()?; // to wait is optional
    /// assert_eq!(cells.download()?, [1, 2, 3, 4, 5]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`](crate::Buffer::reserve). The buffer is as it was, and the elements of the
    /// stage are lost.
    #[track_caller]
    pub fn append(self) -> Result<Upload<B>, Error> {
        let Self { raw, pinned, len, .. } = self;
        let (added, bytes, start) = (len, len * size_of::<T>(), raw.len() * size_of::<T>());
        let len = raw.len().saturating_add(len);
        let growth = raw.prepare(len)?;
        let bar = growth.buffer().bar(Direction::StagedUpload, bytes);
        let send = |raw: &_, block: &_| send(raw, block, start, pinned, (bytes, bar));
        let sent = growth.write(Old::Kept, len, send)?;
        Ok(ticket::<T, B>(sent.flatten(), raw, added))
    }
}

/// The ticket for `len` elements that were sent, if there were any, at the caller's line.
#[track_caller]
fn ticket<T, B: Backend>(sent: Option<Completion<B>>, raw: &RawBuffer<B>, len: usize) -> Upload<B> {
    let made_at = Location::caller();
    let listed = sent.is_some().then(|| raw.hold(HeldKind::Upload, 0, made_at));
    let part = TicketPart::new(sent, raw.label(), len, size_of::<T>()).listed(listed);
    // SAFETY: it has a single part (rule 3).
    unsafe { Ticket::new(OneOrMany::One(part)) }
}

/// Queues the copy of the first `bytes` of `pinned` to `start` bytes into a block of the buffer, which has so
/// much memory there and for whose pending uses the compute stream waits. Returns the end of the copy, if
/// there is anything to copy.
fn send<B: Backend>(
    raw: &RawBuffer<B>,
    block: &Block<B>,
    start: usize,
    pinned: Option<PinnedBlock<B>>,
    (bytes, bar): (usize, Bar),
) -> Result<Option<Completion<B>>, Error> {
    let Some(pinned) = pinned else { return Ok(None) };
    let state = raw.state();
    // Locked while the event is recorded, since the event may be awaited.
    let mut lane = state.lanes.compute.lock();
    // SAFETY: the callers made sure of the range and of pending uses (rule 2). All of the pinned block is
    // initialised. The stage is gone, so no code writes the pinned block any more, and it stays in flight
    // until it is copied (rule 3).
    let queued = unsafe { copies::upload(state, &state.lanes.compute, &pinned, (block, start), bytes) };
    match queued {
        Ok(event) => {
            let transfer = lane.push(event, pinned, None);
            transfer.show(bar);
            drop(lane);
            raw.uploaded(bytes);
            Ok(Some(Completion::new(&state.lanes.compute, transfer)))
        }
        Err(NotQueued { fault, runs }) => {
            drop(lane);
            if runs {
                pinned.lose();
            }
            Err(fault.into())
        }
    }
}

impl<T: Element, B: Backend> Deref for Stage<'_, T, B> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let Some(pinned) = &self.pinned else { return &[] };
        // SAFETY: the block holds `len` elements and is initialised (`PinnedBlock::initialise`); any bits are
        // a `T` (rule 5). It is aligned to 256 bytes, which `Buffer` checked to be enough; no transfer uses
        // it, and this stage alone has it.
        unsafe { std::slice::from_raw_parts(pinned.address().cast(), self.len) }
    }
}

impl<T: Element, B: Backend> DerefMut for Stage<'_, T, B> {
    fn deref_mut(&mut self) -> &mut [T] {
        let Some(pinned) = &self.pinned else { return &mut [] };
        // SAFETY: as for `deref`, and the stage is borrowed mutably (rule 5).
        unsafe { std::slice::from_raw_parts_mut(pinned.address().cast(), self.len) }
    }
}

impl<T, B: Backend> fmt::Debug for Stage<'_, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("buffer", &self.raw.label()).field("len", &self.len).finish()
    }
}
