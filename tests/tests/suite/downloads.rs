//! Async downloads: their contents, their order and their slots, regardless of later operations on the buffer
//! and the device.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};
use std::time::{Duration, Instant};

/// Much longer than a call takes.
const BUSY: Duration = Duration::from_millis(150);

on_each_backend!(a_guard_behaves_as_a_slice);
#[allow(clippy::op_ref)] // Each comparison tests another implementation.
fn a_guard_behaves_as_a_slice<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer = Buffer::from_slice(&device, "buffer", &[1_u32, 2, 3]).unwrap().into_async();
    let (guard, other) = (buffer.start_download().unwrap(), buffer.start_download().unwrap());
    let (guard, other) = (guard.wait().unwrap(), other.wait().unwrap());
    let mut sum = 0;
    for element in &guard {
        sum += element;
    }
    assert_eq!((sum, guard.iter().rev().copied().collect::<Vec<_>>()), (6, vec![3, 2, 1]));
    assert!(guard == other && guard == [1, 2, 3] && guard == &[1, 2, 3] && guard == vec![1, 2, 3]);
    assert!(guard == [1, 2, 3][..] && guard == &[1, 2, 3][..] && guard != [1, 2]);
    assert!([1, 2, 3] == guard && vec![1, 2, 3] == guard && &[1, 2, 3][..] == guard && [7; 3] != guard);
    assert_eq!(guard, [1, 2, 3]);
    assert_eq!(Vec::from(&guard), [1, 2, 3]);
    let kept: Vec<u32> = Vec::from(guard);
    assert_eq!((kept, buffer.stats().slots_taken), (vec![1, 2, 3], 1), "its slot is free");
    fn is_eq<T: Eq>(_: &T) {}
    is_eq(&other);
}

on_each_backend!(a_download_returns_before_the_work_is_done);
fn a_download_returns_before_the_work_is_done<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap().into_async();
    // The first download pins memory and starts threads, which takes time.
    drop(buffer.start_download().unwrap().wait().unwrap());
    device.synchronize().unwrap();
    let began = Instant::now();
    B::occupy(&device, BUSY);
    // A fill and not a kernel: a driver that loads a kernel waits for running ones.
    buffer.fill(4).unwrap();
    let ticket = buffer.start_download().unwrap();
    assert!(
        !ticket.is_ready().unwrap(),
        "the stream is busy for {BUSY:?}, and {:?} have gone",
        began.elapsed()
    );
    assert_eq!((ticket.len(), ticket.is_empty()), (3, false));
    let guard = ticket.wait().unwrap();
    assert!(began.elapsed() >= BUSY, "the download came behind the work that was queued before it");
    assert_eq!(*guard, [4, 4, 4]);
    assert_eq!(guard.to_vec(), guard.as_slice());
}

on_each_backend!(a_download_shows_its_point_of_the_stream);
fn a_download_shows_its_point_of_the_stream<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(9).vec(2_000_000);
    let mut buffer: Buffer<u32, B, Async> = Buffer::new(&device, "buffer").unwrap().into_async();
    for write in 0..8 {
        buffer.upload(&data).unwrap();
        B::occupy(&device, Duration::from_millis(2));
        let ticket = buffer.start_download().unwrap();
        // Each operation that can write or move the buffer, before the copy has begun.
        match write {
            0 => buffer.fill(7).unwrap(),
            1 => buffer.upload(&[7; 3]).unwrap(),
            2 => buffer.write(0, &[7; 1_000]).unwrap(),
            3 => buffer.reserve(10_000_000).unwrap(),
            4 => B::add_one(&mut buffer),
            5 => buffer.view_mut(5..).unwrap().fill(7).unwrap(),
            6 => {
                buffer.truncate(10);
                buffer.shrink_to_fit().unwrap();
                buffer.resize(2_000_000).unwrap();
            }
            _ => {
                let other: Buffer<u32, B> = Buffer::from_slice(&device, "other", &[7; 2_000_000]).unwrap();
                buffer.copy_from(&other).unwrap();
            }
        }
        assert!(
            *ticket.wait().unwrap() == data,
            "write {write} shows in a download that was started before it"
        );
    }
}

on_each_backend!(a_third_download_of_two_slots_is_refused);
fn a_third_download_of_two_slots_is_refused<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer: Buffer<u32, B, Async> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap().into_async();
    let first = buffer.start_download().unwrap();
    let second = buffer.start_download().unwrap();
    let busy = buffer.start_download().unwrap_err();
    assert!(matches!(busy, Error::SlotsBusy { slots: 2, .. }), "{busy}");
    assert_eq!(buffer.stats().slots_taken, 2);
    let guard = first.wait().unwrap();
    assert!(matches!(buffer.start_download(), Err(Error::SlotsBusy { .. })), "a guard holds its slot");
    drop(guard);
    let third = buffer.start_download().unwrap();
    assert_eq!((&*second.wait().unwrap(), &*third.wait().unwrap()), (&[1, 2][..], &[1, 2][..]));
    assert_eq!(buffer.stats().slots_taken, 0);
    assert_eq!(device.stats().async_downloads, 3, "what was refused is not counted");
}

on_each_backend!(tickets_may_be_dropped_and_forgotten);
fn tickets_may_be_dropped_and_forgotten<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "buffer", &[1; 1_000]).unwrap().into_async();
    for _ in 0..100 {
        drop(buffer.start_download().unwrap());
        buffer.fill(1).unwrap();
        device.synchronize().unwrap();
    }
    std::mem::forget(buffer.start_download().unwrap());
    B::occupy(&device, Duration::from_millis(5));
    let kept = buffer.start_download().unwrap();
    assert!(matches!(buffer.start_download(), Err(Error::SlotsBusy { .. })));
    // One download has ended and its ticket is forgotten. The other is under way and its ticket is alive.
    buffer.abandon_downloads();
    assert_eq!(buffer.stats().slots_taken, 0);
    let (again, once_more) = (buffer.start_download().unwrap(), buffer.start_download().unwrap());
    assert!(matches!(kept.wait(), Err(Error::DownloadAbandoned { .. })));
    assert_eq!(*again.wait().unwrap(), [1; 1_000]);
    let guard = once_more.wait().unwrap();
    buffer.abandon_downloads();
    assert_eq!(*guard, [1; 1_000], "a guard is not abandoned");
    assert!(device.stats().pinned_bytes <= 64 << 10, "the pinned memory is used again: {:?}", device.stats());
}

on_each_backend!(tickets_and_guards_outlive_buffer_and_device);
fn tickets_and_guards_outlive_buffer_and_device<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(4).vec(1_000_000);
    let buffer: Buffer<u32, B, Async> = Buffer::from_slice(&device, "buffer", &data).unwrap().into_async();
    B::occupy(&device, Duration::from_millis(20));
    let ticket = buffer.start_download().unwrap();
    let dropped = buffer.start_download().unwrap();
    drop((buffer, device));
    drop(dropped);
    let guard = std::thread::spawn(move || ticket.wait().unwrap()).join().unwrap();
    assert!(*guard == data);
}

on_each_backend!(ranges_and_empty_ranges_are_downloaded);
fn ranges_and_empty_ranges_are_downloaded<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "buffer", &[1, 2, 3, 4]).unwrap().into_async();
    let guard = buffer.view(1..3).unwrap().start_download().unwrap().wait().unwrap();
    let mut target = [0; 2];
    guard.copy_to_slice(&mut target).unwrap();
    assert_eq!((*guard).to_vec(), target);
    assert_eq!(target, [2, 3]);
    let error = guard.copy_to_slice(&mut [0; 3]).unwrap_err();
    assert!(matches!(error, Error::LengthMismatch { len: 2, other: 3, .. }), "{error:?}");
    assert!(matches!(buffer.view(3..5), Err(Error::OutOfBounds { .. })));
    let empty: Buffer<u32, B, Async> = Buffer::new(&device, "empty").unwrap().into_async();
    for ticket in [empty.start_download().unwrap(), buffer.view(2..2).unwrap().start_download().unwrap()] {
        assert!(ticket.is_ready().unwrap() && ticket.is_empty());
        assert!(ticket.wait().unwrap().is_empty());
    }
}

on_each_backend!(many_threads_download_one_buffer);
fn many_threads_download_one_buffer<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(5).vec(50_000);
    let mut buffer: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "buffer", &data).unwrap().into_async();
    for _ in 0..20 {
        buffer.upload(&data).unwrap();
        // Each thread ends while its copy may still run. The next write must wait for the last of these
        // copies, whichever it is.
        let tickets: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| buffer.start_download().unwrap())).collect();
            let blocking = scope.spawn(|| assert!(buffer.download().unwrap() == data));
            blocking.join().unwrap();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        buffer.fill(0).unwrap();
        for ticket in tickets {
            assert!(*ticket.wait().unwrap() == data);
        }
    }
}

on_each_backend!(dropping_never_waits);
fn dropping_never_waits<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "buffer", &[1; 100_000]).unwrap().into_async();
    drop(buffer.start_download().unwrap().wait().unwrap());
    let began = Instant::now();
    B::occupy(&device, BUSY * 2);
    let ticket = buffer.start_download().unwrap();
    // On a thread that has never used the device.
    std::thread::spawn(move || drop((ticket, buffer, device))).join().unwrap();
    assert!(began.elapsed() < BUSY * 2, "{:?}", began.elapsed());
}

on_each_backend!(the_number_of_slots_is_a_setting);
fn the_number_of_slots_is_a_setting<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    for slots in [1, 3, 5] {
        let spec = BufferSpec::new("buffer").slots(slots);
        let buffer: Buffer<u32, B, Async> = Buffer::from_slice(&device, spec, &[1, 2]).unwrap().into_async();
        let tickets: Vec<_> = (0..slots).map(|_| buffer.start_download().unwrap()).collect();
        let busy = buffer.start_download().unwrap_err();
        assert!(matches!(busy, Error::SlotsBusy { slots: limit, .. } if limit == slots), "{busy}");
        for ticket in tickets {
            assert_eq!(*ticket.wait().unwrap(), [1, 2]);
        }
    }
}

on_each_backend!(snapshots_show_their_point_of_the_stream_too);
fn snapshots_show_their_point_of_the_stream_too<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut random = Random::new(11);
    let spec = BufferSpec::new("buffer").snapshot().slots(3);
    let mut buffer: Buffer<u32, B, Async> = Buffer::new(&device, spec).unwrap().into_async();
    let mut running = std::collections::VecDeque::new();
    for round in 0..40 {
        // Longer or shorter than the existing staging copies, in turn.
        let data = random.vec(1 + 30_000 * (round % 5));
        buffer.upload(&data).unwrap();
        let from = data.len() / 3;
        running.push_back((buffer.view(from..).unwrap().start_download().unwrap(), data[from..].to_vec()));
        buffer.fill(0).unwrap();
        if running.len() == 3 {
            let (ticket, expected) = running.pop_front().unwrap();
            assert!(*ticket.wait().unwrap() == expected, "round {round}");
        }
    }
    let stats = buffer.stats();
    assert!(
        stats.staging_bytes >= 3 * 4 * 100_000 && device.stats().live_bytes == stats.live_bytes(),
        "{stats:?}"
    );
    for (ticket, expected) in running {
        assert!(*ticket.wait().unwrap() == expected);
    }
    buffer.shrink_to_fit().unwrap();
    assert_eq!(buffer.stats().staging_bytes, 0);
    buffer.close().unwrap();
    device.close().unwrap();
}

on_each_backend!(a_snapshot_without_room_changes_nothing);
fn a_snapshot_without_room_changes_nothing<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(10_000));
    let spec = BufferSpec::new("buffer").snapshot();
    let buffer: Buffer<u32, B, Async> = Buffer::from_slice(&device, spec, &[7; 1_500]).unwrap().into_async();
    let error = buffer.start_download().unwrap_err();
    assert!(matches!(error, Error::DeviceLimit { requested: 6_000, limit: 10_000, .. }), "{error}");
    assert_eq!((buffer.stats().slots_taken, buffer.stats().staging_bytes), (0, 0));
    assert_eq!(buffer.download().unwrap(), [7; 1_500]);
}
