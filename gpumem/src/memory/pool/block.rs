//! Device memory with one owner, and the streams that still use it.
//!
//! A block's owner writes it on the compute stream. Other streams read it (downloads), or write it for an
//! upload through the transfer lanes. Each of these is a *pending use*: the block holds the last event per
//! stream. Before the owner writes the block, it puts a wait for these events on the compute stream
//! ([`Block::order_after_uses`]); the host does not wait.
//!
//! ```text
//!   allocate ---> owned <---> lent, read or written by other streams (pending uses)
//!                   |                              |
//!          give_back|, no pending use      give_back|, pending uses
//!                   v                              v
//!        free, in the order of       parked until the events are done (`parking`)
//!         the compute stream   <-------------------'
//! ```

use super::budget::Charge;
use super::segments::Segment;
use super::small::Class;
use crate::backend::{Backend, Fault};
use crate::memory::locks::{lock, lock_together};
use crate::memory::stream::Stream;
use std::sync::{Mutex, PoisonError};

/// A block of device memory.
///
/// It holds no reference to its device, so threads that take and give back blocks share no reference count.
/// Its owner holds the device, and hands the block to [`DevicePool::give_back`](super::DevicePool::give_back)
/// in the end; a block that is merely dropped is leaked.
pub(crate) struct Block<B: Backend> {
    pub(super) memory: B::Memory,
    pub(super) offset: usize,
    /// Bytes that its owner asked for.
    pub(super) bytes: usize,
    /// Its part of the device's limit: `bytes`, and more while a growth is under way. Nothing while the block
    /// is about to replace a larger one, whose charge it gets with [`Block::take_charge_of`].
    pub(super) charge: Charge,
    pub(super) origin: Origin<B>,
    /// Its part of the pool's sums.
    pub(super) counted: Counted,
    /// Boxed, since most blocks are never used on another stream, and blocks are moved about as they are
    /// taken and given back.
    pub(super) uses: Mutex<Option<Box<Uses<B>>>>,
}

/// The part of a block in the pool's sums over all blocks.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    /// [`Block::waste`].
    pub(super) waste: usize,
    /// [`Block::mapped`].
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(super) mapped: usize,
}

/// Where a block's memory comes from, and goes back to.
pub(super) enum Origin<B: Backend> {
    /// It is a piece of a slab.
    Slab { node: u32, class: Class },
    /// It is a segment by itself.
    Segment(Box<Segment<B>>),
}

/// The uses of a block on other streams than the compute stream.
pub(super) struct Uses<B: Backend> {
    /// The number of each stream, with the event after its last use. One event per stream is enough: a stream
    /// runs in order, so a later event covers the earlier ones.
    pub(super) pending: Vec<(u64, B::Event)>,
    /// Work was queued that uses the block, and no event could be recorded after it, so its end cannot be
    /// told. The block is not written, lent or given out again.
    pub(super) unknown: Option<Fault>,
}

impl<B: Backend> Default for Uses<B> {
    fn default() -> Self {
        Self { pending: Vec::new(), unknown: None }
    }
}

impl<B: Backend> Uses<B> {
    fn check(&self) -> Result<(), Fault> {
        self.unknown.clone().map_or(Ok(()), Err)
    }

    fn note(&mut self, stream: u64, event: B::Event) {
        match self.pending.iter_mut().find(|(other, _)| *other == stream) {
            Some((_, last)) => *last = event,
            None => self.pending.push((stream, event)),
        }
    }
}

/// From this many pending uses on, those that are done are looked for: an application may open one stream per
/// frame.
const MANY: usize = 8;

/// A transfer that has no event.
#[derive(Debug)]
pub(crate) struct NotQueued {
    pub(crate) fault: Fault,
    /// Whether the copy was queued all the same, so that its end cannot be told.
    pub(crate) runs: bool,
}

impl NotQueued {
    /// Queues a copy, and records the event after it.
    pub(crate) fn attempt<E>(
        copy: impl FnOnce() -> Result<(), Fault>,
        record: impl FnOnce() -> Result<E, Fault>,
    ) -> Result<E, Self> {
        copy().map_err(|fault| Self { fault, runs: false })?;
        record().map_err(|fault| Self { fault, runs: true })
    }
}

/// A use of several blocks of which not all parts were queued.
pub(crate) struct PartlyQueued<E> {
    pub(crate) fault: Fault,
    /// How many parts, from the first on, may have been queued.
    pub(crate) parts: usize,
    /// The event after these. Without one their end cannot be told.
    pub(crate) event: Option<E>,
}

/// Queues one use per part on another stream than the compute stream, with one event after all of them. Each
/// part uses the block with its index. `queue` queues the parts, and returns with a fault how many of them,
/// from the first on, may have been queued. `record` records the event.
///
/// All blocks are locked meanwhile, so that threads which use the same blocks note their events in the order
/// of the stream.
pub(crate) fn use_together<B: Backend>(
    blocks: &[&Block<B>],
    stream: u64,
    queue: impl FnOnce() -> Result<(), (Fault, usize)>,
    record: impl FnOnce() -> Result<B::Event, Fault>,
) -> Result<B::Event, PartlyQueued<B::Event>> {
    let mut uses = lock_together(blocks.iter().map(|block| &block.uses));
    let check = uses.each().try_for_each(|uses| uses.as_ref().map_or(Ok(()), |uses| uses.check()));
    let (queued, parts) = match check.map_err(|fault| (fault, 0)).and_then(|()| queue()) {
        Ok(()) => (Ok(()), blocks.len()),
        Err((fault, 0)) => return Err(PartlyQueued { fault, parts: 0, event: None }),
        Err((fault, parts)) => (Err(fault), parts),
    };
    let event = record();
    for part in 0..parts {
        let uses = uses.get_mut(part).get_or_insert_default();
        match &event {
            Ok(event) => uses.note(stream, event.clone()),
            Err(fault) => uses.unknown = Some(fault.clone()),
        }
    }
    match (queued, event) {
        (Ok(()), Ok(event)) => Ok(event),
        (Err(fault), event) => Err(PartlyQueued { fault, parts, event: event.ok() }),
        (Ok(()), Err(fault)) => Err(PartlyQueued { fault, parts, event: None }),
    }
}

impl<B: Backend> Block<B> {
    #[inline]
    pub(super) fn new(
        memory: B::Memory,
        offset: usize,
        bytes: usize,
        charge: Charge,
        origin: Origin<B>,
    ) -> Self {
        Self { memory, offset, bytes, charge, origin, counted: Counted::default(), uses: Mutex::new(None) }
    }

    /// Takes the bytes that this block's charge lacks from the charge of the block that it replaces. The
    /// caller has queued the copy from there, and nothing can fail any more.
    pub(crate) fn take_charge_of(&mut self, old: &mut Self) {
        let missing = (self.bytes as u64).saturating_sub(self.charge.bytes());
        self.charge.merge(old.charge.split(missing));
    }

    /// The place `offset` bytes into the block.
    pub(crate) fn at(&self, offset: usize) -> (&B::Memory, usize) {
        (&self.memory, self.offset + offset)
    }

    /// Where it is, for logs.
    pub(crate) fn address(&self) -> u64 {
        B::address_of(&self.memory) + self.offset as u64
    }

    /// Bytes that its owner asked for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of memory that its segment has; 0 for a piece of a slab.
    pub(super) fn mapped(&self) -> usize {
        match &self.origin {
            Origin::Slab { .. } => 0,
            Origin::Segment(segment) => segment.mapped(),
        }
    }

    /// Bytes that its segment has beyond the owner's request, in whole units of `unit` bytes.
    #[inline]
    pub(super) fn waste(&self, unit: usize) -> usize {
        match &self.origin {
            Origin::Slab { .. } => 0,
            Origin::Segment(segment) => segment.mapped().saturating_sub(self.bytes.next_multiple_of(unit)),
        }
    }

    /// Queues a use of this block on another stream than the compute stream: `queue` queues it, `record`
    /// records the event after it. The lock is held meanwhile, so that two threads note their events in the
    /// order of the stream.
    pub(crate) fn use_on_stream(
        &self,
        stream: u64,
        queue: impl FnOnce() -> Result<(), Fault>,
        record: impl FnOnce() -> Result<B::Event, Fault>,
    ) -> Result<B::Event, NotQueued> {
        let mut uses = lock(&self.uses);
        let uses = uses.get_or_insert_default();
        uses.check().map_err(|fault| NotQueued { fault, runs: false })?;
        let event = NotQueued::attempt(queue, record);
        match &event {
            Ok(event) => uses.note(stream, event.clone()),
            Err(NotQueued { fault, runs: true }) => uses.unknown = Some(fault.clone()),
            Err(_) => {}
        }
        event
    }

    /// A fault when a use of the block has no end that can be told. The host and the compute stream call this
    /// before they read the block; the methods that writers and other streams' readers call do it themselves.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        lock(&self.uses).as_ref().map_or(Ok(()), |uses| uses.check())
    }

    /// Orders a stream of the application's own after all that the `compute` stream does with the block, and,
    /// where that stream will `write` the block, after all pending uses.
    pub(crate) fn lend_to(
        &self,
        backend: &B,
        compute: &Stream<B>,
        stream: &Stream<B>,
        write: bool,
    ) -> Result<(), Fault> {
        let mut uses = lock(&self.uses);
        let uses = uses.get_or_insert_default();
        uses.check()?;
        let now = backend.record(compute.raw())?;
        backend.wait(stream.raw(), &now)?;
        if write {
            for (_, event) in &uses.pending {
                backend.wait(stream.raw(), event)?;
            }
        }
        Ok(())
    }

    /// Orders a stream that the block was lent to after all pending uses. They stay pending for the compute
    /// stream.
    pub(crate) fn order_stream_after_uses(&self, backend: &B, stream: &Stream<B>) -> Result<(), Fault> {
        let uses = lock(&self.uses);
        let Some(uses) = uses.as_ref() else { return Ok(()) };
        uses.check()?;
        let mut others = uses.pending.iter().filter(|(other, _)| *other != stream.number());
        others.try_for_each(|(_, event)| backend.wait(stream.raw(), event))
    }

    /// Notes that work on such a stream uses the block. After a write the `compute` stream waits for it, and
    /// with that everything that is ordered after the compute stream.
    pub(crate) fn used_on(
        &self,
        backend: &B,
        compute: &Stream<B>,
        stream: &Stream<B>,
        write: bool,
    ) -> Result<(), Fault> {
        let mut uses = lock(&self.uses);
        let uses = uses.get_or_insert_default();
        let noted = backend.record_queued(stream.raw()).and_then(|event| {
            if write {
                backend.wait(compute.raw(), &event)?;
            }
            if uses.pending.len() >= MANY {
                uses.pending.retain(|(_, event)| !matches!(backend.is_done(event), Ok(true)));
            }
            uses.note(stream.number(), event);
            Ok(())
        });
        if let Err(fault) = &noted {
            uses.unknown = Some(fault.clone());
        }
        noted
    }

    /// Orders whatever is queued on the `compute` stream from now on after all pending uses. Every writer
    /// calls this first.
    pub(crate) fn order_after_uses(&mut self, backend: &B, compute: &Stream<B>) -> Result<(), Fault> {
        let Some(uses) = self.uses.get_mut().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        uses.check()?;
        while let Some((_, event)) = uses.pending.last() {
            backend.wait(compute.raw(), event)?;
            // The compute stream waits for it now, and so does whatever is queued there later, by the next
            // owner too.
            uses.pending.pop();
        }
        Ok(())
    }

    /// Ends an upload through the transfer lanes, one that failed half way too: orders whatever is queued on
    /// the `compute` stream from now on after all pending uses, which are that upload's. After an error
    /// either the upload has ended or the block is unusable.
    pub(crate) fn join_uses(&self, backend: &B, compute: &Stream<B>) -> Result<(), Fault> {
        let mut uses = lock(&self.uses);
        let Some(uses) = uses.as_mut() else { return Ok(()) };
        let mut result = uses.check();
        while let Some((_, event)) = uses.pending.last() {
            if let Err(fault) = backend.wait(compute.raw(), event) {
                // The compute stream cannot wait for this event, so the host does.
                if backend.synchronize(event).is_err() {
                    uses.unknown = Some(fault.clone());
                    return Err(fault);
                }
                result = result.and(Err(fault));
            }
            uses.pending.pop();
        }
        result
    }

    /// Keeps the calling thread until no stream uses this block: no writer on the `compute` stream, no reader
    /// on another.
    pub(crate) fn wait_until_unused(&mut self, backend: &B, compute: &Stream<B>) -> Result<(), Fault> {
        self.order_after_uses(backend, compute)?;
        compute.synchronize(backend)
    }
}

#[cfg(test)]
mod tests {
    use super::MANY;
    use crate::Device;
    use crate::label::BufferLabel;
    use crate::memory::AllocRequest;

    // One event was kept for each stream that ever used the block.
    #[test]
    fn uses_that_are_done_do_not_pile_up() {
        let device = Device::host();
        let state = device.state();
        let label = BufferLabel::literal("block");
        let block = state.allocate(&label, 16, AllocRequest::default()).unwrap();
        for _ in 0..10 * MANY {
            let stream = state.create_stream().unwrap();
            block.used_on(&state.backend, state.lanes.compute.stream(), &stream, false).unwrap();
            device.synchronize_stream(&stream).unwrap();
        }
        assert!(block.uses.lock().unwrap().as_ref().unwrap().pending.len() <= MANY);
        state.pool.give_back(block);
    }
}
