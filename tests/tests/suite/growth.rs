//! Capacity and limits.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Error};
use gpumem_tests::TestBackend;
use std::time::{Duration, Instant};

on_each_backend!(growth_follows_the_factor_up_to_the_limit);
fn growth_follows_the_factor_up_to_the_limit<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = BufferSpec::new("buffer").growth(1.3).max(4 * 1_500);
    let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, spec, &[5; 1_000]).unwrap();
    assert_eq!(buffer.capacity(), 1_000, "what is known from the start is exact");
    buffer.extend_from_slice(&[6]).unwrap();
    assert_eq!(buffer.capacity(), 1_300);
    buffer.resize(1_300).unwrap();
    assert_eq!((buffer.capacity(), buffer.stats().resizes), (1_300, 1), "within the capacity nothing moves");
    buffer.resize(1_301).unwrap();
    assert_eq!(buffer.capacity(), 1_500, "1.3 times would be beyond the limit");
    let error = buffer.resize(1_501).unwrap_err();
    assert!(matches!(error, Error::BufferLimit { requested: 6_004, limit: 6_000, .. }), "{error}");
    assert_eq!((buffer.len(), buffer.capacity()), (1_301, 1_500));
    let expected = [vec![5; 1_000], vec![6], vec![0; 300]].concat();
    assert!(buffer.download().unwrap() == expected, "contents survive growth and refusal");
}

on_each_backend!(near_the_device_limit_growth_falls_back_to_the_need);
fn near_the_device_limit_growth_falls_back_to_the_need<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(10_000));
    let spec = BufferSpec::new("buffer").growth(4.0);
    let mut buffer: Buffer<u8, B> = Buffer::from_slice(&device, &spec, &[1; 2_000]).unwrap();
    // Four times would be 8000, which are exactly the bytes that are left beside the old memory.
    buffer.resize(2_500).unwrap();
    assert_eq!(buffer.capacity(), 8_000, "8000 beside 2000 is exactly the limit");
    let mut other: Buffer<u8, B> = Buffer::from_slice(&device, spec, &[2; 500]).unwrap();
    other.resize(1_200).unwrap();
    assert_eq!(other.capacity(), 1_200, "2000 would not fit beside 500 and 8000");
    assert_eq!(other.download().unwrap(), [vec![2; 500], vec![0; 700]].concat());
}

on_each_backend!(asking_beyond_a_limit_changes_nothing);
fn asking_beyond_a_limit_changes_nothing<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(4_096));
    let spec = BufferSpec::new("buffer").max(2_048);
    let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, spec, &[1, 2, 3]).unwrap();
    let mut wide: Buffer<u32, B> = Buffer::from_slice(&device, "wide", &[4; 500]).unwrap();
    let before = (buffer.stats(), wide.stats(), device.stats().live_bytes);
    let large = vec![0; 2_000];
    for error in [
        buffer.resize(513).unwrap_err(),
        buffer.reserve(510).unwrap_err(),
        buffer.upload(&large).unwrap_err(),
        buffer.extend_from_slice(&large).unwrap_err(),
    ] {
        assert!(matches!(error, Error::BufferLimit { limit: 2_048, .. }), "{error}");
        assert!(error.to_string().starts_with("buffer `buffer` needs "), "{error}");
    }
    for error in [
        wide.resize(1_500).unwrap_err(),
        wide.upload(&large).unwrap_err(),
        wide.extend_from_slice(&large).unwrap_err(),
        Buffer::<u32, B>::from_slice(&device, "more", &large).unwrap_err(),
    ] {
        assert!(matches!(error, Error::DeviceLimit { limit: 4_096, .. }), "{error}");
        let text = "which can never fit: the device's whole limit is 4 KiB; ask for less, or open the device with a higher";
        assert!(error.to_string().contains(text), "{error}");
    }
    // It would fit if less memory were in use.
    let error = Buffer::<u32, B>::from_slice(&device, "more", &large[..600]).unwrap_err();
    assert!(
        error.to_string().contains("of the device's limit of 4 KiB are in use; free something, or open"),
        "{error}"
    );
    assert_eq!((buffer.stats(), wide.stats(), device.stats().live_bytes), before);
    assert_eq!((buffer.download().unwrap(), wide.download().unwrap()), (vec![1, 2, 3], vec![4; 500]));
    assert_eq!(device.stats().live_buffers, 2, "the buffer that could not be made is not there");
}

on_each_backend!(sizes_that_overflow_are_refused);
fn sizes_that_overflow_are_refused<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u64, B> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap();
    for elements in [usize::MAX, usize::MAX / 8 + 1, isize::MAX.unsigned_abs() / 8 + 1] {
        let error = buffer.resize(elements).unwrap_err();
        assert!(matches!(error, Error::SizeOverflow { element_size: 8, .. }), "{error}");
        assert!(Buffer::<u64, B>::with_capacity(&device, "vast", elements).is_err());
    }
    assert!(matches!(buffer.reserve(usize::MAX), Err(Error::SizeOverflow { .. })));
    let error = buffer.resize(1 << 58).unwrap_err();
    assert!(matches!(error, Error::DeviceLimit { .. } | Error::OutOfMemory { .. }), "{error}");
    assert_eq!(buffer.download().unwrap(), [1, 2]);
}

on_each_backend!(min_is_kept_from_the_start_and_by_shrinking);
fn min_is_kept_from_the_start_and_by_shrinking<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, BufferSpec::new("buffer").min(401)).unwrap();
    assert_eq!((buffer.capacity(), buffer.len()), (101, 0), "401 bytes are 101 elements begun");
    buffer.resize(1_000).unwrap();
    buffer.truncate(300);
    buffer.shrink_to_fit().unwrap();
    assert_eq!((buffer.capacity(), buffer.len()), (300, 300));
    buffer.clear();
    buffer.shrink_to_fit().unwrap();
    assert_eq!(buffer.capacity(), 101);
    let mut plain: Buffer<u32, B> = Buffer::from_slice(&device, "plain", &[1]).unwrap();
    plain.clear();
    plain.shrink_to_fit().unwrap();
    assert_eq!((plain.capacity(), plain.capacity_bytes()), (0, 0));
    plain.extend_from_slice(&[2]).unwrap();
    assert_eq!(plain.download().unwrap(), [2]);
}

on_each_backend!(memory_of_dropped_buffers_is_used_again);
fn memory_of_dropped_buffers_is_used_again<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(1 << 20));
    for round in 0..100_u32 {
        // Three quarters of the limit: two live buffers would exceed it.
        let buffer: Buffer<u32, B> = Buffer::from_slice(&device, "buffer", &vec![round; 3 << 16]).unwrap();
        assert_eq!(buffer.view(5..6).unwrap().download().unwrap(), [round]);
    }
    device.synchronize().unwrap();
    let stats = device.stats();
    assert_eq!((stats.allocations, stats.frees), (100, 100));
    assert_eq!((stats.live_bytes, stats.retired_bytes, stats.lost_bytes), (0, 0, 0));
}

on_each_backend!(buffers_with_a_limit_use_memory_again);
fn buffers_with_a_limit_use_memory_again<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = BufferSpec::new("cells").max(512 << 20);
    let make = || Buffer::<u8, B>::with_capacity(&device, &spec, 8 << 20).unwrap();
    drop(make());
    let before = device.stats();
    for _ in 0..10 {
        drop(make());
    }
    let since = device.stats().since(&before);
    assert_eq!((since.allocations, since.reused, since.driver_calls), (10, 10, 0));
}

on_each_backend!(threads_never_pass_the_limit_together);
fn threads_never_pass_the_limit_together<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(40 * 1_024));
    let granted: Vec<Buffer<u8, B>> = std::thread::scope(|scope| {
        let ask = || {
            (0..20).filter_map(|_| Buffer::with_capacity(&device, "kibibyte", 1_024).ok()).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(granted.len(), 40, "80 were asked for, and 40 fit");
    assert_eq!(device.stats().live_bytes, 40 * 1_024);
    drop(granted);
    device.check_leaks().unwrap();
}

on_each_backend!(specifications_that_cannot_work_are_refused);
fn specifications_that_cannot_work_are_refused<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = || BufferSpec::new("buffer");
    for bad in [
        spec().growth(1.0),
        spec().growth(f64::NAN),
        spec().growth(f64::INFINITY),
        spec().max(3),
        spec().max(8).min(9),
    ] {
        let error = Buffer::<u32, B>::new(&device, bad).unwrap_err();
        assert!(matches!(error, Error::InvalidSpec { .. }), "{error}");
    }
    device.check_leaks().unwrap();
    assert!(matches!(
        Device::builder().memory_limit(0).host(),
        Err(Error::InvalidSpec { key: "memory_limit", .. })
    ));
}

on_each_backend!(an_allocation_waits_for_all_that_is_retired);
fn an_allocation_waits_for_all_that_is_retired<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(9 << 20));
    for _ in 0..10 {
        let large: Buffer<u8, B, Async> =
            Buffer::from_slice(&device, "large", &vec![1; 8 << 20]).unwrap().into_async();
        let tiny: Buffer<u8, B> = Buffer::from_slice(&device, "tiny", &[1]).unwrap();
        let ticket = large.start_download().unwrap();
        // The download reads `large` for longer than any work uses `tiny`, which is retired after it.
        drop((large, tiny));
        drop(Buffer::<u8, B>::with_capacity(&device, "next", 8 << 20).unwrap());
        assert!(ticket.wait().unwrap().iter().all(|byte| *byte == 1));
    }
}

on_each_backend!(the_first_memory_is_taken_once);
fn the_first_memory_is_taken_once<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(1_000));
    let spec = BufferSpec::new("buffer").min(600);
    let buffer: Buffer<u8, B> = Buffer::with_capacity(&device, spec, 700).unwrap();
    assert_eq!((buffer.capacity(), buffer.stats().resizes, device.stats().allocations), (700, 0, 1));
}

on_each_backend!(growing_waits_for_no_kernel);
fn growing_waits_for_no_kernel<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "buffer", &[1; 1_000]).unwrap().into_async();
    let gone: Buffer<u32, B> = Buffer::from_slice(&device, "gone", &[1; 1_000_000]).unwrap();
    drop(gone);
    // From here on no work uses the retired memory, and no call has given it back yet.
    drop(buffer.start_download().unwrap().wait().unwrap());
    let began = Instant::now();
    let busy = Duration::from_millis(300);
    B::occupy(&device, busy);
    buffer.resize(100_000).unwrap();
    assert!(began.elapsed() < busy, "growing took {:?} behind a kernel of {busy:?}", began.elapsed());
    let stats = device.stats();
    assert_eq!((stats.frees, stats.retired_bytes), (2, 0), "what is gone is free in the order of the stream");
    assert_eq!(buffer.view(999..1_001).unwrap().download().unwrap(), [1, 0]);
}

on_each_backend!(a_factor_beyond_all_memory_falls_back_to_the_need);
/// Regression: the factor asked for a capacity that no address can have, so the buffer never grew.
fn a_factor_beyond_all_memory_falls_back_to_the_need<B: TestBackend>(open: Open<'_, B>) {
    for factor in [1e6, 1e300, f64::MAX] {
        for (stable, first) in [(false, 100), (false, 1 << 20), (true, 100)] {
            for limit in [64 << 20, 1 << 40] {
                let what = format!("{factor:e}, stable: {stable}, from {first} on, of {limit}");
                let device = open!(open, Device::builder().memory_limit(limit));
                let spec = BufferSpec::new("buffer").growth(factor);
                let spec = if stable && device.has_virtual_memory() { spec.stable() } else { spec };
                let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, spec, &vec![1; first]).unwrap();
                for step in 1..=3 {
                    buffer.extend_from_slice(&[2; 10]).unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(buffer.len(), first + 10 * step, "{what}");
                }
                assert!(buffer.download().unwrap() == [vec![1; first], vec![2; 30]].concat(), "{what}");
            }
        }
    }
}
