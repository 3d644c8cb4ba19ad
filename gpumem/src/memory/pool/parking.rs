//! Blocks without an owner that another lane still uses.
//!
//! A block waits in the queue of one lane whose use of it is pending. A lane is in order, so only the front of a queue is
//! worth asking: while the event at the front is not done, the events after it are not expected to be either. A block whose
//! use on this lane is past moves to the queue of its next pending lane, or comes free after its last:
//!
//! ```text
//!   drop --> queue of lane A --(A's event is done)--> queue of lane B --(B's event is done)--> free
//! ```
//!
//! A block that was used early and dropped late stands after others that were used later, and comes free with them.
//!
//! The driver is asked without the lock, so a drop on another thread waits for a push to a queue at most. A block leaves its
//! queue and its charge goes back to the budget under the lock: no thread finds the bytes neither here nor in the budget.

use super::budget::Budget;
use crate::backend::{Backend, Fault};
use crate::memory::block::Block;
use crate::memory::device_state::DeviceState;
use crate::memory::lock;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

/// Events that are asked for at a time, of one lane.
const BATCH: usize = 16;

/// Lanes that an allocation asks, in turn. An application may have thousands of streams.
const LANES: usize = 4;

pub(crate) struct Parking<B: Backend> {
    queues: Mutex<Queues<B>>,
}

struct Queues<B: Backend> {
    /// By the number of the lane. None is empty.
    lanes: BTreeMap<u64, VecDeque<Parked<B>>>,
    /// The lane that was asked last.
    last: u64,
    /// Tells the blocks apart.
    next: u64,
    /// What all of them are charged.
    bytes: u64,
}

struct Parked<B: Backend> {
    number: u64,
    block: Block<B>,
    /// Not empty; the first is the use on the lane in whose queue the block waits.
    pending: Vec<(u64, B::Event)>,
}

/// A block that has left, and whether all its uses are past or cannot be told.
type Left<B> = (Block<B>, Result<(), Fault>);

impl<B: Backend> Parking<B> {
    pub(crate) fn new() -> Self {
        Self { queues: Mutex::new(Queues { lanes: BTreeMap::new(), last: 0, next: 0, bytes: 0 }) }
    }

    /// Adds a block with its pending uses, of which there is one at least: each a lane's number and an event of that lane.
    pub(crate) fn park(&self, block: Block<B>, pending: Vec<(u64, B::Event)>) {
        let mut queues = self.lock();
        let number = queues.next;
        queues.next += 1;
        queues.bytes += block.charge.bytes();
        queues.push(Parked { number, block, pending });
    }

    /// Bytes that the blocks are charged.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().lanes.is_empty()
    }

    /// Runs `work` with the bytes that the blocks are charged. Nothing is parked, and nothing comes back from here, while it runs.
    pub(crate) fn standing_still<R>(&self, work: impl FnOnce(u64) -> R) -> R {
        let queues = self.lock();
        work(queues.bytes)
    }

    /// All events of all blocks.
    fn events(&self) -> Vec<B::Event> {
        let queues = self.lock();
        let parked = queues.lanes.values().flatten();
        parked.flat_map(|parked| parked.pending.iter().map(|(_, event)| event.clone())).collect()
    }

    /// The lane to ask next: they take turns.
    fn next_lane(&self) -> Option<u64> {
        let mut queues = self.lock();
        let after = queues.lanes.range((Bound::Excluded(queues.last), Bound::Unbounded)).next();
        let lane = *after.or_else(|| queues.lanes.first_key_value())?.0;
        queues.last = lane;
        Some(lane)
    }

    /// The first events of a lane's queue.
    fn fronts(&self, lane: u64) -> Vec<(u64, B::Event)> {
        let queues = self.lock();
        let Some(queue) = queues.lanes.get(&lane) else { return Vec::new() };
        queue.iter().take(BATCH).map(|parked| (parked.number, parked.pending[0].1.clone())).collect()
    }

    /// Takes the blocks with these numbers from the front of a queue, unless another thread has: their uses on this lane are past,
    /// or a fault. Returns those that have left.
    fn pass(&self, lane: u64, past: &[(u64, Result<(), Fault>)], budget: &Budget) -> Vec<Left<B>> {
        let mut left = Vec::new();
        let mut queues = self.lock();
        for (number, result) in past {
            let is_front =
                |queue: &VecDeque<Parked<B>>| queue.front().is_some_and(|parked| parked.number == *number);
            let Some(mut parked) = queues.pop_if(lane, is_front) else { continue };
            if result.is_ok() {
                parked.pending.remove(0);
                if !parked.pending.is_empty() {
                    queues.push(parked);
                    continue;
                }
            }
            queues.bytes -= parked.block.charge.bytes();
            budget.give_back(parked.block.charge.take());
            left.push((parked.block, result.clone()));
        }
        left
    }

    fn lock(&self) -> MutexGuard<'_, Queues<B>> {
        lock(&self.queues)
    }
}

impl<B: Backend> Queues<B> {
    fn push(&mut self, parked: Parked<B>) {
        self.lanes.entry(parked.pending[0].0).or_default().push_back(parked);
    }

    fn pop_if(&mut self, lane: u64, may: impl FnOnce(&VecDeque<Parked<B>>) -> bool) -> Option<Parked<B>> {
        let queue = self.lanes.get_mut(&lane).filter(|queue| may(queue))?;
        let parked = queue.pop_front();
        if queue.is_empty() {
            self.lanes.remove(&lane);
        }
        parked
    }
}

impl<B: Backend> DeviceState<B> {
    /// Takes back some of the blocks that other lanes have done with. Waits for nothing, and takes about as long however many are
    /// parked.
    pub(crate) fn sweep_some_parked(&self) {
        for _ in 0..LANES {
            let Some(lane) = self.store.parking.next_lane() else { return };
            self.sweep_front(lane);
        }
    }

    /// Takes back all blocks that other lanes have done with. Waits for nothing.
    pub(crate) fn sweep_parked(&self) {
        loop {
            let lanes: Vec<u64> = self.store.parking.lock().lanes.keys().copied().collect();
            let mut moved = false;
            for lane in lanes {
                while self.sweep_front(lane) {
                    moved = true;
                }
            }
            // What moved may have moved to a lane that had been asked before.
            if !moved {
                return;
            }
        }
    }

    /// Takes back what is past at the front of a lane's queue. Returns whether anything was.
    fn sweep_front(&self, lane: u64) -> bool {
        let mut past = Vec::new();
        for (number, event) in self.store.parking.fronts(lane) {
            match self.backend.is_done(&event) {
                Ok(false) => break,
                Ok(true) => past.push((number, Ok(()))),
                Err(fault) if fault.is_failure() => past.push((number, Err(fault))),
                // The question was refused: it is asked again.
                Err(_) => break,
            }
        }
        for (block, past) in self.store.parking.pass(lane, &past, &self.budget) {
            match past {
                Ok(()) => self.put_back(block),
                Err(fault) => self.lose(block, fault),
            }
        }
        !past.is_empty()
    }

    /// Waits for the other lanes' uses of what was dropped, where that is allowed. A fault shows in what the caller does next.
    pub(crate) fn wait_for_parked(&self) {
        for event in self.store.parking.events() {
            let _ = self.backend.synchronize(&event);
        }
        self.sweep_parked();
    }
}

#[cfg(test)]
mod tests {
    use crate::{Buffer, Device};
    use std::sync::{Arc, Mutex, mpsc};

    /// Buffers that kernels on two streams read, dropped in another order than they were used.
    #[test]
    fn blocks_come_free_after_the_last_of_their_lanes() {
        let device = Device::host();
        let state = device.state();
        let streams = [device.create_stream().unwrap(), device.create_stream().unwrap()];
        let (go, gate): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel::<()>()).unzip();
        for (stream, gate) in streams.iter().zip(gate) {
            device.launch_on(stream, (), move |()| _ = gate.recv()).unwrap();
        }
        let mut buffers: Vec<Buffer<u8>> =
            (0..50).map(|_| Buffer::from_slice(&device, "b", &[1; 64]).unwrap()).collect();
        for (index, buffer) in buffers.iter().enumerate() {
            for (number, stream) in streams.iter().enumerate() {
                if index % 3 != number {
                    device.launch_on(stream, (buffer,), |_| ()).unwrap();
                }
            }
        }
        buffers.reverse();
        drop(buffers);
        assert_eq!((state.retired_bytes(), state.live_bytes()), (50 * 64, 0));
        let [first, second] = <[mpsc::Sender<()>; 2]>::try_from(go).unwrap();
        drop(second);
        device.synchronize_stream(&streams[1]).unwrap();
        state.sweep_parked();
        // Only what the second stream alone used.
        assert_eq!(state.retired_bytes(), (50 - 17) * 64);
        drop(first);
        device.synchronize_stream(&streams[0]).unwrap();
        state.sweep_parked();
        assert!(state.retired_bytes() == 0 && state.store.parking.is_empty());
    }

    // Each allocation asked for the events of all blocks, under the lock that a drop takes.
    #[test]
    fn an_allocation_asks_for_a_few_events() {
        let device = Device::host();
        let state = device.state();
        let streams: Vec<_> = (0..20).map(|_| device.create_stream().unwrap()).collect();
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for stream in &streams {
            let gate = gate.clone();
            device.launch_on(stream, (), move |()| _ = crate::memory::lock(&gate).recv()).unwrap();
        }
        for stream in &streams {
            for _ in 0..100 {
                let buffer: Buffer<u8> = Buffer::from_slice(&device, "b", &[1; 64]).unwrap();
                device.launch_on(stream, (&buffer,), |_| ()).unwrap();
            }
        }
        let asked = state.backend.asked();
        state.sweep_some_parked();
        assert!(state.backend.asked() - asked <= super::LANES as u64);
        drop(go);
        device.synchronize().unwrap();
        assert!(state.store.parking.is_empty());
    }
}
