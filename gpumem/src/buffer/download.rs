//! Async downloads: tickets and guards.
//!
//! [`Download`] is the ticket of a copy that runs on the download lane, [`DownloadGuard`] the data once it is there, still
//! in the pinned memory that the device wrote: nothing is copied a second time. Neither borrows the buffer and neither has
//! to be dropped for memory to be safe: the lane keeps the pinned memory until the copy is done, and the buffer's
//! block carries the copy as a pending use. See the module comment of `memory`.

use super::Element;
use super::raw::RawBuffer;
use super::shadow::{Spare, Turns};
use crate::backend::{ALIGNMENT, Backend};
use crate::error::{BufferLabel, Error};
use crate::memory::{
    Block, Completion, DeviceState, InFlight, PartlyQueued, PinnedBlock, Slot, Slots, Stream, Waiting,
    use_together,
};
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A download that was started: redeem it with [`wait`](Self::wait) or [`wait_timeout`](Self::wait_timeout), or `.await` it.
///
/// It borrows nothing and may be sent to another thread. Dropping it gives its slot back when the copy has ended;
/// forgetting it harms nothing but keeps the slot, until
/// [`abandon_downloads`](crate::Buffer::abandon_downloads).
///
/// It is a [`Future`], for any executor and without one of its own: a thread of the device waits until the copy has ended and
/// then wakes the task, and it is not started before the first await. The future may be dropped at any time, moved between threads and
/// polled with another waker each time; the last one is woken. A device that fails resolves it with the error. Inside a host
/// kernel a download that is not there yet gives [`Error::WouldDeadlock`], as `wait` does.
///
/// The data can be taken once. To poll or wait again, after a poll or [`wait_timeout`](Self::wait_timeout) that gave the
/// data, gives [`Error::DownloadAbandoned`]. An await that is given up (of `&mut download`, by `tokio::time::timeout` or `select!`) takes
/// nothing: the ticket is as good as before.
///
/// ```
/// use gpumem::{Async, Buffer, Device, Host};
///
/// async fn sum(numbers: &Buffer<u32, Host, Async>) -> gpumem::Result<u32> {
///     Ok(numbers.start_download()?.await?.iter().sum())
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
/// let device = Device::host();
/// let numbers = Buffer::from_slice(&device, "numbers", &[1, 2, 3])?;
/// assert_eq!(block_on(sum(&numbers))?, 6); // of any executor
/// # Ok::<(), gpumem::Error>(())
/// ```
#[must_use = "a download that is not waited for is a copy that nobody sees"]
pub struct Download<T, B: Backend> {
    raw: RawDownload<B>,
    element: PhantomData<fn() -> T>,
}

/// A ticket without its element type.
pub(super) struct RawDownload<B: Backend> {
    /// None for a download of no elements.
    arrival: Option<Completion<B>>,
    len: usize,
    element_size: usize,
    label: BufferLabel,
}

/// What a download takes before anything is queued.
struct Plan<'a, B: Backend> {
    raw: &'a RawBuffer<B>,
    block: &'a Block<B>,
    /// Bytes.
    range: Range<usize>,
    pinned: PinnedBlock<B>,
    slot: Slot,
}

/// What a download does where all slots are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    Refuse,
    Wait,
}

impl<B: Backend> RawDownload<B> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn label(&self) -> BufferLabel {
        self.label
    }

    /// Starts the downloads of ranges (elements) that lie in their buffers, all of them or none: slots, pinned memory and shadows
    /// are taken first. A buffer may come up more than once.
    ///
    /// They show one point of the compute stream: the buffers are borrowed until all copies are queued, so nothing that writes one
    /// of them can be queued meanwhile (it would need it mutably, rule 1), and the download lane waits once, for a point behind
    /// all that was queued before. One event behind all copies is the end of each.
    pub(super) fn start(
        state: &Arc<DeviceState<B>>,
        parts: &[(&RawBuffer<B>, Range<usize>)],
        busy: Busy,
    ) -> Result<Vec<Self>, Error> {
        Self::start_behind(state, state.compute.stream(), parts, busy)
    }

    /// As [`Self::start`], of a point of `stream`, which is behind all that the compute lane does with the buffers. None of them is a
    /// snapshot, where it is another than the compute stream.
    pub(super) fn start_behind(
        state: &Arc<DeviceState<B>>,
        stream: &Stream<B>,
        parts: &[(&RawBuffer<B>, Range<usize>)],
        busy: Busy,
    ) -> Result<Vec<Self>, Error> {
        let coming = to_copy(state, parts)?;
        check_slots(&coming)?;
        let slots = take_slots(state, &coming, busy)?;
        Self::start_with(state, stream, parts, (coming, slots))
    }

    /// As [`Self::start`], when there are slots: the point of the stream is then.
    pub(super) async fn start_when_free(
        state: &Arc<DeviceState<B>>,
        parts: &[(&RawBuffer<B>, Range<usize>)],
    ) -> Result<Vec<Self>, Error> {
        let coming = to_copy(state, parts)?;
        check_slots(&coming)?;
        let wanted: Vec<&Slots<B>> = coming.iter().map(|(raw, ..)| raw.slots()).collect();
        let mut waiting = Waiting::default();
        let slots = poll_fn(|context| waiting.poll(&wanted, state, context.waker())).await;
        drop(waiting);
        let slots = slots?;
        Self::start_with(state, state.compute.stream(), parts, (coming, slots))
    }

    /// Starts the downloads of `parts`, of which `coming` have elements, and a slot each.
    fn start_with(
        state: &Arc<DeviceState<B>>,
        stream: &Stream<B>,
        parts: &[(&RawBuffer<B>, Range<usize>)],
        (coming, slots): (Vec<ToCopy<'_, B>>, Vec<Slot>),
    ) -> Result<Vec<Self>, Error> {
        let mut plans = Vec::with_capacity(coming.len());
        for ((raw, block, range), slot) in coming.into_iter().zip(slots) {
            let size = raw.element_size();
            let range = range.start * size..range.end * size;
            let pinned = PinnedBlock::take(state, raw.label(), range.len())?;
            plans.push(Plan { raw, block, range, pinned, slot });
        }
        let mut arrivals =
            if plans.is_empty() { Vec::new() } else { queue(state, stream, plans)? }.into_iter();
        let tickets = parts.iter().map(|(raw, range)| {
            let arrival = memory(raw, range).and_then(|_| arrivals.next());
            Self { arrival, len: range.len(), element_size: raw.element_size(), label: raw.label() }
        });
        Ok(tickets.collect())
    }

    /// Whether there was anything to copy.
    pub(super) fn is_coming(&self) -> bool {
        self.arrival.is_some()
    }

    pub(super) fn is_ready(&self) -> Result<bool, Error> {
        Ok(self.arrival.as_ref().map_or(Ok(true), Completion::is_ready)?)
    }

    /// Waits for the copy.
    pub(super) fn wait(&self) -> Result<(), Error> {
        Ok(self.arrival.as_ref().map_or(Ok(()), Completion::wait)?)
    }

    /// Waits for the copy for at most `timeout`. Returns whether it has come.
    pub(super) fn wait_timeout(&mut self, timeout: Duration) -> Result<bool, Error> {
        let wait = |arrival: &mut Completion<B>| arrival.wait_timeout(timeout);
        Ok(self.arrival.as_mut().map_or(Ok(true), wait)?)
    }

    /// Whether the copy has ended; if not, `waker` is woken when it has.
    pub(super) fn poll(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        let Some(arrival) = &mut self.arrival else { return Poll::Ready(Ok(())) };
        arrival.poll(waker).map_err(Error::from)
    }

    /// Takes what has arrived, elements of which any bits are a `T`. The caller has seen the end of the copy.
    pub(super) fn take<T>(&self) -> Result<DownloadGuard<T, B>, Error> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        // The copy has so many bytes that the guard makes `T`s of; generated code can bring the two together.
        assert_eq!(self.element_size, size_of::<T>(), "gpumem: a buffer of another element");
        let take = |arrival: &Completion<B>| {
            let cargo = arrival.take()?;
            cargo.ok_or(Error::DownloadAbandoned { buffer: self.label })
        };
        let cargo = self.arrival.as_ref().map(take).transpose()?;
        let len = if cargo.is_some() { self.len } else { 0 };
        Ok(DownloadGuard { cargo, len, label: self.label, element: PhantomData })
    }
}

/// A part that has elements: of which buffer, in which memory, and which of them.
type ToCopy<'a, B> = (&'a RawBuffer<B>, &'a Block<B>, &'a Range<usize>);

/// The memory that a download of this range reads, if it has anything to copy.
fn memory<'a, B: Backend>(raw: &'a RawBuffer<B>, range: &Range<usize>) -> Option<&'a Block<B>> {
    raw.block().filter(|_| !range.is_empty())
}

/// The parts that have elements. All of them are of the device.
fn to_copy<'a, B: Backend>(
    state: &Arc<DeviceState<B>>,
    parts: &'a [(&'a RawBuffer<B>, Range<usize>)],
) -> Result<Vec<ToCopy<'a, B>>, Error> {
    if let Some((raw, _)) = parts.iter().find(|(raw, _)| !Arc::ptr_eq(raw.state(), state)) {
        let other = "the one that was asked for the download".into();
        return Err(Error::DifferentDevices { buffer: Some(raw.label()), other });
    }
    Ok(parts.iter().filter_map(|(raw, range)| Some((*raw, memory(raw, range)?, range))).collect())
}

/// Takes a slot for each part, all of them or none.
fn take_slots<B: Backend>(
    state: &DeviceState<B>,
    parts: &[ToCopy<'_, B>],
    busy: Busy,
) -> Result<Vec<Slot>, Error> {
    let wanted: Vec<&Slots<B>> = parts.iter().map(|(raw, ..)| raw.slots()).collect();
    match busy {
        Busy::Wait => Ok(Slots::wait(&wanted, state)?),
        Busy::Refuse => {
            // Downloads whose tickets were dropped may have ended: that is looked at only where a slot is missing.
            let landed = |_| {
                state.land();
                Slots::take(&wanted)
            };
            Slots::take(&wanted).or_else(landed).map_err(|missing| {
                let (raw, ..) = parts[missing.part];
                Error::SlotsBusy { buffer: raw.label(), slots: raw.slots().limit() }
            })
        }
    }
}

/// That no buffer comes up more often than it has slots, which no waiting would help.
fn check_slots<B: Backend>(parts: &[ToCopy<'_, B>]) -> Result<(), Error> {
    if parts.len() == 1 {
        return Ok(());
    }
    let mut buffers: Vec<&RawBuffer<B>> = parts.iter().map(|(raw, ..)| *raw).collect();
    buffers.sort_by_key(|raw| std::ptr::from_ref::<RawBuffer<B>>(raw).addr());
    let mut each = buffers.chunk_by(|one, other| std::ptr::eq(*one, *other));
    let too_many = each.find(|same| same.len() > same[0].slots().limit());
    too_many.map_or(Ok(()), |same| {
        let (buffer, slots) = (same[0].label(), same[0].slots().limit());
        Err(Error::TooFewSlots { buffer, slots, parts: same.len() })
    })
}

/// Queues the copies, behind all that is queued on a stream now. Returns the arrival of each; they share their event.
fn queue<B: Backend>(
    state: &Arc<DeviceState<B>>,
    behind: &Stream<B>,
    plans: Vec<Plan<'_, B>>,
) -> Result<Vec<Completion<B>>, Error> {
    let mut turns = take_turns(&plans)?;
    let mut shadows = Vec::with_capacity(plans.len());
    for plan in &plans {
        let turn = turns.iter_mut().position(|(raw, _)| std::ptr::eq(*raw, plan.raw));
        let copy = |turn: usize| {
            let index = turns[turn].1.copy(plan.raw, plan.block, plan.range.clone());
            Ok::<_, Error>((turn, index?))
        };
        shadows.push(turn.map(copy).transpose()?);
    }
    state.order_download(behind)?;
    // What is read, and from where on: a shadow, which has the range at its start, or the buffer.
    let sources = plans.iter().zip(&shadows).map(|(plan, shadow)| match shadow {
        Some((turn, index)) => (turns[*turn].1.shadow(*index), 0),
        None => (plan.block, plan.range.start),
    });
    let (blocks, starts): (Vec<&Block<B>>, Vec<usize>) = sources.unzip();
    let stream = state.download.stream();
    let copy = |part: usize| {
        let (block, start, plan) = (blocks[part], starts[part], &plans[part]);
        // SAFETY: the range lies in the block and was written (rule 5) by work that the lane was just put behind (rule 1). The
        // block carries this read as a pending use (rule 2), and the lane keeps the pinned memory until the copy is done
        // (rule 3), which the event that all parts share tells.
        unsafe {
            let to = (plan.pinned.raw(), 0);
            state.backend.copy_to_host(stream.raw(), block.at(start), to, plan.range.len())
        }
    };
    let mut launch = None;
    let record = || {
        launch = Some(state.download.launching());
        state.backend.record_queued(stream.raw())
    };
    let queued = use_together(&blocks, stream.number(), copy, record);
    match queued {
        Ok(event) => {
            turns.into_iter().for_each(|(raw, turns)| turns.done(raw));
            let mut launch = launch.unwrap_or_else(|| state.download.launching());
            let mut flights = Vec::with_capacity(plans.len());
            for Plan { raw, range, pinned, slot, .. } in plans {
                state.ledger.counters.downloaded(range.len() as u64, true);
                flights.push((raw, launch.flight(event.clone(), pinned, Some(slot))));
            }
            drop(launch);
            // Wakes who waits for a slot, so nothing is locked.
            let arrival = |(raw, flight): (&RawBuffer<B>, Arc<InFlight<B>>)| {
                raw.slots().remember(&flight);
                Completion::new(&state.download, flight)
            };
            Ok(flights.into_iter().map(arrival).collect())
        }
        Err(PartlyQueued { fault, parts, event }) => {
            // Slots come back here, which wakes who waits for one, and what is lost is logged: foreign code, so nothing is locked.
            drop((launch, turns));
            // What was queued runs, and nobody will see it: its memory is kept until it has ended, or for good.
            for plan in plans.into_iter().take(parts) {
                match &event {
                    Some(event) => state.download.launch(event.clone(), plan.pinned),
                    None => plan.pinned.lose(),
                }
            }
            Err(fault.into())
        }
    }
}

type BufferTurns<'a, B> = Vec<(&'a RawBuffer<B>, Turns<'a, B>)>;

/// Takes the next shadows of each snapshot buffer, which are locked in the order of the buffers' addresses.
fn take_turns<'a, B: Backend>(plans: &[Plan<'a, B>]) -> Result<BufferTurns<'a, B>, Error> {
    // Each buffer once, with how many of its shadows are needed and how large.
    let mut needs: Vec<(&'a RawBuffer<B>, &'a Block<B>, usize, usize)> = Vec::new();
    for Plan { raw, block, range, .. } in plans.iter().filter(|plan| plan.raw.spec().is_snapshot()) {
        match needs.iter_mut().find(|(other, ..)| std::ptr::eq(*other, *raw)) {
            Some((_, _, count, bytes)) => (*count, *bytes) = (*count + 1, range.len().max(*bytes)),
            None => needs.push((*raw, *block, 1, range.len())),
        }
    }
    needs.sort_by_key(|(raw, ..)| std::ptr::from_ref::<RawBuffer<B>>(raw).addr());
    loop {
        // All of it is taken before a shadow gets any; if some is not there, what was taken goes back here.
        let spare = |(raw, block, count, bytes): &(&'a RawBuffer<B>, &Block<B>, usize, usize)| {
            raw.shadows().spare(raw, block, *count, *bytes)
        };
        let spares: Vec<Spare<'_, B>> = needs.iter().map(spare).collect::<Result<_, Error>>()?;
        spares.into_iter().for_each(Spare::put);
        let turns: Vec<_> = needs.iter().map(|(raw, ..)| (*raw, raw.shadows().take_turns())).collect();
        let has = |(need, turn): (&(_, _, usize, usize), &(_, Turns<'_, B>))| {
            let (raw, _, count, bytes): &(&RawBuffer<B>, &Block<B>, usize, usize) = need;
            turn.1.has(raw, *count, *bytes)
        };
        // Another thread's download may have taken the turn for which memory was taken; each round leaves more of it.
        if needs.iter().zip(&turns).all(has) {
            return Ok(turns);
        }
    }
}

impl<T: Element, B: Backend> Download<T, B> {
    /// Starts the download of a range that lies in the buffer.
    pub(super) fn start(raw: &RawBuffer<B>, range: Range<usize>, busy: Busy) -> Result<Self, Error> {
        Self::start_behind(raw.state().compute.stream(), raw, range, busy)
    }

    /// See [`RawDownload::start_behind`].
    pub(super) fn start_behind(
        stream: &Stream<B>,
        raw: &RawBuffer<B>,
        range: Range<usize>,
        busy: Busy,
    ) -> Result<Self, Error> {
        let mut tickets = RawDownload::start_behind(raw.state(), stream, &[(raw, range)], busy)?;
        let raw = tickets.pop().unwrap_or_else(|| unreachable!("there is one a part"));
        Ok(Self { raw, element: PhantomData })
    }
}

impl<T: Element, B: Backend> Download<T, B> {
    /// See [`RawDownload::start_when_free`].
    pub(super) async fn start_when_free(raw: &RawBuffer<B>, range: Range<usize>) -> Result<Self, Error> {
        let mut tickets = RawDownload::start_when_free(raw.state(), &[(raw, range)]).await?;
        let raw = tickets.pop().unwrap_or_else(|| unreachable!("there is one a part"));
        Ok(Self { raw, element: PhantomData })
    }
}

impl<T, B: Backend> Download<T, B> {
    /// Elements that are coming.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len
    }

    /// Whether no element is coming.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the data is there, so that [`wait`](Self::wait) returns at once. Asks the device, and does not wait.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed: the data will not come.
    pub fn is_ready(&self) -> Result<bool, Error> {
        self.raw.is_ready()
    }

    /// Keeps the calling thread until the copy has ended, and gives the data where the device put it.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, [`Error::DownloadAbandoned`] after
    /// [`abandon_downloads`](crate::Buffer::abandon_downloads), and [`Error::WouldDeadlock`] inside a host kernel. Never
    /// hangs.
    pub fn wait(self) -> Result<DownloadGuard<T, B>, Error> {
        self.raw.wait()?;
        self.raw.take()
    }

    /// Waits for the copy for at most `timeout`, and gives the data if it came. If it did not, the ticket is as good as before.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    /// use std::time::Duration;
    ///
    /// let device = Device::host();
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "frame", &[1, 2, 3])?;
    /// device.launch((), |()| std::thread::sleep(Duration::from_millis(50)))?;
    /// let mut ticket = frame.start_download()?;
    /// assert!(ticket.wait_timeout(Duration::from_millis(1))?.is_none());
    /// let arrived = ticket.wait_timeout(Duration::from_secs(60))?.expect("the kernel takes 50 ms");
    /// assert_eq!(*arrived, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Download::wait`], [`Error::DownloadAbandoned`] when the data was taken before, and [`Error::WouldDeadlock`] in a waker
    /// that is run by a thread of the device.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<DownloadGuard<T, B>>, Error> {
        if !self.raw.wait_timeout(timeout)? {
            return Ok(None);
        }
        self.raw.take().map(Some)
    }
}

impl<T, B: Backend> Future for Download<T, B> {
    type Output = Result<DownloadGuard<T, B>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.raw.poll(context.waker()).map(|end| end.and_then(|()| this.raw.take()))
    }
}

impl<T, B: Backend> fmt::Debug for Download<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RawDownload { label, len, .. } = &self.raw;
        f.debug_struct("Download").field("buffer", label).field("len", len).finish_non_exhaustive()
    }
}

/// Downloaded elements, in the pinned memory that the device wrote them to. It derefs to `[T]`.
///
/// It borrows nothing: it may outlive the buffer and the device, and go to another thread. Dropping it gives the memory back for the next
/// download, and its slot to the buffer; so keep it for as long as it is read and no longer, or take a copy (`to_vec`).
///
/// ```
/// use gpumem::{Async, Buffer, Device, Host};
///
/// let device = Device::host();
/// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
/// let guard = cells.start_download()?.wait()?;
/// drop(cells);
/// assert_eq!(guard.iter().sum::<u32>(), 6); // it is a slice
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct DownloadGuard<T, B: Backend> {
    /// None for no elements.
    cargo: Option<(PinnedBlock<B>, Slot)>,
    len: usize,
    label: BufferLabel,
    element: PhantomData<fn() -> T>,
}

impl<T: Copy, B: Backend> DownloadGuard<T, B> {
    /// Copies the elements into `target`, which has the same length. (`to_vec` makes a `Vec` of them.)
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let cells: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
    /// let mut shown = [0; 3];
    /// cells.start_download()?.wait()?.copy_to(&mut shown)?; // the slot is free again
    /// assert_eq!(shown, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::LengthMismatch`]; nothing is copied then.
    pub fn copy_to(&self, target: &mut [T]) -> Result<(), Error> {
        if target.len() != self.len {
            return Err(Error::LengthMismatch { buffer: self.label, len: self.len, other: target.len() });
        }
        target.copy_from_slice(self);
        Ok(())
    }
}

impl<T, B: Backend> DownloadGuard<T, B> {
    /// The elements.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        let Some((pinned, _)) = &self.cargo else { return &[] };
        // SAFETY: the copy that wrote `len` elements of this size to the block has ended, which whoever called `RawDownload::take` saw
        // (rule 3), and `take` compared the sizes; any bits are a `T` (rule 5), since `Download::start` and `Arrived::take_next` ask for an
        // `Element`. The block is aligned to 256 bytes, which `take` checked to be enough, and only this guard has it.
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
