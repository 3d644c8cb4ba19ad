//! Device memory with one owner.

use super::device_state::DeviceState;
use super::lock;
use super::pool::budget::Charge;
use super::pool::physical::Segment;
use super::pool::small::size::Class;
use super::transfer::in_flight::Stream;
use crate::backend::{Backend, Fault};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A block of device memory.
///
/// It holds no reference to its device, so that threads which take and give back blocks have no counter in common. Its owner
/// does, and hands it to [`DeviceState::retire`] in the end; a block that is merely dropped is leaked.
pub(crate) struct Block<B: Backend> {
    pub(super) memory: B::Memory,
    pub(super) offset: usize,
    /// What its owner asked for.
    pub(super) bytes: usize,
    /// What it takes of the device's limit: its bytes, and more while a growth is under way. Nothing while the block is to
    /// replace a larger one, whose charge it gets with [`Block::take_charge_of`].
    pub(super) charge: Charge,
    pub(super) home: Origin<B>,
    /// What of it is in the device's sums.
    pub(super) noted: Noted,
    /// Boxed, since most blocks are never used on another lane and are moved about as they are taken and given back.
    pub(super) uses: Mutex<Option<Box<Uses<B>>>>,
}

/// What a block has added to sums over all blocks of the device; see [`DeviceState::settle`].
#[derive(Clone, Copy, Default)]
pub(super) struct Noted {
    /// [`Block::waste`].
    pub(super) waste: usize,
    /// [`Block::mapped`].
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(super) mapped: usize,
}

/// Where a block goes when it is given back.
pub(super) enum Origin<B: Backend> {
    /// A piece of a slab.
    Pool { node: u32, class: Class },
    /// It is a segment by itself.
    Segment(Box<Segment<B>>),
}

/// Who uses a block on other lanes than the compute lane.
pub(super) struct Uses<B: Backend> {
    /// The last use on each lane. One event is enough: a lane is in order, so a later event covers the earlier ones.
    pub(super) pending: Vec<(u64, B::Event)>,
    /// Something was queued without an event behind it: nobody can tell when it ends. The block is not written, lent or used again.
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

    fn note(&mut self, lane: u64, event: B::Event) {
        match self.pending.iter_mut().find(|(other, _)| *other == lane) {
            Some((_, last)) => *last = event,
            None => self.pending.push((lane, event)),
        }
    }
}

/// Uses beyond which those that are past are looked for: an application may open a stream a frame.
const MANY: usize = 8;

/// A transfer that has no event.
#[derive(Debug)]
pub(crate) struct NotQueued {
    pub(crate) fault: Fault,
    /// Whether the copy was queued all the same, so that nobody can tell when it ends.
    pub(crate) runs: bool,
}

impl NotQueued {
    /// Queues a copy and records the event behind it.
    pub(crate) fn attempt<E>(
        copy: impl FnOnce() -> Result<(), Fault>,
        record: impl FnOnce() -> Result<E, Fault>,
    ) -> Result<E, Self> {
        copy().map_err(|fault| Self { fault, runs: false })?;
        record().map_err(|fault| Self { fault, runs: true })
    }
}

/// A use of several blocks of which only the first parts were queued.
pub(crate) struct PartlyQueued<E> {
    pub(crate) fault: Fault,
    /// How many parts were queued.
    pub(crate) parts: usize,
    /// The event behind these. Without one nobody can tell when they end.
    pub(crate) event: Option<E>,
}

/// Queues one use a part on another lane than the compute lane, with one event behind all of them: `queue` queues the part with
/// this index, which uses the block with this index, and `record` records the event.
///
/// All blocks are locked meanwhile, in the order of their addresses and each of them once, so that threads which use the same
/// blocks note their events in the order of the lane and do not wait for each other in a circle.
pub(crate) fn use_together<B: Backend>(
    blocks: &[&Block<B>],
    lane: u64,
    mut queue: impl FnMut(usize) -> Result<(), Fault>,
    record: impl FnOnce() -> Result<B::Event, Fault>,
) -> Result<B::Event, PartlyQueued<B::Event>> {
    if let [block] = blocks {
        // As below, without the lists.
        return block.use_on_lane(lane, || queue(0), record).map_err(|NotQueued { fault, runs }| {
            PartlyQueued { fault, parts: usize::from(runs), event: None }
        });
    }
    let place = |block: &&Block<B>| std::ptr::from_ref::<Block<B>>(block).addr();
    let mut in_order = blocks.to_vec();
    in_order.sort_by_key(place);
    in_order.dedup_by_key(|block| place(block));
    let mut uses: Vec<MutexGuard<'_, _>> = in_order.iter().map(|block| lock(&block.uses)).collect();
    let mut queued = 0;
    let check = uses.iter().try_for_each(|uses| uses.as_ref().map_or(Ok(()), |uses| uses.check()));
    let fault = check.and_then(|()| {
        (0..blocks.len()).try_for_each(|part| {
            queue(part)?;
            queued = part + 1;
            Ok(())
        })
    });
    if let (0, Err(fault)) = (queued, &fault) {
        return Err(PartlyQueued { fault: fault.clone(), parts: 0, event: None });
    }
    let event = record();
    for block in &blocks[..queued] {
        let Ok(index) = in_order.binary_search_by_key(&place(block), place) else { continue };
        let uses = uses[index].get_or_insert_default();
        match &event {
            Ok(event) => uses.note(lane, event.clone()),
            Err(fault) => uses.unknown = Some(fault.clone()),
        }
    }
    match (fault, event) {
        (Ok(()), Ok(event)) => Ok(event),
        (Err(fault), event) => Err(PartlyQueued { fault, parts: queued, event: event.ok() }),
        (Ok(()), Err(fault)) => Err(PartlyQueued { fault, parts: queued, event: None }),
    }
}

impl<B: Backend> Block<B> {
    #[inline]
    pub(super) fn new(
        memory: B::Memory,
        offset: usize,
        bytes: usize,
        charge: Charge,
        home: Origin<B>,
    ) -> Self {
        Self { memory, offset, bytes, charge, home, noted: Noted::default(), uses: Mutex::new(None) }
    }

    /// Takes what this block's charge lacks from the charge of the block that it replaces. Call it once the copy from there is
    /// queued and nothing can fail any more.
    pub(crate) fn take_charge_of(&mut self, old: &mut Self) {
        let missing = (self.bytes as u64).saturating_sub(self.charge.bytes());
        self.charge.merge(old.charge.split(missing));
    }

    /// The place `offset` bytes into the block.
    pub(crate) fn at(&self, offset: usize) -> (&B::Memory, usize) {
        (&self.memory, self.offset + offset)
    }

    /// Bytes that its segment has mapped beyond what it was asked for, in whole units.
    #[inline]
    pub(super) fn waste(&self, unit: usize) -> usize {
        self.mapped().saturating_sub(self.bytes.next_multiple_of(unit))
    }

    /// Bytes of memory that its segment has; 0 for a piece of a slab.
    pub(super) fn mapped(&self) -> usize {
        match &self.home {
            Origin::Pool { .. } => 0,
            Origin::Segment(segment) => segment.mapped(),
        }
    }

    /// Whether there is such memory.
    pub(crate) fn has_waste(&self, state: &DeviceState<B>) -> bool {
        self.waste(state.unit()) > 0
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Queues a use of this block on another lane than the compute lane: `queue` queues it, `record` records the event behind
    /// it. The lock is held meanwhile, so that two threads note their events in the order of the lane.
    pub(crate) fn use_on_lane(
        &self,
        lane: u64,
        queue: impl FnOnce() -> Result<(), Fault>,
        record: impl FnOnce() -> Result<B::Event, Fault>,
    ) -> Result<B::Event, NotQueued> {
        let mut uses = lock(&self.uses);
        let uses = uses.get_or_insert_default();
        uses.check().map_err(|fault| NotQueued { fault, runs: false })?;
        let event = NotQueued::attempt(queue, record);
        match &event {
            Ok(event) => uses.note(lane, event.clone()),
            Err(NotQueued { fault, runs: true }) => uses.unknown = Some(fault.clone()),
            Err(_) => {}
        }
        event
    }

    /// A fault when something may use the block of which nobody can tell when it ends. Call it before the host or the compute lane
    /// reads the block; writers and other lanes' readers get it from the methods that they call anyway.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        lock(&self.uses).as_ref().map_or(Ok(()), |uses| uses.check())
    }

    /// Puts a stream of the application's own behind all that the compute lane does with the block, and, where it will `write`,
    /// behind all pending uses.
    pub(crate) fn lend_to(
        &self,
        state: &DeviceState<B>,
        stream: &Stream<B>,
        write: bool,
    ) -> Result<(), Fault> {
        let mut uses = lock(&self.uses);
        let uses = uses.get_or_insert_default();
        uses.check()?;
        let now = state.backend.record(state.compute.stream().raw())?;
        state.backend.wait(stream.raw(), &now)?;
        if write {
            for (_, event) in &uses.pending {
                state.backend.wait(stream.raw(), event)?;
            }
        }
        Ok(())
    }

    /// Puts a stream that the block was lent to behind all pending uses. They stay pending for the compute lane.
    pub(crate) fn put_behind_uses(&self, state: &DeviceState<B>, stream: &Stream<B>) -> Result<(), Fault> {
        let uses = lock(&self.uses);
        let Some(uses) = uses.as_ref() else { return Ok(()) };
        uses.check()?;
        let mut others = uses.pending.iter().filter(|(lane, _)| *lane != stream.number());
        others.try_for_each(|(_, event)| state.backend.wait(stream.raw(), event))
    }

    /// Notes that what was queued on such a stream uses the block. After a write the compute lane waits for it, and with
    /// that everything that is ordered behind the compute lane.
    pub(crate) fn used_on(
        &self,
        state: &DeviceState<B>,
        stream: &Stream<B>,
        write: bool,
    ) -> Result<(), Fault> {
        let mut uses = lock(&self.uses);
        let uses = uses.get_or_insert_default();
        let noted = state.backend.record_queued(stream.raw()).and_then(|event| {
            if write {
                state.backend.wait(state.compute.stream().raw(), &event)?;
            }
            if uses.pending.len() >= MANY {
                uses.pending.retain(|(_, event)| !matches!(state.backend.is_done(event), Ok(true)));
            }
            uses.note(stream.number(), event);
            Ok(())
        });
        if let Err(fault) = &noted {
            uses.unknown = Some(fault.clone());
        }
        noted
    }

    /// Keeps what is queued on the compute lane from now on behind all pending uses. Call it before any write.
    pub(crate) fn order_after_uses(&mut self, state: &DeviceState<B>) -> Result<(), Fault> {
        let Some(uses) = self.uses.get_mut().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        uses.check()?;
        while let Some((_, event)) = uses.pending.last() {
            state.backend.wait(state.compute.stream().raw(), event)?;
            // The lane waits for it now, and so does whatever is queued there later, by the next owner too.
            uses.pending.pop();
        }
        Ok(())
    }

    /// Ends an upload by way of transfer lanes, half done ones too: keeps what is queued on the compute lane from now on behind all pending
    /// uses, which are that upload's. When this fails the block is either written no more or unusable.
    pub(crate) fn join_uses(&self, state: &DeviceState<B>) -> Result<(), Fault> {
        let mut uses = lock(&self.uses);
        let Some(uses) = uses.as_mut() else { return Ok(()) };
        let mut result = uses.check();
        while let Some((_, event)) = uses.pending.last() {
            if let Err(fault) = state.backend.wait(state.compute.stream().raw(), event) {
                // What the lane cannot wait for, the host does.
                if state.backend.synchronize(event).is_err() {
                    uses.unknown = Some(fault.clone());
                    return Err(fault);
                }
                result = result.and(Err(fault));
            }
            uses.pending.pop();
        }
        result
    }

    /// Keeps the calling thread until nobody uses this block: no writer on the compute lane, no reader on another.
    pub(crate) fn wait_until_unused(&mut self, state: &DeviceState<B>) -> Result<(), Fault> {
        self.order_after_uses(state)?;
        state.wait_for_compute()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pool::small::slabs::AllocRequest;
    use super::MANY;
    use crate::Device;
    use crate::error::BufferLabel;

    // One event was kept for each stream that ever used the block.
    #[test]
    fn uses_that_are_past_do_not_pile_up() {
        let device = Device::host();
        let state = device.state();
        let label = BufferLabel { set: None, name: "block" };
        let block = state.allocate(label, 16, AllocRequest::default()).unwrap();
        for _ in 0..10 * MANY {
            let stream = state.create_stream().unwrap();
            block.used_on(state, &stream, false).unwrap();
            device.synchronize_stream(&stream).unwrap();
        }
        assert!(block.uses.lock().unwrap().as_ref().unwrap().pending.len() <= MANY);
        state.retire(block);
    }
}
