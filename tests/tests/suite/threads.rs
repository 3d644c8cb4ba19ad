//! Random operations on many threads that share a device and its limit, each buffer compared with a plain `Vec`, and all of them with
//! what the device says it holds.

use crate::{Open, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Download, Error};
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

/// A buffer, what it should hold, and a download that is under way with what it should bring.
struct Pair<B: TestBackend> {
    buffer: Buffer<u32, B, Async>,
    model: Vec<u32>,
    ticket: Option<(Download<u32, B>, Vec<u32>)>,
}

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
    let mut pairs: Vec<Option<Pair<B>>> = (0..BUFFERS).map(|_| None).collect();
    let note = |step: usize, panic: &(dyn std::any::Any + Send)| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
        meeting.why.lock().unwrap().push(format!("seed {seed}, step {step}: {text}"));
        meeting.failed.store(true, SeqCst);
    };
    for step in 0..operations {
        if !meeting.failed.load(SeqCst) {
            let index = random.below(BUFFERS);
            let operate = || {
                if let Err(error) = change(device, &mut pairs, index, &mut random) {
                    let refused = matches!(
                        error,
                        Error::BufferLimit { .. }
                            | Error::DeviceLimit { .. }
                            | Error::OutOfMemory { .. }
                            | Error::SlotsBusy { .. }
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
            let mine = pairs.iter().flatten().map(|pair| pair.buffer.capacity_bytes() as u64).sum();
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
    let end = || pairs.into_iter().flatten().for_each(check);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(end)) {
        note(operations, &*panic);
    }
}

fn check<B: TestBackend>(Pair { buffer, model, ticket }: Pair<B>) {
    assert!(buffer.download().unwrap() == model, "at the end");
    if let Some((ticket, expected)) = ticket {
        assert!(*ticket.wait().unwrap() == expected, "a download at the end");
    }
}

/// One operation; the model changes when the buffer did. After an error the buffer is compared with what it was.
fn change<B: TestBackend>(
    device: &Device<B>,
    pairs: &mut [Option<Pair<B>>],
    index: usize,
    random: &mut Random,
) -> Result<(), Error> {
    let Some(pair) = &mut pairs[index] else {
        pairs[index] = Some(make(device, random)?);
        return Ok(());
    };
    let before = (pair.buffer.len(), pair.buffer.capacity());
    // Large ones do not stay for long, or nothing but them would be tested.
    let many = before.1 > 20_000;
    if random.below(if many { 3 } else { 40 }) == 0 {
        // A ticket may outlive its buffer, or go before it.
        if let Some(Pair { buffer, model, ticket }) = pairs[index].take() {
            drop(buffer);
            if let Some((ticket, expected)) = ticket.filter(|_| model.len() % 2 == 0) {
                assert!(*ticket.wait().unwrap() == expected, "a download of a dropped buffer");
            }
        }
        return Ok(());
    }
    let other = (index + 1) % BUFFERS;
    let [mine, other] = pairs.get_disjoint_mut([index, other]).expect("they are two");
    let Some(mine) = mine else { return Ok(()) };
    let result = operate(mine, other.as_ref(), random);
    if let Err(error) = &result {
        let Pair { buffer, model, .. } = mine;
        assert_eq!((buffer.len(), buffer.capacity()), before, "{error}");
        assert!(buffer.download().unwrap() == *model, "changed by {error}");
    }
    assert_eq!(mine.buffer.len(), mine.model.len());
    result
}

fn make<B: TestBackend>(device: &Device<B>, random: &mut Random) -> Result<Pair<B>, Error> {
    let spec = BufferSpec::new("buffer").growth(1.3);
    let max = 4 * MOST as u64;
    let spec = match random.below(8) {
        0 => spec.max(max).stable(),
        1 => spec.max(max),
        2 => spec.max(4_096),
        3 if device.has_virtual_memory() => spec.stable(),
        _ => spec,
    };
    let model = data(random);
    let buffer = match random.below(2) {
        0 => Buffer::from_slice(device, spec, &model)?,
        _ => {
            let mut buffer = Buffer::with_capacity(device, spec, model.len() / 2)?;
            buffer.upload(&model)?;
            buffer
        }
    };
    Ok(Pair { buffer, model, ticket: None })
}

fn operate<B: TestBackend>(
    Pair { buffer, model, ticket }: &mut Pair<B>,
    other: Option<&Pair<B>>,
    random: &mut Random,
) -> Result<(), Error> {
    let len = buffer.len();
    match random.below(16) {
        0 => {
            let data = data(random);
            buffer.upload(&data)?;
            *model = data;
        }
        1 | 2 if len > 0 => {
            let offset = random.below(len);
            let count = random.below((len - offset).min(1_000));
            let data = random.vec(count);
            buffer.write(offset, &data)?;
            model[offset..offset + count].copy_from_slice(&data);
        }
        3 | 4 => {
            let data = data(random);
            buffer.extend_from_slice(&data)?;
            model.extend(data);
        }
        5 => {
            let value = random.vec(1)[0];
            buffer.fill(value)?;
            model.fill(value);
        }
        6 | 7 => {
            let len = length(random);
            buffer.resize(len)?;
            model.resize(len, 0);
        }
        8 => {
            let len = random.below(len + 1);
            buffer.truncate(len);
            model.truncate(len);
        }
        9 => buffer.shrink_to_fit()?,
        10 => buffer.reserve(length(random))?,
        11 => {
            if let Some(other) = other {
                buffer.copy_from(&other.buffer)?;
                model.clone_from(&other.model);
            }
        }
        12 => assert!(buffer.download().unwrap() == *model, "contents"),
        13 => {
            let from = random.below(len + 1);
            let to = from + random.below((len - from).min(10_000) + 1);
            let part = buffer.view(from..to).unwrap().download().unwrap();
            assert!(part == model[from..to], "elements {from}..{to}");
        }
        _ => match ticket.take() {
            Some((ticket, _)) if random.below(3) == 0 => drop(ticket),
            Some((ticket, expected)) => {
                assert!(*ticket.wait().unwrap() == expected, "a download of {} elements", expected.len());
            }
            None => *ticket = Some((buffer.start_download()?, model.clone())),
        },
    }
    Ok(())
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

fn data(random: &mut Random) -> Vec<u32> {
    let len = length(random);
    random.vec(len)
}
