//! Blocks without an owner that another stream still uses.
//!
//! A block waits in the queue of one stream whose use of it is pending. A stream runs in order, so only the
//! front of a queue is worth a question to the driver: while the event at the front is not done, the events
//! after it are not expected to be done either. A block whose use on this stream is done moves to the queue
//! of its next pending stream, or comes free after its last:
//!
//! ```text
//!   drop --> queue of stream A --(A's event is done)--> queue of stream B --(B's event is done)--> free
//! ```
//!
//! A block that was used early and dropped late stands after others that were used later, and comes free with
//! them.
//!
//! The driver is asked while the queues are not locked, so a drop on another thread waits for a push to a
//! queue at most. A block leaves its queue and its charge goes back to the budget under the lock: no thread
//! finds the bytes neither here nor in the budget.

use super::block::Block;
use super::budget::Budget;
use crate::backend::{Backend, Fault};
use crate::memory::locks::lock;
use std::collections::{BTreeMap, VecDeque};
use std::ops;
use std::sync::{Mutex, MutexGuard};

/// Events that the driver is asked about at a time, per stream.
const BATCH: usize = 16;

/// Streams that an allocation looks at, in turn. An application may have thousands of streams.
const STREAMS: usize = 4;

pub(crate) struct Parking<B: Backend> {
    queues: Mutex<Queues<B>>,
}

struct Queues<B: Backend> {
    /// By the number of the stream. None is empty.
    streams: BTreeMap<u64, VecDeque<Parked<B>>>,
    /// The stream that was looked at last.
    last: u64,
    /// Tells the blocks apart.
    next: u64,
    /// The sum of the blocks' charges.
    bytes: u64,
}

struct Parked<B: Backend> {
    number: u64,
    block: Block<B>,
    /// Not empty; the first is the use on the stream in whose queue the block waits.
    pending: Vec<(u64, B::Event)>,
}

/// A block that has left, and whether all its uses are done; a fault where that cannot be told.
pub(crate) type Left<B> = (Block<B>, Result<(), Fault>);

impl<B: Backend> Parking<B> {
    pub(crate) fn new() -> Self {
        Self { queues: Mutex::new(Queues { streams: BTreeMap::new(), last: 0, next: 0, bytes: 0 }) }
    }

    /// Adds a block with its pending uses, at least one: each is a stream's number and an event of that
    /// stream.
    pub(crate) fn park(&self, block: Block<B>, pending: Vec<(u64, B::Event)>) {
        let mut queues = self.lock();
        let number = queues.next;
        queues.next += 1;
        queues.bytes += block.charge.bytes();
        queues.push(Parked { number, block, pending });
    }

    /// The sum of the blocks' charges.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().streams.is_empty()
    }

    /// Runs `work` with the sum of the blocks' charges. No block is parked, and none leaves, while it runs.
    pub(crate) fn standing_still<R>(&self, work: impl FnOnce(u64) -> R) -> R {
        let queues = self.lock();
        work(queues.bytes)
    }

    /// All events of all blocks.
    pub(crate) fn events(&self) -> Vec<B::Event> {
        let queues = self.lock();
        let parked = queues.streams.values().flatten();
        parked.flat_map(|parked| parked.pending.iter().map(|(_, event)| event.clone())).collect()
    }

    /// Takes some blocks whose uses are done. Waits for nothing, and takes about as long however many blocks
    /// are parked.
    pub(crate) fn take_some(&self, backend: &B, budget: &Budget) -> Vec<Left<B>> {
        let mut left = Vec::new();
        for _ in 0..STREAMS {
            let Some(stream) = self.next_stream() else { break };
            self.take_front(stream, backend, budget, &mut left);
        }
        left
    }

    /// Takes all blocks whose uses are done. Waits for nothing.
    pub(crate) fn take_all(&self, backend: &B, budget: &Budget) -> Vec<Left<B>> {
        let mut left = Vec::new();
        loop {
            let streams: Vec<u64> = self.lock().streams.keys().copied().collect();
            let mut moved = false;
            for stream in streams {
                while self.take_front(stream, backend, budget, &mut left) {
                    moved = true;
                }
            }
            // A block may have moved to a stream that had been looked at before.
            if !moved {
                return left;
            }
        }
    }

    /// The stream to look at next: they take turns.
    fn next_stream(&self) -> Option<u64> {
        let mut queues = self.lock();
        let after = queues.streams.range((ops::Bound::Excluded(queues.last), ops::Bound::Unbounded)).next();
        let stream = *after.or_else(|| queues.streams.first_key_value())?.0;
        queues.last = stream;
        Some(stream)
    }

    /// Takes the blocks at the front of a stream's queue that the stream has done with: those without other
    /// uses leave. Returns whether there were any.
    fn take_front(&self, stream: u64, backend: &B, budget: &Budget, left: &mut Vec<Left<B>>) -> bool {
        let mut done = Vec::new();
        for (number, event) in self.fronts(stream) {
            match backend.is_done(&event) {
                Ok(false) => break,
                Ok(true) => done.push((number, Ok(()))),
                Err(fault) if fault.is_failure() => done.push((number, Err(fault))),
                // The driver refused the question: it is asked again later.
                Err(_) => break,
            }
        }
        self.pass(stream, &done, budget, left);
        !done.is_empty()
    }

    /// The first events of a stream's queue.
    fn fronts(&self, stream: u64) -> Vec<(u64, B::Event)> {
        let queues = self.lock();
        let Some(queue) = queues.streams.get(&stream) else { return Vec::new() };
        queue.iter().take(BATCH).map(|parked| (parked.number, parked.pending[0].1.clone())).collect()
    }

    /// Takes the blocks with these numbers from the front of a queue, unless another thread has: their uses
    /// on this stream are done, or a fault. Adds those that leave to `left`.
    fn pass(&self, stream: u64, done: &[(u64, Result<(), Fault>)], budget: &Budget, left: &mut Vec<Left<B>>) {
        let mut queues = self.lock();
        for (number, result) in done {
            let is_front =
                |queue: &VecDeque<Parked<B>>| queue.front().is_some_and(|parked| parked.number == *number);
            let Some(mut parked) = queues.pop_if(stream, is_front) else { continue };
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
    }

    fn lock(&self) -> MutexGuard<'_, Queues<B>> {
        lock(&self.queues)
    }
}

impl<B: Backend> Queues<B> {
    fn push(&mut self, parked: Parked<B>) {
        self.streams.entry(parked.pending[0].0).or_default().push_back(parked);
    }

    fn pop_if(&mut self, stream: u64, may: impl FnOnce(&VecDeque<Parked<B>>) -> bool) -> Option<Parked<B>> {
        let queue = self.streams.get_mut(&stream).filter(|queue| may(queue))?;
        let parked = queue.pop_front();
        if queue.is_empty() {
            self.streams.remove(&stream);
        }
        parked
    }
}

#[cfg(test)]
mod tests {
    use crate::{Buffer, Device};
    use std::sync::{Arc, Mutex, mpsc};

    /// Buffers that kernels on two streams read, dropped in another order than they were used.
    #[test]
    fn blocks_come_free_after_the_last_of_their_streams() {
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
        assert_eq!((state.pool.figures().retired, state.pool.figures().live), (50 * 64, 0));
        let [first, second] = <[mpsc::Sender<()>; 2]>::try_from(go).unwrap();
        drop(second);
        device.synchronize_stream(&streams[1]).unwrap();
        state.pool.sweep_parked();
        // Only the blocks that the second stream alone used.
        assert_eq!(state.pool.figures().retired, (50 - 17) * 64);
        drop(first);
        device.synchronize_stream(&streams[0]).unwrap();
        state.pool.sweep_parked();
        assert!(state.pool.figures().retired == 0 && state.pool.parking.is_empty());
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
            device.launch_on(stream, (), move |()| _ = crate::memory::locks::lock(&gate).recv()).unwrap();
        }
        for stream in &streams {
            for _ in 0..100 {
                let buffer: Buffer<u8> = Buffer::from_slice(&device, "b", &[1; 64]).unwrap();
                device.launch_on(stream, (&buffer,), |_| ()).unwrap();
            }
        }
        let asked = state.backend.asked();
        state.pool.sweep_some_parked();
        assert!(state.backend.asked() - asked <= super::STREAMS as u64);
        drop(go);
        device.synchronize().unwrap();
        assert!(state.pool.parking.is_empty());
    }
}
