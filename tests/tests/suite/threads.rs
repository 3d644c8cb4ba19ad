//! Random operations on many threads that share a device and its limit, each buffer compared with a plain `Vec`, and all of them with
//! what the device says it holds.

use crate::twin::{Means, Twin};
use crate::{Open, open};
use gpumem::{Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};

const THREADS: usize = 8;

/// Buffers of each thread.
const BUFFERS: usize = 6;

/// Elements of the largest: 8 MiB.
const MOST: usize = 2 << 20;

/// All of a thread's largest would fill it, so that it is hit again and again.
const LIMIT: u64 = 40 << 20;

/// Operations of each thread between two times that all of them meet.
const ROUND: usize = 500;

/// What the threads tell each other where they meet.
struct Meeting {
    barrier: Barrier,
    capacities: AtomicU64,
    failed: AtomicBool,
    refused: AtomicU64,
    why: Mutex<Vec<String>>,
}

pub(crate) fn a_million_operations_on_eight_threads<B: TestBackend>(open: Open<'_, B>) {
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
            scope.spawn(move || work::<B>(device, meeting, seed, operations / THREADS));
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

/// What one thread does. When something is wrong it notes it and does nothing more but come to the meetings.
fn work<B: TestBackend>(device: &Device<B>, meeting: &Meeting, seed: u64, operations: usize) {
    let mut random = Random::new(seed);
    let means = Means { add_one: B::adder(device), length };
    let mut twins: Vec<Option<Twin<B>>> = (0..BUFFERS).map(|_| None).collect();
    let note = |step: usize, panic: &(dyn std::any::Any + Send)| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
        meeting.why.lock().unwrap().push(format!("seed {seed}, step {step}: {text}"));
        meeting.failed.store(true, SeqCst);
    };
    for step in 0..operations {
        if !meeting.failed.load(SeqCst) {
            let index = random.below(BUFFERS);
            let operate = || match change(device, &mut twins, index, &means, &mut random) {
                Ok(()) | Err(Error::OutOfBounds { .. } | Error::SlotsBusy { .. }) => {}
                Err(error) => {
                    let refused = matches!(
                        error,
                        Error::BufferLimit { .. } | Error::DeviceLimit { .. } | Error::OutOfMemory { .. }
                    );
                    assert!(refused, "{error}");
                    meeting.refused.fetch_add(1, SeqCst);
                }
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(operate)) {
                note(step, &*panic);
            }
        }
        if step % ROUND == ROUND - 1 {
            let mine = twins.iter().flatten().map(|twin| twin.buffer.capacity_bytes() as u64).sum();
            meeting.capacities.fetch_add(mine, SeqCst);
            if meeting.barrier.wait().is_leader() {
                let (stats, sum) = (device.stats(), meeting.capacities.swap(0, SeqCst));
                let check = || {
                    assert_eq!(stats.live_bytes, sum, "what lives: {stats:?}");
                    assert!(stats.live_bytes + stats.retired_bytes <= LIMIT, "{stats:?}");
                };
                if let Err(panic) = catch_unwind(check) {
                    note(step, &*panic);
                }
            }
            meeting.barrier.wait();
        }
    }
    let end = || {
        for twin in twins.into_iter().flatten() {
            twin.check();
            twin.drop_buffer();
        }
    };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(end)) {
        note(operations, &*panic);
    }
}

/// Makes a buffer, drops one, or does something with it.
fn change<B: TestBackend>(
    device: &Device<B>,
    twins: &mut [Option<Twin<B>>],
    index: usize,
    means: &Means<B>,
    random: &mut Random,
) -> Result<(), Error> {
    let Some(twin) = &mut twins[index] else {
        twins[index] = Some(make(device, random)?);
        return Ok(());
    };
    // Large ones do not stay for long, or nothing but them would be tested.
    let many = twin.buffer.capacity() > 20_000;
    if random.below(if many { 3 } else { 40 }) == 0 {
        // Tickets may outlive their buffer, or go with it.
        if let Some(twin) = twins[index].take().filter(|twin| twin.model.len() % 2 == 0) {
            twin.drop_buffer();
        }
        return Ok(());
    }
    let others = [index, (index + 1) % BUFFERS];
    let [twin, other] = twins.get_disjoint_mut(others).expect("they are two");
    let Some(twin) = twin else { return Ok(()) };
    twin.operate(other.as_ref(), means, random, true)
}

fn make<B: TestBackend>(device: &Device<B>, random: &mut Random) -> Result<Twin<B>, Error> {
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
    Ok(Twin::new(buffer, model))
}

/// Mostly short, seldom as long as can be.
fn length(random: &mut Random) -> usize {
    let most = match random.below(1_000) {
        0..800 => 100,
        800..975 => 3_000,
        975..997 => 50_000,
        _ => MOST,
    };
    random.below(most)
}
