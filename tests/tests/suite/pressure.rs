//! Obstacles to an allocation: callbacks that can free memory, downloads that still read, gaps, and arguments
//! that are refused.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Error, Pressure};
use gpumem_tests::{Random, TestBackend};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;
const UNIT: usize = 2 * MIB;

fn block<B: TestBackend>(device: &Device<B>, bytes: usize) -> Result<Buffer<u8, B>, Error> {
    Buffer::with_capacity(device, "block", bytes)
}

on_each_backend!(pressure_is_told_of_once_and_may_be_relieved);
fn pressure_is_told_of_once_and_may_be_relieved<B: TestBackend>(open: Open<'_, B>) {
    let cache: Arc<Mutex<Vec<Buffer<u8, B>>>> = Arc::default();
    let told: Arc<Mutex<Vec<Pressure>>> = Arc::default();
    let (evict, tell) = (Arc::downgrade(&cache), told.clone());
    let callback = move |pressure: &Pressure| {
        tell.lock().unwrap().push(*pressure);
        if let Some(cache) = evict.upgrade() {
            cache.lock().unwrap().clear();
        }
    };
    let device = open!(open, Device::builder().memory_limit(10 << 20).on_pressure(callback));
    for _ in 0..4 {
        let tile = block(&device, 2 * MIB).unwrap();
        cache.lock().unwrap().push(tile);
    }
    assert!(told.lock().unwrap().is_empty(), "there was room");
    let mesh = block(&device, 5 * MIB).unwrap();
    assert!(cache.lock().unwrap().is_empty());
    {
        let told = std::mem::take(&mut *told.lock().unwrap());
        let [Pressure { requested, live, limit, limited: true, .. }] = told[..] else { panic!("{told:?}") };
        assert_eq!((requested, live, limit), (5 << 20, 8 << 20, 10 << 20));
    }
    // There is nothing left to free: the callback is asked once more, and the error is the same as without
    // it.
    let error = block(&device, 6 * MIB).unwrap_err();
    assert!(matches!(error, Error::DeviceLimit { requested: 0x60_0000, used: 0x50_0000, .. }), "{error}");
    assert_eq!(told.lock().unwrap().len(), 1);
    drop(mesh);
}

on_each_backend!(a_callback_that_allocates_does_not_call_itself);
fn a_callback_that_allocates_does_not_call_itself<B: TestBackend>(open: Open<'_, B>) {
    let device: Arc<Mutex<Option<Device<B>>>> = Arc::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let (inside, count) = (Arc::downgrade(&device), calls.clone());
    let callback = move |_: &Pressure| {
        assert!(count.fetch_add(1, SeqCst) < 10, "it calls itself");
        let device = inside.upgrade().and_then(|device| device.lock().unwrap().clone());
        if let Some(device) = device {
            assert!(matches!(block(&device, 6 * MIB), Err(Error::DeviceLimit { .. })));
            drop(block(&device, 1_000).unwrap());
        }
    };
    let opened = open!(open, Device::builder().memory_limit(8 << 20).on_pressure(callback));
    *device.lock().unwrap() = Some(opened.clone());
    let _most = block(&opened, 4 * MIB).unwrap();
    for call in 1..=2 {
        assert!(block(&opened, 5 * MIB).is_err());
        assert_eq!(calls.load(SeqCst), call);
    }
    *device.lock().unwrap() = None;
}

on_each_backend!(growth_that_can_do_with_less_is_no_pressure);
fn growth_that_can_do_with_less_is_no_pressure<B: TestBackend>(open: Open<'_, B>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let callback = move |_: &Pressure| _ = count.fetch_add(1, SeqCst);
    let device = open!(open, Device::builder().memory_limit(12_000).on_pressure(callback));
    let mut buffer: Buffer<u8, B> = block(&device, 4_900).unwrap();
    buffer.resize(4_900).unwrap();
    buffer.resize(5_000).unwrap();
    assert_eq!(buffer.capacity(), 5_000, "half as much again does not fit beside the old one");
    assert_eq!(calls.load(SeqCst), 0, "and nothing failed");
}

on_each_backend!(memory_that_a_download_reads_is_not_used_again);
fn memory_that_a_download_reads_is_not_used_again<B: TestBackend>(open: Open<'_, B>) {
    for elements in [20_000, 2_500_000] {
        let device = open!(open);
        let data = Random::new(33).vec(elements);
        let old: Buffer<u32, B, Async> = Buffer::from_slice(&device, "old", &data).unwrap().into_async();
        drop(old.start_download().unwrap().wait().unwrap());
        B::occupy(&device, Duration::from_millis(60));
        let ticket = old.start_download().unwrap();
        let bytes = old.capacity_bytes() as u64;
        drop(old);
        let stats = device.stats();
        assert_eq!(
            (stats.retired_bytes, stats.live_bytes),
            (bytes, 0),
            "the download stands behind a kernel"
        );
        // Of the same size, and filled at once.
        let mut new: Buffer<u32, B> = Buffer::with_capacity(&device, "new", elements).unwrap();
        new.resize(elements).unwrap();
        new.fill(1).unwrap();
        assert!(*ticket.wait().unwrap() == data, "{elements}");
        device.synchronize().unwrap();
        assert_eq!(device.stats().retired_bytes, 0);
        assert!(new.download().unwrap().iter().all(|element| *element == 1));
    }
}

on_each_backend!(an_allocation_waits_for_memory_that_a_download_reads);
fn an_allocation_waits_for_memory_that_a_download_reads<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(10 << 20));
    let data = Random::new(34).vec(2 * MIB);
    let busy = Duration::from_millis(60);
    let old: Buffer<u32, B, Async> = Buffer::from_slice(&device, "old", &data).unwrap().into_async();
    drop(old.start_download().unwrap().wait().unwrap());
    let began = Instant::now();
    B::occupy(&device, busy);
    let ticket = old.start_download().unwrap();
    drop(old);
    drop(block(&device, 2 * MIB).unwrap());
    let mut new: Buffer<u32, B> = Buffer::with_capacity(&device, "new", 2 * MIB).unwrap();
    assert!(began.elapsed() >= busy, "8 MiB beside 8 MiB would be past the limit of 10 MiB");
    new.resize(2 * MIB).unwrap();
    assert!(*ticket.wait().unwrap() == data);
}

on_each_backend!(defragmenting_joins_and_gives_back);
fn defragmenting_joins_and_gives_back<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut small: Vec<Buffer<u32, B>> =
        (0..400).map(|index| Buffer::from_slice(&device, "small", &[index; 10_000]).unwrap()).collect();
    let large: Buffer<u32, B> = Buffer::from_slice(&device, "large", &[8; 1_000_000]).unwrap();
    drop(block(&device, 9 * MIB).unwrap());
    // Every second buffer is dropped first, which leaves free pieces between live ones. Then all but the
    // first are dropped.
    let mut indices = 0..;
    small.retain(|_| indices.next().is_some_and(|index: u32| index.is_multiple_of(2)));
    let places: Vec<u64> = small.iter().map(B::address).collect();
    let (before, after) = device.defragment().unwrap();
    assert_eq!((before.live, after.live), (device.stats().live_bytes, device.stats().live_bytes));
    assert!(before.held - after.held >= 9 << 20, "{before:?}, {after:?}");
    assert_eq!(after.held, device.stats().held_bytes);
    assert!(after.free_pieces >= 100, "{before:?}, {after:?}");
    for (index, (buffer, place)) in small.iter().zip(places).enumerate() {
        assert_eq!(B::address(buffer), place);
        assert!(buffer.download().unwrap() == vec![2 * u32::try_from(index).unwrap(); 10_000]);
    }
    small.truncate(1);
    let (before, after) = device.defragment().unwrap();
    let most = large.capacity_bytes().next_multiple_of(UNIT) + 16 * UNIT;
    assert!(after.held < before.held && after.held <= most as u64, "{before:?}, {after:?}");
    assert!(after.free_pieces < 100 && after.free_pieces >= 1, "{after:?}");
    assert!(small[0].download().unwrap() == vec![0; 10_000]);
    assert!(large.download().unwrap() == vec![8; 1_000_000]);
}

on_each_backend!(a_memory_report_includes_the_caches_of_threads);
fn a_memory_report_includes_the_caches_of_threads<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    drop(block(&device, 9 * MIB).unwrap());
    let (before, after) = device.defragment().unwrap();
    let bytes = (9 * MIB).next_multiple_of(UNIT * usize::from(device.has_virtual_memory()).max(1)) as u64;
    assert!(before.held >= bytes && before.live == 0, "{before:?}");
    assert_eq!((before.largest_free, before.free_pieces), (before.held, 1), "it lies there for the next one");
    assert_eq!((after.held, after.live, after.largest_free, after.free_pieces), (0, 0, 0, 0));
}

on_each_backend!(bad_sizes_and_growth_are_refused_with_their_figures);
fn bad_sizes_and_growth_are_refused_with_their_figures<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(16 << 20));
    let spec = BufferSpec::new("buffer").max(4 << 20);
    let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, &spec, &[1, 2, 3]).unwrap();
    let before = device.stats();
    for count in [usize::MAX, usize::MAX / 4, usize::MAX / 8 + 1] {
        let errors = [
            buffer.resize(count).unwrap_err(),
            buffer.reserve(count).unwrap_err(),
            Buffer::<u32, B>::with_capacity(&device, "new", count).unwrap_err(),
            Buffer::<u32, B>::with_capacity(&device, BufferSpec::new("new").stable().max(64), count)
                .unwrap_err(),
        ];
        for error in errors {
            let Error::SizeOverflow { elements, element_size: 4, .. } = error else { panic!("{error}") };
            assert!(elements >= count, "{error}");
        }
    }
    let error = buffer.resize(MIB + 1).unwrap_err();
    assert!(matches!(error, Error::BufferLimit { requested: 4_194_308, limit: 4_194_304, .. }), "{error}");
    assert_eq!(error.to_string(), "buffer `buffer` needs 4.00 MiB (4194308 bytes), and its `max` is 4 MiB");
    let error = Buffer::<u32, B>::with_capacity(&device, "new", 4 * MIB + 1).unwrap_err();
    assert!(
        matches!(error, Error::DeviceLimit { requested: 16_777_220, used: 12, limit: 16_777_216, .. }),
        "{error}"
    );
    for growth in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, 0.0, -3.0] {
        let error = Buffer::<u32, B>::new(&device, spec.clone().growth(growth)).unwrap_err();
        let Error::InvalidSpec { key: "growth", value, .. } = &error else { panic!("{error}") };
        assert_eq!(*value, growth.to_string());
    }
    let error = Buffer::<u32, B>::new(&device, spec.min(5 << 20)).unwrap_err();
    assert!(matches!(error, Error::InvalidSpec { key: "min", .. }), "{error}");
    let after = device.stats();
    assert_eq!((after.live_buffers, after.live_bytes, after.held_bytes), (1, 12, before.held_bytes));
    assert_eq!((after.allocations, after.driver_calls), (before.allocations, before.driver_calls));
    assert_eq!((buffer.capacity(), buffer.download().unwrap()), (3, vec![1, 2, 3]));
}

on_each_backend!(bad_settings_of_a_device_are_refused_with_their_figures);
fn bad_settings_of_a_device_are_refused_with_their_figures<B: TestBackend>(open: Open<'_, B>) {
    let builder = Device::builder;
    let refused = [
        (builder().overhead(f64::NAN), "overhead", "NaN"),
        (builder().overhead(-0.5), "overhead", "-0.5"),
        (builder().overhead(f64::INFINITY), "overhead", "inf"),
        (builder().retain_for(Duration::ZERO), "retain_for", "0"),
        (builder().memory_limit(0), "memory_limit", "0"),
    ];
    for (builder, expected, text) in refused {
        let error = builder.host().unwrap_err();
        let Error::InvalidSpec { key, value, .. } = &error else { panic!("{error}") };
        assert_eq!((*key, value.as_str()), (expected, text));
    }
    open!(open, builder().overhead(0.0).retain(0)).close().unwrap();
}
