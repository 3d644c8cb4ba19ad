//! Random operations on many threads that share a device and its limit. Each buffer is compared with a plain
//! `Vec`, and the sum of all buffers with the figures of the device.

use crate::reference_model::{Ingredients, Modelled};
use crate::{Open, on_each_backend, open};
use gpumem::{Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};

const THREADS: usize = 8;

/// Buffers per thread.
const BUFFERS: usize = 6;

/// Elements of the largest buffer: 8 MiB.
const MOST: usize = 2 << 20;

/// The largest buffers of one thread exceed it, so that it is reached again and again.
const LIMIT: u64 = 40 << 20;

/// Operations of each thread between two meetings.
const ROUND: usize = 500;

/// State that the threads share at their meetings.
struct Meeting {
    barrier: Barrier,
    capacities: AtomicU64,
    failed: AtomicBool,
    refused: AtomicU64,
    why: Mutex<Vec<String>>,
}

on_each_backend!(a_million_operations_on_eight_threads);
fn a_million_operations_on_eight_threads<B: TestBackend>(open: Open<'_, B>) {
    let operations = if B::NAME == "host" { 1_000_000 } else { 100_000 };
    let device = open!(open, Device::builder().memory_limit(LIMIT));
    let meeting = Meeting {
        barrier: Barrier::new(THREADS),
        capacities: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        refused: AtomicU64::new(0),
        why: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for seed in 1..=THREADS as u64 {
            let (device, meeting) = (&device, &meeting);
            scope.spawn(move || Worker::new(device, meeting, seed).work(operations / THREADS));
        }
    });
    let why = meeting.why.into_inner().unwrap();
    assert!(why.is_empty(), "{}", why.join("\n"));
    assert!(meeting.refused.into_inner() > operations as u64 / 1_000, "the limit was hardly hit");
    device.synchronize().unwrap();
    let stats = device.stats();
    assert_eq!((stats.live_buffers, stats.live_bytes, stats.retired_bytes, stats.lost_bytes), (0, 0, 0, 0));
    assert!(stats.peak_bytes <= LIMIT, "{stats:?}");
    device.trim(0).unwrap();
    assert_eq!(device.stats().held_bytes, 0);
    device.close().unwrap();
}

/// One of the threads.
struct Worker<'a, B: TestBackend> {
    device: &'a Device<B>,
    meeting: &'a Meeting,
    seed: u64,
    random: Random,
    ingredients: Ingredients<B>,
    buffers: Vec<Option<Modelled<B>>>,
}

impl<'a, B: TestBackend> Worker<'a, B> {
    fn new(device: &'a Device<B>, meeting: &'a Meeting, seed: u64) -> Self {
        let ingredients = Ingredients { add_one: B::adder(device), length };
        let buffers = (0..BUFFERS).map(|_| None).collect();
        Self { device, meeting, seed, random: Random::new(seed), ingredients, buffers }
    }

    /// Runs operations until a thread finds a fault. From then on this thread only takes part in the
    /// meetings.
    fn work(mut self, operations: usize) {
        for step in 0..operations {
            if !self.meeting.failed.load(SeqCst)
                && let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.operate()))
            {
                self.note(step, &*panic);
            }
            if step % ROUND == ROUND - 1 {
                self.meet(step);
            }
        }
        let buffers = std::mem::take(&mut self.buffers);
        let end = || {
            for modelled in buffers.into_iter().flatten() {
                modelled.check();
                modelled.drop_buffer();
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(end)) {
            self.note(operations, &*panic);
        }
    }

    fn note(&self, step: usize, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
        self.meeting.why.lock().unwrap().push(format!("seed {}, step {step}: {text}", self.seed));
        self.meeting.failed.store(true, SeqCst);
    }

    /// Waits for all threads. While the others wait, one thread compares the figures of the device with the
    /// sum of all buffers.
    fn meet(&self, step: usize) {
        let meeting = self.meeting;
        let mine =
            self.buffers.iter().flatten().map(|modelled| modelled.buffer.capacity_bytes() as u64).sum();
        meeting.capacities.fetch_add(mine, SeqCst);
        if meeting.barrier.wait().is_leader() {
            let (stats, sum) = (self.device.stats(), meeting.capacities.swap(0, SeqCst));
            let check = || {
                assert_eq!(stats.live_bytes, sum, "what lives: {stats:?}");
                assert!(stats.live_bytes + stats.retired_bytes <= LIMIT, "{stats:?}");
            };
            if let Err(panic) = catch_unwind(check) {
                self.note(step, &*panic);
            }
        }
        meeting.barrier.wait();
    }

    /// Does a random operation. It may be refused by a limit, by its range, or for want of a slot.
    fn operate(&mut self) {
        match self.change() {
            Ok(()) | Err(Error::OutOfBounds { .. } | Error::SlotsBusy { .. }) => {}
            Err(error) => {
                let refused = matches!(
                    error,
                    Error::BufferLimit { .. } | Error::DeviceLimit { .. } | Error::OutOfMemory { .. }
                );
                assert!(refused, "{error}");
                self.meeting.refused.fetch_add(1, SeqCst);
            }
        }
    }

    /// Makes a buffer, drops one, or operates on one.
    fn change(&mut self) -> Result<(), Error> {
        let Self { device, random, ingredients, buffers, .. } = self;
        let index = random.below(BUFFERS);
        let Some(modelled) = &mut buffers[index] else {
            buffers[index] = Some(make(device, random)?);
            return Ok(());
        };
        // Large buffers are dropped early. Otherwise only large buffers would be tested.
        let many = modelled.buffer.capacity() > 20_000;
        if random.below(if many { 3 } else { 40 }) == 0 {
            // Tickets outlive their buffer, or are dropped with it.
            if let Some(modelled) = buffers[index].take().filter(|modelled| modelled.model.len() % 2 == 0) {
                modelled.drop_buffer();
            }
            return Ok(());
        }
        let others = [index, (index + 1) % BUFFERS];
        let [modelled, other] = buffers.get_disjoint_mut(others).expect("they are two");
        let Some(modelled) = modelled else { return Ok(()) };
        modelled.operate(other.as_ref(), ingredients, random, true)
    }
}

fn make<B: TestBackend>(device: &Device<B>, random: &mut Random) -> Result<Modelled<B>, Error> {
    let spec = BufferSpec::new("buffer").growth(1.3);
    let max = 4 * MOST as u64;
    let spec = match random.below(8) {
        0 => spec.max(max).stable(),
        1 => spec.max(max),
        2 => spec.max(4_096),
        3 if device.has_virtual_memory() => spec.stable(),
        _ => spec,
    };
    let len = length(random);
    let model = random.vec(len);
    let buffer = match random.below(2) {
        0 => Buffer::from_slice(device, spec, &model)?,
        _ => {
            let mut buffer = Buffer::with_capacity(device, spec, model.len() / 2)?;
            buffer.upload(&model)?;
            buffer
        }
    };
    Ok(Modelled::new(buffer.into_async(), model))
}

/// Mostly short, rarely as long as possible.
fn length(random: &mut Random) -> usize {
    let most = match random.below(1_000) {
        0..800 => 100,
        800..975 => 3_000,
        975..997 => 50_000,
        _ => MOST,
    };
    random.below(most)
}
