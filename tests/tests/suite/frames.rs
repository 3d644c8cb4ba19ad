//! Frames: several buffers that are downloaded together, as a selection.

use crate::tasks::{NEVER, block_on};
use crate::{Open, on_each_backend, open};
use gpumem::testing::SlowBus;
use gpumem::{Async, Buffer, BufferSpec, Device, Error, GpuBuffers, View};
use gpumem_tests::{Random, TestBackend};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

const BUSY: Duration = Duration::from_millis(150);

type Numbers<B> = Buffer<u32, B, Async>;

fn numbers<B: TestBackend>(device: &Device<B>, spec: impl Into<BufferSpec>, data: &[u32]) -> Numbers<B> {
    Buffer::from_slice(device, spec, data).unwrap().into_async()
}

fn tail<B: TestBackend>(buffer: &Numbers<B>, from: usize) -> View<'_, u32, B, Async> {
    buffer.view(from..).unwrap()
}

fn one_slot(name: &'static str) -> BufferSpec {
    BufferSpec::new(name).slots(1)
}

on_each_backend!(a_selection_arrives_together);
fn a_selection_arrives_together<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(21).vec(50_000);
    let words = numbers(&device, "words", &data);
    let mut pairs: Buffer<[u8; 2], B, Async> =
        Buffer::from_slice(&device, "pairs", &[[1, 2], [3, 4]]).unwrap().into_async();
    let empty: Buffer<f64, B, Async> = Buffer::new(&device, "empty").unwrap().into_async();
    B::occupy(&device, BUSY);
    let parts =
        (&empty, &words, pairs.view(1..).unwrap(), words.view(7..7).unwrap(), words.view(..3).unwrap());
    let ticket = device.start_downloads(parts).unwrap();
    assert!(!ticket.is_ready().unwrap());
    assert_eq!(
        format!("{ticket:?}"),
        "Ticket { empty: 0 elements, words: 50000 elements, pairs: 1 elements, words: 0 elements, words: 3 elements }"
    );
    // The ticket borrows nothing.
    pairs.fill([9, 9]).unwrap();
    drop((words, pairs));
    let (none, whole, pair, nothing, first) = thread::spawn(move || ticket.wait().unwrap()).join().unwrap();
    assert!(none.is_empty() && nothing.is_empty() && *whole == *data);
    assert_eq!((&*pair, &*first), (&[[3, 4]][..], &data[..3]));
    assert_eq!(device.stats().async_downloads, 3, "there is nothing to copy of two of them");
    let ticket = device.start_downloads((&empty,)).unwrap();
    assert!(ticket.is_ready().unwrap() && ticket.wait().unwrap().0.is_empty());
    drop((none, whole, pair, nothing, first, empty));
    device.close().unwrap();
}

on_each_backend!(a_frame_is_there_with_its_last_part);
fn a_frame_is_there_with_its_last_part<B: TestBackend>(open: Open<'_, B>) {
    const LEN: usize = 100_000;
    // The large buffer takes 10 ms, in parts. The small one takes next to no time.
    let device = open!(open, Device::builder().slow_bus(&SlowBus::new(4 * 100 * LEN as u64)));
    let mut small = numbers(&device, "small", &[0; 3]);
    let mut large = numbers(&device, "large", &[]);
    large.resize(LEN).unwrap();
    for round in 1..=16 {
        // The values are new, so that the data of an earlier frame cannot pass for this one's.
        small.fill(round).unwrap();
        large.fill(round).unwrap();
        let mut ticket = device.start_downloads((&small, &large, small.view(1..).unwrap())).unwrap();
        let (first, last, more) = match round % 4 {
            0 => ticket.wait().unwrap(),
            1 => block_on(ticket).unwrap(),
            2 => loop {
                if let Some(frame) = ticket.wait_timeout(Duration::from_millis(1)).unwrap() {
                    break frame;
                }
            },
            _ => {
                while !ticket.is_ready().unwrap() {
                    thread::yield_now();
                }
                ticket.wait_timeout(Duration::ZERO).unwrap().expect("it is ready")
            }
        };
        let came = |part: &[u32]| part.iter().filter(|number| **number == round).count();
        assert_eq!((came(&first), came(&last), came(&more)), (3, LEN, 2), "round {round}");
    }
}

on_each_backend!(a_selection_shows_one_point_of_the_stream);
fn a_selection_shows_one_point_of_the_stream<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let (plain, copied) = (Random::new(22).vec(300_000), Random::new(23).vec(100_000));
    let mut a = numbers(&device, "a", &[]);
    let mut b = numbers(&device, BufferSpec::new("b").snapshot(), &[]);
    for write in 0..6 {
        a.upload(&plain).unwrap();
        b.upload(&copied).unwrap();
        B::occupy(&device, Duration::from_millis(2));
        let ticket = device.start_downloads((&b, a.view(10..).unwrap(), b.view(5..50).unwrap())).unwrap();
        // Each operation that can write or move the buffers, before a copy has begun.
        for buffer in [&mut a, &mut b] {
            match write {
                0 => buffer.fill(7).unwrap(),
                1 => buffer.upload(&[7; 3]).unwrap(),
                2 => buffer.reserve(2_000_000).unwrap(),
                3 => B::add_one(buffer),
                4 => {
                    buffer.truncate(10);
                    buffer.shrink_to_fit().unwrap();
                    buffer.resize(300_000).unwrap();
                }
                _ => *buffer = numbers(&device, "another", &[7; 300_000]),
            }
        }
        let (whole, rest, piece) = ticket.wait().unwrap();
        assert!(*whole == *copied && *rest == plain[10..] && *piece == copied[5..50], "write {write}");
        drop((whole, rest, piece));
        if write == 5 {
            break;
        }
    }
}

#[derive(GpuBuffers, Default)]
struct Pair {
    #[buffer(async)]
    left: Vec<u32>,
    #[buffer(async(snapshot))]
    right: Vec<u32>,
}

/// Tells the writer that the reader has ended, for any reason.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Elements of each buffer of a pair.
const LEN: usize = 20_000;

/// Writes both buffers of a pair, by a fill with 3k, an upload of 3k + 1, or a kernel that adds 1. Afterwards
/// all elements are equal.
fn write<B: TestBackend>(pair: &mut PairBuffers<B>, value: u32) {
    let both = pair.split_mut();
    match value % 3 {
        0 => {
            both.left.fill(value).unwrap();
            both.right.fill(value).unwrap();
        }
        1 => {
            both.right.upload(&[value; LEN]).unwrap();
            both.left.upload(&[value; LEN]).unwrap();
        }
        _ => {
            B::add_one(both.left);
            B::add_one(both.right);
        }
    }
}

/// Whether a frame shows both buffers before or both after a write.
fn is_of_one_point(left: &[u32], right: &[u32]) -> bool {
    left.len() == LEN && right.len() == LEN && left.iter().chain(right).all(|value| *value == left[0])
}

on_each_backend!(a_frame_never_mixes_two_writes);
fn a_frame_never_mixes_two_writes<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let pair = Pair { left: vec![0; LEN], right: vec![0; LEN] }.upload(&device).unwrap();
    // The writer writes both buffers under a lock, and frames are started under the same lock.
    let (shared, ended) = (Mutex::new(pair), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for value in (0..3_000).cycle().take_while(|_| !ended.load(Ordering::SeqCst)) {
                write(&mut shared.lock().unwrap(), value);
                thread::yield_now();
            }
        });
        let _end = End(&ended);
        for round in 0..150 {
            let pair = shared.lock().unwrap();
            if round % 2 == 0 {
                let ticket = pair.start_download().unwrap();
                drop(pair);
                let frame = ticket.wait().unwrap();
                assert!(is_of_one_point(frame.left(), frame.right()), "round {round}: a frame of two points");
            } else {
                let ticket = device.start_downloads((pair.right(), pair.left())).unwrap();
                drop(pair);
                let (right, left) = ticket.wait().unwrap();
                assert!(is_of_one_point(&left, &right), "round {round}: a selection of two points");
            }
        }
    });
    // The purpose of the lock and of a frame: two downloads that are started one by one show a write that
    // comes in between.
    let mut pair = shared.into_inner().unwrap();
    write(&mut pair, 3);
    let left = pair.left().start_download().unwrap();
    let frame = pair.start_download().unwrap();
    write(&mut pair, 6);
    let right = pair.right().start_download().unwrap();
    assert_eq!((left.wait().unwrap()[0], right.wait().unwrap()[0]), (3, 6));
    let frame = frame.wait().unwrap();
    assert_eq!((frame.left()[0], frame.right()[0]), (3, 3));
}

on_each_backend!(a_selection_is_started_whole_or_not_at_all);
fn a_selection_is_started_whole_or_not_at_all<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let [a, b, c] = ["a", "b", "c"].map(|name| numbers(&device, one_slot(name), &[1, 2, 3]));
    let held = b.start_download().unwrap().wait().unwrap();
    let mut expected = device.stats();
    expected.errors.slots_busy += 1;
    let busy = device.start_downloads((&a, &b, &c)).unwrap_err();
    assert!(matches!(&busy, Error::SlotsBusy { buffer, slots: 1 } if buffer.name() == "b"), "{busy}");
    let taken = [&a, &b, &c].map(|buffer| buffer.stats().slots_taken);
    assert_eq!((taken, device.stats()), ([0, 1, 0], expected));
    drop(held);
    let (first, second, third) = device.start_downloads((&a, &b, &c)).unwrap().wait().unwrap();
    assert_eq!([&*first, &*second, &*third], [&[1, 2, 3][..]; 3]);
    // Each guard has the slot of its own buffer.
    drop(second);
    assert_eq!([&a, &b, &c].map(|buffer| buffer.stats().slots_taken), [1, 0, 1]);
    assert!(matches!(a.view(3..5), Err(Error::OutOfBounds { start: 3, end: 5, len: 3, .. })));
}

on_each_backend!(a_frame_without_room_for_its_snapshots_changes_nothing);
fn a_frame_without_room_for_its_snapshots_changes_nothing<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(20_000));
    let spec = |name| BufferSpec::new(name).snapshot();
    let [a, b] = ["a", "b"].map(|name| numbers(&device, spec(name), &[7; 1_500]));
    let live = device.stats().live_bytes;
    // There is room for one staging copy.
    for attempt in 0..2 {
        let refused = match attempt {
            0 => device.start_downloads((&a, &b)).map(drop),
            _ => device.start_downloads((a.view(..5).unwrap(), a.view(5..9).unwrap())).map(drop),
        };
        assert!(matches!(refused, Err(Error::DeviceLimit { requested: 6_000, .. })), "{refused:?}");
        for buffer in [&a, &b] {
            assert_eq!((buffer.stats().slots_taken, buffer.stats().staging_bytes), (0, 0));
        }
        assert_eq!(device.stats().live_bytes, live);
    }
    assert_eq!(*device.start_downloads((&b,)).unwrap().wait().unwrap().0, [7; 1_500]);
}

on_each_backend!(one_buffer_may_come_up_more_than_once);
fn one_buffer_may_come_up_more_than_once<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(24).vec(10_000);
    for spec in [BufferSpec::new("plain").slots(3), BufferSpec::new("copied").slots(3).snapshot()] {
        let mut buffer = numbers(&device, spec, &data);
        // Each round uses staging copies, also for parts whose lengths differ from those of the existing
        // copies.
        for round in 0..7 {
            let (near, far) = (100 * (round % 3), 200 * (round % 3));
            let ticket = device.start_downloads((tail(&buffer, near), &buffer)).unwrap();
            let third = buffer.view(..round).unwrap().start_download().unwrap();
            buffer.fill(0).unwrap();
            buffer.upload(&data).unwrap();
            let (short, whole) = ticket.wait().unwrap();
            assert!(*short == data[near..] && *whole == *data, "round {round}");
            assert_eq!(*third.wait().unwrap(), data[..round]);
            drop((short, whole));
            let ticket = device.start_downloads((tail(&buffer, far), tail(&buffer, near), &buffer)).unwrap();
            buffer.fill(0).unwrap();
            let (shorter, short, whole) = block_on(ticket).unwrap();
            assert!(*shorter == data[far..] && *short == data[near..] && *whole == *data, "round {round}");
            buffer.upload(&data).unwrap();
        }
        assert_eq!(buffer.stats().slots_taken, 0);
    }
}

on_each_backend!(more_parts_than_slots_are_refused);
fn more_parts_than_slots_are_refused<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let one = Arc::new(numbers(&device, one_slot("one"), &[1, 2]));
    let two = Arc::new(numbers(&device, "two", &[3, 4]));
    // No wait can give the buffer more slots. The thread is not scoped, so that an endless wait fails the
    // test.
    let (send, receive) = mpsc::channel();
    let (also_device, also_one, also_two) = (device.clone(), one.clone(), two.clone());
    thread::spawn(move || {
        let (device, one, two) = (also_device, also_one, also_two);
        let parts = || (&*two, &*one, one.view(1..).unwrap());
        send.send(device.start_downloads(parts()).map(drop)).unwrap();
        send.send(device.start_downloads_when_free(parts()).wait().map(drop)).unwrap();
    });
    for _ in 0..2 {
        let refused = receive.recv_timeout(NEVER).expect("it waits for ever");
        let Err(Error::TooFewSlots { buffer, slots: 1, parts: 2 }) = refused else { panic!("{refused:?}") };
        assert_eq!(buffer, one.label());
    }
    let error = device.start_downloads_when_free((&*two, &*two, &*two)).wait().unwrap_err();
    assert_eq!(
        error.to_string(),
        "buffer `two`: 3 parts of it were asked for in one frame, and each takes one of its download slots, of which it has 2; \
         give it more with `async(slots = 3)` or `BufferSpec::slots`"
    );
    assert_eq!((one.stats().slots_taken, two.stats().slots_taken), (0, 0));
    // An empty part needs no slot.
    let (whole, empty) = device.start_downloads((&*one, one.view(1..1).unwrap())).unwrap().wait().unwrap();
    assert_eq!((&*whole, &*empty), (&[1, 2][..], &[][..]));
}

on_each_backend!(buffers_of_another_device_are_refused);
fn buffers_of_another_device_are_refused<B: TestBackend>(open: Open<'_, B>) {
    let (device, other) = (open!(open), open!(open));
    let here = numbers(&device, "here", &[1, 2]);
    let there = numbers(&other, "there", &[3, 4]);
    for refused in [
        device.start_downloads((&here, &there)).map(drop),
        device.start_downloads_when_free((there.view(..1).unwrap(), &here)).wait().map(drop),
        // An empty part of another device is refused too.
        device.start_downloads((&here, there.view(1..1).unwrap())).map(drop),
        other.start_downloads((&there, &here, &there)).map(drop),
    ] {
        let Err(Error::DifferentDevices { buffer: Some(buffer), .. }) = refused else {
            panic!("{refused:?}")
        };
        assert!(["here", "there"].contains(&buffer.name()));
    }
    assert_eq!((here.stats().slots_taken, there.stats().slots_taken), (0, 0));
    assert_eq!((device.stats().async_downloads, other.stats().async_downloads), (0, 0));
    // A set in which a buffer of another device has replaced a buffer.
    let mut pair = Pair { left: vec![1], right: vec![2] }.upload(&device).unwrap();
    *pair.right_mut() = there;
    let refused = pair.start_download().map(drop);
    assert!(matches!(refused, Err(Error::ForeignBuffer { elsewhere: true, .. })), "{refused:?}");
    assert_eq!(pair.left().stats().slots_taken, 0);
}

on_each_backend!(a_thread_that_waits_for_slots_holds_none);
fn a_thread_that_waits_for_slots_holds_none<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let [a, b] = ["a", "b"].map(|name| numbers(&device, one_slot(name), &[1, 2]));
    for round in 0..4 {
        let held = b.start_download().unwrap();
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let ticket = match round % 2 {
                    0 => device.start_downloads_when_free((&a, &b)).wait(),
                    _ => device.start_downloads_when_free((&b, &a)).wait(),
                };
                let guards = ticket.and_then(gpumem::Ticket::wait);
                send.send(guards.map(|(one, other)| (one.to_vec(), other.to_vec()))).unwrap();
            });
            // The thread may have begun to wait or not. It never holds the slot of `a` while it waits for
            // `b`.
            let began = Instant::now();
            while began.elapsed() < BUSY / 5 {
                assert_eq!(*a.start_download().unwrap().wait().unwrap(), [1, 2]);
                assert!(receive.try_recv().is_err(), "`b` has no slot");
            }
            if round < 2 {
                drop(held.wait().unwrap());
            } else {
                // The copy has ended, so the slot alone wakes the thread.
                drop(held);
            }
            let both = receive.recv_timeout(NEVER).expect("it waits for ever").unwrap();
            assert_eq!(both, (vec![1, 2], vec![1, 2]));
        });
        assert_eq!((a.stats().slots_taken, b.stats().slots_taken), (0, 0));
    }
}

on_each_backend!(threads_wait_for_the_same_buffers_in_any_order);
fn threads_wait_for_the_same_buffers_in_any_order<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let [a, b, c] = ["a", "b", "c"].map(|name| Arc::new(numbers(&device, one_slot(name), &[1, 2])));
    let two = Arc::new(numbers(&device, "two", &[3, 4, 5]));
    let (send, receive) = mpsc::channel();
    for thread in 0..6 {
        let (device, a, b, c, two) = (device.clone(), a.clone(), b.clone(), c.clone(), two.clone());
        let send = send.clone();
        // The thread is not scoped, so that an endless wait fails the test.
        thread::spawn(move || {
            for round in 0..60 {
                match (thread + round) % 6 {
                    0 => drop(
                        device.start_downloads_when_free((&*a, &*b, &*c)).wait().unwrap().wait().unwrap(),
                    ),
                    1 => drop(device.start_downloads_when_free((&*c, &*b, &*a)).wait().unwrap()),
                    2 => drop(
                        block_on(device.start_downloads_when_free((&*b, &*two, &*a)).wait().unwrap())
                            .unwrap(),
                    ),
                    3 => drop(
                        device.start_downloads_when_free((&*two, &*c, &*two)).wait().unwrap().wait().unwrap(),
                    ),
                    4 => drop(device.start_downloads_when_free((&*two, &*two)).wait().unwrap()),
                    _ => drop(b.start_download_when_free().wait().unwrap().wait().unwrap()),
                }
            }
            drop((device, a, b, c, two));
            send.send(()).unwrap();
        });
    }
    for _ in 0..6 {
        receive.recv_timeout(NEVER).expect("a thread waits for ever, or has panicked");
    }
    device.synchronize().unwrap();
    assert_eq!([&a, &b, &c, &two].map(|buffer| buffer.stats().slots_taken), [0; 4]);
}

on_each_backend!(frames_are_awaited_and_waited_for);
fn frames_are_awaited_and_waited_for<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let (a, b) = (numbers(&device, "a", &[1, 2]), numbers(&device, "b", &[3]));
    // The first download pins memory and starts threads.
    drop(block_on(device.start_downloads((&a, &b)).unwrap()).unwrap());
    B::occupy(&device, BUSY * 2);
    let mut ticket = device.start_downloads((&a, &b)).unwrap();
    assert!(ticket.wait_timeout(Duration::ZERO).unwrap().is_none());
    assert!(ticket.wait_timeout(BUSY / 3).unwrap().is_none());
    let (one, other) = ticket.wait_timeout(Duration::MAX).unwrap().expect("no timeout");
    assert_eq!((&*one, &*other), (&[1, 2][..], &[3][..]));
    // The data can be taken only once.
    let again = ticket.wait_timeout(Duration::ZERO).map(|frame| frame.is_some());
    assert!(matches!(again, Err(Error::DownloadAbandoned { .. })), "{again:?}");
    assert!(matches!(block_on(ticket), Err(Error::DownloadAbandoned { .. })));
    drop((one, other));
    // The ticket outlives the buffers and the device.
    B::occupy(&device, BUSY / 3);
    let ticket = device.start_downloads((&a, &b)).unwrap();
    drop((a, b, device));
    let (one, other) = thread::spawn(move || block_on(ticket).unwrap()).join().unwrap();
    assert_eq!((&*one, &*other), (&[1, 2][..], &[3][..]));
}

on_each_backend!(an_abandoned_part_ends_the_frame);
fn an_abandoned_part_ends_the_frame<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let (a, b, c) =
        (numbers(&device, "a", &[1, 2]), numbers(&device, "b", &[3]), numbers(&device, "c", &[4]));
    for round in 0..6 {
        B::occupy(&device, Duration::from_millis(5));
        let mut ticket = device.start_downloads((&a, &b, &c)).unwrap();
        if round % 2 == 0 {
            device.synchronize().unwrap();
        }
        [&a, &b, &c][round % 3].abandon_downloads();
        let end = match round {
            0 | 1 => ticket.wait().map(drop),
            2 | 3 => block_on(ticket).map(drop),
            _ => {
                let end = ticket.wait_timeout(NEVER).map(|frame| assert!(frame.is_some()));
                // The ticket keeps the parts that were not abandoned until it is dropped.
                drop(ticket);
                end
            }
        };
        let Err(Error::DownloadAbandoned { buffer }) = end else { panic!("round {round}: {end:?}") };
        assert_eq!(buffer.name(), ["a", "b", "c"][round % 3]);
        device.synchronize().unwrap();
        assert_eq!([&a, &b, &c].map(|buffer| buffer.stats().slots_taken), [0; 3], "round {round}");
    }
}

on_each_backend!(frames_may_be_dropped_at_any_time);
fn frames_may_be_dropped_at_any_time<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(25).vec(20_000);
    let mut a = numbers(&device, "a", &data);
    let mut b = numbers(&device, BufferSpec::new("b").snapshot(), &data);
    for round in 0..30 {
        a.upload(&data).unwrap();
        b.upload(&data).unwrap();
        B::occupy(&device, Duration::from_millis(2));
        let mut dropped = device.start_downloads((&a, &b)).unwrap();
        let kept = device.start_downloads((&b, &a)).unwrap();
        for _ in 0..round % 4 {
            let _ = std::pin::Pin::new(&mut dropped).poll(&mut Context::from_waker(Waker::noop()));
            thread::sleep(Duration::from_micros(round * 40));
        }
        if round % 5 == 4 {
            std::mem::forget(dropped);
        } else {
            drop(dropped);
        }
        a.fill(7).unwrap();
        b.fill(7).unwrap();
        let (right, left) = block_on(kept).unwrap();
        assert!(*left == *data && *right == *data, "round {round}");
        a.abandon_downloads();
        b.abandon_downloads();
    }
    device.synchronize().unwrap();
    assert_eq!((a.stats().slots_taken, b.stats().slots_taken), (0, 0));
    drop((a, b));
    device.close().unwrap();
}
