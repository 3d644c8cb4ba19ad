//! The figures of devices, sets and buffers, each by itself. `statistics_model.rs` compares all of them with
//! a plain model.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Error, GpuBuffers};
use gpumem_tests::{Random, TestBackend, block_on};
use std::sync::mpsc;
use std::time::Duration;

#[derive(GpuBuffers)]
#[buffers(limit = "4KiB")]
struct Pair {
    #[buffer(max = "2KiB")]
    first: Vec<u32>,
    #[buffer(async(snapshot))]
    second: Vec<u32>,
}

on_each_backend!(growth_is_told_apart_from_shrinking_and_copies_from_growth_in_place);
fn growth_is_told_apart_from_shrinking_and_copies_from_growth_in_place<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u8, B> = Buffer::with_capacity(&device, "buffer", 1_000).unwrap();
    buffer.reserve_to(5_000).unwrap();
    buffer.shrink_to_fit().unwrap();
    let stats = buffer.stats();
    assert_eq!((stats.resizes, stats.grown_in_place, stats.grown_by_copy), (2, 0, 1));
    buffer.resize(2 << 20).unwrap();
    buffer.reserve_to(6 << 20).unwrap();
    let stats = buffer.stats();
    // Nothing was left after `shrink_to_fit`, so the memory after it is a first one.
    let copies = u64::from(!device.has_virtual_memory());
    assert_eq!((stats.resizes, stats.grown_in_place, stats.grown_by_copy), (3, 1 - copies, 1 + copies));
    let all = device.stats();
    assert_eq!((all.resizes, all.grown_in_place, all.grown_by_copy), (3, 1 - copies, 1 + copies));
}

on_each_backend!(peaks_are_the_most_that_was_held_and_can_be_reset);
fn peaks_are_the_most_that_was_held_and_can_be_reset<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut set = PairBuffers::with_capacity(&device, PairLengths { first: 100, second: 50 }).unwrap();
    set.second_mut().resize(50).unwrap();
    drop(set.start_download().unwrap().wait().unwrap());
    set.first_mut().shrink_to_fit().unwrap();
    let stats = set.stats();
    assert_eq!((stats.live_bytes(), stats.peak_bytes), (400, 400 + 200 + 200));
    assert_eq!(stats.buffers.iter().map(|buffer| buffer.peak_bytes).collect::<Vec<_>>(), [400, 400]);
    set.reset_peak();
    let stats = set.stats();
    assert_eq!(stats.peak_bytes, 400);
    assert_eq!(stats.buffers.iter().map(|buffer| buffer.peak_bytes).collect::<Vec<_>>(), [0, 400]);
    set.first_mut().reserve_to(10).unwrap();
    assert_eq!((set.stats().peak_bytes, set.stats().buffers[0].peak_bytes), (440, 40));

    let before = device.stats();
    assert!(before.peak_bytes >= 800 && before.peak_pinned_bytes >= before.pinned_bytes);
    device.synchronize().unwrap();
    device.trim(0).unwrap();
    assert!(device.stats().pinned_bytes < before.peak_pinned_bytes);
    device.reset_peak();
    let after = device.stats();
    assert_eq!((after.peak_bytes, after.peak_held_bytes), (after.live_bytes, after.held_bytes));
    assert_eq!(after.peak_pinned_bytes, after.pinned_bytes);
    // The budget that the dropped block leaves in the thread's cache does not hide the next peak.
    drop(Buffer::<u8, B>::with_capacity(&device, "short", 1_000).unwrap());
    drop(Buffer::<u8, B>::with_capacity(&device, "short", 700).unwrap());
    assert_eq!(device.stats().peak_bytes, after.live_bytes + 1_000);
    device.reset_peak();
    drop(Buffer::<u8, B>::with_capacity(&device, "short", 300).unwrap());
    assert_eq!(device.stats().peak_bytes, after.live_bytes + 300);
}

on_each_backend!(a_swap_of_contents_adds_no_peak);
fn a_swap_of_contents_adds_no_peak<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut set = Swapped { front: vec![1; 10], back: vec![2; 1_000] }.upload(&device).unwrap();
    let peak = set.stats().peak_bytes;
    for _ in 0..2 {
        let SwappedBuffersMut { front, back } = set.split_mut();
        front.swap_contents(back).unwrap();
        assert_eq!((set.stats().live_bytes(), set.stats().peak_bytes), (4_040, peak));
    }
    let peaks: Vec<_> = set.stats().buffers.iter().map(|buffer| buffer.peak_bytes).collect();
    assert_eq!(peaks, [4_000, 4_000]);
}

#[derive(GpuBuffers)]
struct Swapped {
    front: Vec<u32>,
    back: Vec<u32>,
}

on_each_backend!(limits_are_told);
fn limits_are_told<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(1 << 20));
    let set = PairBuffers::new(&device).unwrap();
    let stats = set.stats();
    assert_eq!((device.stats().limit_bytes, stats.limit_bytes), (1 << 20, Some(4 << 10)));
    let limits: Vec<_> = stats.buffers.iter().map(|buffer| buffer.limit_bytes).collect();
    assert_eq!(limits, [Some(2 << 10), None]);
    let other = Swapped { front: Vec::new(), back: Vec::new() }.upload(&device).unwrap();
    assert_eq!(other.stats().limit_bytes, None);
}

on_each_backend!(transfers_of_each_buffer_are_counted_and_last_uses_noted);
fn transfers_of_each_buffer_are_counted_and_last_uses_noted<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut one: Buffer<u32, B> = Buffer::with_capacity(&device, "one", 100).unwrap();
    let other: Buffer<u32, B> = Buffer::with_capacity(&device, "other", 100).unwrap();
    one.reserve_to(200).unwrap();
    assert_eq!((one.stats().last_use, other.stats().last_use), (None, None), "memory alone is no use");
    one.upload(&[1; 100]).unwrap();
    one.write(10, &[2; 5]).unwrap();
    let mut stage = one.stage(8).unwrap();
    stage.fill(3);
    stage.append().unwrap();
    drop(one.view(..4).unwrap().download().unwrap());
    let stats = one.stats();
    assert_eq!((stats.uploads, stats.uploaded_bytes), (3, 400 + 20 + 32));
    assert_eq!((stats.downloads, stats.downloaded_bytes, stats.async_downloads), (1, 16, 0));
    assert_eq!(stats.utilisation(), Some(0.54));
    assert_eq!((other.stats().uploads, other.stats().downloads, other.stats().last_use), (0, 0, None));
    assert!(stats.idle().is_some_and(|idle| idle < Duration::from_secs(60)));
    assert_eq!(one.stats(), stats, "a look at the statistics is no use, and changes nothing");
}

/// A function that uses a buffer in one way, and its name.
type Use<B> = (&'static str, fn(&Device<B>, &mut Buffer<u32, B, Async>, &mut Buffer<u32, B, Async>));

on_each_backend!(each_kind_of_use_is_a_use);
fn each_kind_of_use_is_a_use<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let uses: [Use<B>; 9] = [
        ("fill", |_, buffer, _| buffer.fill(1).unwrap()),
        ("download", |_, buffer, _| drop(buffer.download().unwrap())),
        ("async download", |_, buffer, _| drop(buffer.start_download().unwrap())),
        ("source of a copy", |_, buffer, other| other.copy_from(buffer).unwrap()),
        ("target of a copy", |_, buffer, other| buffer.copy_from(other).unwrap()),
        ("move inside", |_, buffer, _| buffer.swap_remove(0).unwrap()),
        ("longer", |_, buffer, _| buffer.resize(12).unwrap()),
        ("launch", |_, buffer, _| B::add_one(buffer)),
        ("lent", |device, buffer, _| {
            let stream = device.create_stream().unwrap();
            drop(buffer.use_on(&stream).unwrap());
        }),
    ];
    for (name, work) in uses {
        let [mut buffer, mut other] = ["buffer", "other"].map(|name| {
            let mut buffer: Buffer<u32, B, Async> =
                Buffer::with_capacity(&device, name, 100).unwrap().into_async();
            // Elements that no use has written, as far as statistics go.
            // SAFETY: the elements are never read before they are written, or any bits will do.
            unsafe { buffer.set_len(10) };
            buffer
        });
        assert_eq!(buffer.stats().last_use, None, "{name}");
        work(&device, &mut buffer, &mut other);
        assert!(buffer.stats().idle().is_some(), "{name}");
    }
}

on_each_backend!(downloads_are_started_and_then_finished_or_dropped);
fn downloads_are_started_and_then_finished_or_dropped<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = BufferSpec::new("buffer").slots(8);
    let buffer: Buffer<u32, B, Async> = Buffer::from_slice(&device, spec, &[1; 100]).unwrap().into_async();
    let ends = |buffer: &Buffer<u32, B, Async>| {
        let (own, all) = (buffer.stats(), device.stats());
        assert_eq!(
            (own.async_downloads, own.finished_downloads, own.dropped_downloads),
            (all.async_downloads, all.finished_downloads, all.dropped_downloads)
        );
        (own.async_downloads, own.finished_downloads, own.dropped_downloads)
    };
    let tickets: Vec<_> = (0..5).map(|_| buffer.start_download().unwrap()).collect();
    assert_eq!(ends(&buffer), (5, 0, 0));
    device.synchronize().unwrap();
    assert_eq!(ends(&buffer), (5, 0, 0), "tickets may still take the data");
    let mut tickets = tickets.into_iter();
    drop(tickets.next().unwrap().wait().unwrap());
    let mut polled = tickets.next().unwrap();
    drop(block_on(&mut polled).unwrap());
    assert!(matches!(polled.wait(), Err(Error::DownloadAbandoned { .. })));
    drop(tickets.next());
    assert_eq!(ends(&buffer), (5, 2, 1));
    buffer.abandon_downloads();
    assert_eq!(ends(&buffer), (5, 2, 3));
    drop(tickets);
    assert_eq!(ends(&buffer), (5, 2, 3), "counted once");
    // One that was never started.
    assert!(buffer.view(200..).is_err());
    // One whose ticket goes before its copy has ended.
    B::occupy(&device, Duration::from_millis(5));
    drop(buffer.start_download().unwrap());
    device.synchronize().unwrap();
    assert_eq!(ends(&buffer), (6, 2, 4));
}

on_each_backend!(waits_for_slots_are_counted_once_each);
fn waits_for_slots_are_counted_once_each<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = BufferSpec::new("buffer").slots(1);
    let buffer: Buffer<u32, B, Async> = Buffer::from_slice(&device, spec, &[1; 100]).unwrap().into_async();
    let waits = || (buffer.stats().slot_waits, device.stats().slot_waits);
    drop(buffer.start_download_when_free().wait().unwrap().wait().unwrap());
    assert_eq!(waits(), (0, 0), "the slot was free");
    let first = buffer.start_download().unwrap().wait().unwrap();
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        let buffer = &buffer;
        scope.spawn(move || send.send(buffer.start_download_when_free().wait().unwrap()).unwrap());
        while waits() == (0, 0) {
            std::thread::yield_now();
        }
        drop(first);
        drop(receive.recv().unwrap().wait().unwrap());
    });
    assert_eq!(waits(), (1, 1));
    // A task that is polled more often than it is told to.
    let held = buffer.start_download().unwrap().wait().unwrap();
    let mut waiting = std::pin::pin!(buffer.start_download_when_free());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..3 {
        assert!(waiting.as_mut().poll(&mut context).is_pending());
    }
    drop(held);
    drop(block_on(waiting).unwrap().wait().unwrap());
    assert_eq!(waits(), (2, 2));
    // A refusal is an error, and no wait.
    let held = buffer.start_download().unwrap().wait().unwrap();
    assert!(matches!(buffer.start_download(), Err(Error::SlotsBusy { .. })));
    assert_eq!(waits(), (2, 2));
    drop(held);
}

on_each_backend!(errors_are_counted_by_kind);
fn errors_are_counted_by_kind<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(10_000));
    let mut set = PairBuffers::new(&device).unwrap();
    assert!(matches!(set.first_mut().resize(513), Err(Error::BufferLimit { .. })));
    assert!(matches!(set.first_mut().stage(513).map(drop), Err(Error::BufferLimit { .. })));
    assert!(matches!(set.second_mut().upload(&[0; 1_025]), Err(Error::SetLimit { .. })));
    let mut grown: Buffer<u8, B> = Buffer::from_slice(&device, "grown", &[1; 6_000]).unwrap();
    assert!(matches!(grown.reserve_to(10_001), Err(Error::DeviceLimit { .. })));
    assert!(matches!(
        Buffer::<u8, B>::with_capacity(&device, "large", 4_001),
        Err(Error::DeviceLimit { .. })
    ));
    let errors = device.stats().errors;
    assert_eq!((errors.buffer_limit, errors.set_limit, errors.device_limit), (2, 1, 2), "{errors:?}");
    // The factor asks for more than there is, and the exact need fits.
    drop(grown);
    let mut grown: Buffer<u8, B> =
        Buffer::with_capacity(&device, BufferSpec::new("grown").growth(4.0), 4_000).unwrap();
    grown.reserve_to(4_010).unwrap();
    assert!(grown.capacity() < 16_000);
    set.second_mut().resize(1_000).unwrap();
    assert_eq!(device.stats().errors, errors, "no operation has failed");
    // Slots.
    let spec = BufferSpec::new("frame").slots(1);
    let frame: Buffer<u8, B, Async> = Buffer::from_slice(&device, spec, &[1]).unwrap().into_async();
    let guard = frame.start_download().unwrap().wait().unwrap();
    assert!(matches!(frame.start_download(), Err(Error::SlotsBusy { .. })));
    drop(guard);
    let since = device.stats().errors;
    assert_eq!((since.slots_busy, since.total()), (1, errors.total() + 1));
}

on_each_backend!(memory_that_is_given_back_on_demand_is_counted);
fn memory_that_is_given_back_on_demand_is_counted<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let block = |bytes| Buffer::<u8, B>::with_capacity(&device, "block", bytes).unwrap();
    assert_eq!(device.stats().driver_time, Duration::ZERO);
    drop([block(6 << 20), block(2 << 20)]);
    assert_eq!(device.stats().free_bytes, 0, "the thread has them ready for itself");
    device.trim(u64::MAX).unwrap();
    let stats = device.stats();
    assert_eq!((stats.free_bytes, stats.largest_free_bytes), (8 << 20, 6 << 20));
    assert!(stats.driver_time > Duration::ZERO && stats.driver_calls > 0);
    let kept = block(2 << 20);
    assert_eq!(device.stats().held_over_live(), Some(4.0));
    device.defragment().unwrap();
    let stats = device.stats();
    assert_eq!((stats.trims, stats.reclaims, stats.free_bytes), (2, 0, 0));
    assert_eq!((stats.held_over_live(), stats.largest_over_free()), (Some(1.0), None));
    drop(kept);
    // Pieces of slabs: the largest is the rest of the slab.
    let small = block(1_000);
    device.trim(u64::MAX).unwrap();
    let stats = device.stats();
    assert!(stats.free_bytes >= stats.largest_free_bytes && stats.largest_free_bytes > 0, "{stats:?}");
    drop(small);
}

on_each_backend!(would_fit_gives_the_error_of_the_call);
fn would_fit_gives_the_error_of_the_call<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(6_000));
    let _kept: Buffer<u8, B> = Buffer::with_capacity(&device, "kept", 2_500).unwrap();
    drop(Buffer::<u8, B>::with_capacity(&device, "gone", 2_500).unwrap());
    let mut random = Random::new(5);
    let mut kinds = [0; 4];
    for _ in 0..500 {
        let lengths = PairLengths { first: random.below(700), second: random.below(900) };
        let before = device.stats();
        let foretold = PairBuffers::would_fit(&device, lengths);
        let untouched = device.stats();
        assert_eq!((untouched.allocations, untouched.live_bytes), (before.allocations, before.live_bytes));
        assert_eq!((untouched.errors, untouched.live_buffers), (before.errors, before.live_buffers));
        let made = PairBuffers::with_capacity(&device, lengths).map(drop);
        assert_eq!(foretold, made, "{lengths:?}");
        kinds[match made {
            Ok(()) => 0,
            Err(Error::BufferLimit { .. }) => 1,
            Err(Error::SetLimit { .. }) => 2,
            Err(Error::DeviceLimit { .. }) => 3,
            Err(other) => panic!("{other}"),
        }] += 1;
    }
    assert!(kinds.iter().all(|count| *count > 10), "{kinds:?}");
    let huge = Buffer::<u64, B>::would_fit(&device, "huge", usize::MAX);
    assert_eq!(huge, Buffer::<u64, B>::with_capacity(&device, "huge", usize::MAX).map(drop));
    let wrong = BufferSpec::new("wrong").min(10).max(5);
    assert!(matches!(Buffer::<u8, B>::would_fit(&device, wrong, 1), Err(Error::InvalidSpec { .. })));
}

on_each_backend!(more_than_the_driver_has_does_not_fit);
fn more_than_the_driver_has_does_not_fit<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(u64::MAX / 4));
    let Some(free) = device.memory_info().unwrap().free else { return };
    let elements = usize::try_from(free / 4).unwrap();
    // Each fits, and the two of them do not.
    Buffer::<u32, B>::would_fit(&device, "half", elements / 2).unwrap();
    let half = elements / 4 * 3;
    let error = SwappedBuffers::would_fit(&device, SwappedLengths { front: half, back: half }).unwrap_err();
    let Error::OutOfMemory { buffer, requested, live, free: Some(_), .. } = error else { panic!("{error}") };
    assert_eq!((buffer.to_string().as_str(), requested), ("buffer `Swapped.back`", 4 * half as u64));
    assert_eq!(live, 4 * half as u64, "the first of the two");
    assert_eq!(device.stats().held_bytes, 0);
}
