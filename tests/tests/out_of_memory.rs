//! The host's driver has no memory: each call fails once, or all calls fail. Nothing is changed or lost, and
//! all memory can still be given back.

use gpumem::testing::Faults;
use gpumem::{Buffer, BufferSpec, Device, Error, Pressure};
use gpumem_tests::Random;
use std::ops::Range;
use std::sync::{Arc, Mutex};

const MIB: usize = 1 << 20;

type Operation = fn(&mut Buffer<u32>) -> Result<(), Error>;

/// Checks the figures in the error of an allocation that the driver refused.
fn check_figures(device: &Device, error: &Error) {
    let Error::OutOfMemory { buffer, requested, live, retired, retained, largest_free, free } = error else {
        panic!("{error}")
    };
    assert_eq!((buffer.name(), *requested), ("huge", 100 << 20));
    assert_eq!((*live, *retired), ((4 << 20) + 400, 0));
    // The 32 MiB went back before the allocation failed. The slab of 2 MiB stays, because the small buffer
    // lies in it.
    assert_eq!(device.stats().held_bytes, 6 << 20);
    assert_eq!(*retained, (2 << 20) - 400);
    assert!((1 << 20..*retained).contains(largest_free), "{largest_free}");
    assert_eq!(free.is_some(), device.memory_info().unwrap().free.is_some());
}

/// Checks the same figures in the text.
fn check_text(text: &str) {
    let begin =
        "out of memory: buffer `huge` asked for 100 MiB; live buffers hold 4.00 MiB (4194704 bytes), ";
    assert!(text.starts_with(begin), "{text}");
    let rest =
        "transfers 0 bytes more; 2.00 MiB (2096752 bytes) are retained, of which the largest free piece has ";
    assert!(text.contains(rest), "{text}");
}

#[test]
fn the_error_has_the_figures_and_nothing_has_changed() {
    let faults = Faults::new();
    let device = Device::builder().memory_limit(1 << 40).faults(&faults).host().unwrap();
    let data = Random::new(41).vec(MIB);
    let mut large: Buffer<u32> = Buffer::from_slice(&device, "large", &data).unwrap();
    let mut small: Buffer<u32> = Buffer::from_slice(&device, "small", &data[..100]).unwrap();
    drop(Buffer::<u8>::with_capacity(&device, "free", 32 * MIB).unwrap());
    drop(Buffer::<u8>::with_capacity(&device, "free", 30_000).unwrap());
    assert!(device.stats().retained_bytes > 32 << 20);
    faults.fail_driver(0..usize::MAX);
    let huge = || Buffer::<u8>::with_capacity(&device, "huge", 100 * MIB).unwrap_err();
    check_figures(&device, &huge());
    check_text(&huge().to_string());
    let failed = [
        large.reserve(4 * MIB),
        large.resize(MIB + 1),
        large.extend_from_slice(&[1]),
        small.resize(MIB),
        small.upload(&data),
        small.copy_from(&large),
        Buffer::<u8>::with_capacity(&device, BufferSpec::new("stable").stable(), 1).map(|_| ()),
    ];
    for (index, result) in failed.into_iter().enumerate() {
        assert!(matches!(result, Err(Error::OutOfMemory { .. })), "{index}: {result:?}");
    }
    // Memory of the slab can still be allocated.
    small.resize(100_000).unwrap();
    small.truncate(100);
    small.shrink_to_fit().unwrap();
    assert_eq!((large.len(), large.capacity(), small.len(), small.capacity()), (MIB, MIB, 100, 100));
    assert!(large.download().unwrap() == data && small.download().unwrap() == data[..100]);
    let stats = device.stats();
    assert_eq!((stats.live_buffers, stats.live_bytes, stats.lost_bytes), (2, (4 << 20) + 400, 0));
    let _ = faults.stop();
    large.resize(3 * MIB).unwrap();
    assert!(large.view(..MIB).unwrap().download().unwrap() == data);
    drop((large, small));
    device.trim(0).unwrap();
    assert_eq!((device.stats().held_bytes, device.stats().live_bytes), (0, 0));
}

const OPERATIONS: [(&str, Operation); 8] = [
    ("grow", |buffer| buffer.resize(5 * MIB)),
    ("grow by the factor", |buffer| buffer.extend_from_slice(&[1; 10])),
    ("upload more", |buffer| buffer.upload(&[3; 4 * MIB])),
    ("another", |buffer| Buffer::<u32>::with_capacity(buffer.device(), "another", 3 * MIB).map(|_| ())),
    ("an assembled one", |buffer| {
        let device = buffer.device().clone();
        let make = |mib: usize| Buffer::<u8>::with_capacity(&device, "one", mib * MIB);
        let (first, second, third) = (make(20)?, make(20)?, make(20)?);
        drop((first, second, third));
        device.synchronize()?;
        make(50).map(|_| ())
    }),
    ("many small ones", |buffer| {
        let make = |_| Buffer::<u8>::with_capacity(buffer.device(), "small", 300_000);
        (0..40).map(make).collect::<Result<Vec<_>, _>>().map(|_| ())
    }),
    ("a stable one that grows", |buffer| {
        let spec = BufferSpec::new("stable").stable().max(64 << 20);
        let mut stable: Buffer<u32> = Buffer::new(buffer.device(), spec)?;
        for mib in 1..10 {
            stable.resize(mib * MIB)?;
        }
        Ok(())
    }),
    ("shrink", |buffer| {
        buffer.truncate(100);
        buffer.shrink_to_fit()
    }),
];

#[test]
fn every_call_to_the_driver_may_fail() {
    for (name, operation) in OPERATIONS {
        // If one call fails, retained memory goes back and the second attempt succeeds. If several in a row
        // fail, the operation may fail.
        for in_a_row in [1, 2, 4] {
            let (mut has_failed, mut call) = (false, 0);
            loop {
                let attempt = fail_calls(name, operation, call..call + in_a_row);
                has_failed |= attempt.has_failed;
                if call > attempt.driver_calls + 4 {
                    break;
                }
                call += 1;
                assert!(call < 1_000, "{name} never ends");
            }
            assert!(has_failed || in_a_row < 4 || name == "shrink", "{name} never failed");
        }
    }
}

/// The outcome of an operation in which calls to the driver failed.
struct Attempt {
    has_failed: bool,
    driver_calls: usize,
}

fn fail_calls(name: &str, operation: Operation, calls: Range<usize>) -> Attempt {
    let faults = Faults::new();
    let device = Device::builder().overhead(0.0).memory_limit(80 << 20).faults(&faults).host().unwrap();
    let data = Random::new(42).vec(MIB);
    let mut buffer: Buffer<u32> = Buffer::from_slice(&device, "buffer", &data).unwrap();
    drop(Buffer::<u8>::with_capacity(&device, "free", 6 * MIB).unwrap());
    let before = device.stats().driver_calls;
    let what = format!("{name}, the calls {calls:?}");
    let one = calls.len() == 1;
    faults.fail_driver(calls);
    let result = operation(&mut buffer);
    let _ = faults.stop();
    let driver_calls = usize::try_from(device.stats().driver_calls - before).unwrap();
    let has_failed = result.is_err();
    match result {
        Ok(()) if buffer.len() < MIB => {}
        Ok(()) => {
            let is_kept = || buffer.view(..MIB).unwrap().download().unwrap() == data;
            assert!(buffer.len() == 4 * MIB || is_kept(), "{what}");
        }
        Err(Error::OutOfMemory { .. }) if !one => {
            let len = if name == "shrink" { 100 } else { MIB };
            assert_eq!((buffer.len(), buffer.capacity()), (len, MIB), "{what}");
            assert!(buffer.download().unwrap() == data[..len], "{what}");
        }
        Err(error) => panic!("{what}: {error}"),
    }
    let stats = device.stats();
    assert_eq!((stats.live_buffers, stats.lost_bytes), (1, 0), "{what}");
    assert_eq!(stats.live_bytes, buffer.capacity_bytes() as u64, "{what}");
    // The buffer still works.
    buffer.resize(2 * MIB).unwrap();
    drop(buffer);
    device.trim(0).unwrap();
    let stats = device.stats();
    assert_eq!((stats.live_bytes, stats.held_bytes, stats.retained_bytes), (0, 0, 0), "{what}");
    device.close().unwrap();
    Attempt { has_failed, driver_calls }
}

#[test]
fn the_application_is_asked_before_it_fails() {
    let faults = Faults::new();
    let told: Arc<Mutex<Vec<Pressure>>> = Arc::default();
    let cache: Arc<Mutex<Vec<Buffer<u8>>>> = Arc::default();
    let (tell, stop, evict) = (told.clone(), faults.clone(), Arc::downgrade(&cache));
    let callback = move |pressure: &Pressure| {
        tell.lock().unwrap().push(*pressure);
        if let Some(cache) = evict.upgrade() {
            let freed = std::mem::take(&mut *cache.lock().unwrap());
            // As if the freed memory was enough.
            if !freed.is_empty() {
                let _ = stop.stop();
            }
        }
    };
    let device =
        Device::builder().memory_limit(1 << 40).faults(&faults).on_pressure(callback).host().unwrap();
    cache.lock().unwrap().push(Buffer::with_capacity(&device, "tile", 8 * MIB).unwrap());
    faults.fail_driver(0..usize::MAX);
    let made: Buffer<u8> = Buffer::with_capacity(&device, "made", 9 * MIB).unwrap();
    {
        let told = std::mem::take(&mut *told.lock().unwrap());
        let [Pressure { requested, live, limited: false, .. }] = told[..] else { panic!("{told:?}") };
        assert_eq!((requested, live), (9 << 20, 8 << 20));
    }
    assert_eq!((device.stats().live_bytes, device.stats().held_bytes), (9 << 20, 10 << 20));
    faults.fail_driver(0..usize::MAX);
    let error = Buffer::<u8>::with_capacity(&device, "next", 9 * MIB).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { requested: 0x90_0000, live: 0x90_0000, .. }), "{error}");
    assert_eq!(told.lock().unwrap().len(), 1, "it freed nothing, and was asked once");
    drop(made);
}

#[test]
fn failing_again_and_again_keeps_no_addresses() {
    // Each attempt reserves a TiB of addresses. There are 128 TiB.
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    if !device.has_virtual_memory() {
        return;
    }
    let spec = BufferSpec::new("buffer").stable().max(1 << 40);
    for _ in 0..200 {
        faults.fail_driver(0..usize::MAX);
        assert!(matches!(Buffer::<u32>::with_capacity(&device, &spec, 1), Err(Error::OutOfMemory { .. })));
        let _ = faults.stop();
        device.trim(0).unwrap();
    }
    let mut buffer: Buffer<u32> = Buffer::from_slice(&device, spec, &[1]).unwrap();
    let address = buffer.host_slice().unwrap().as_ptr();
    buffer.resize(3 * MIB).unwrap();
    assert_eq!(buffer.host_slice().unwrap().as_ptr(), address);
}

/// Regression: a chunk was mapped at the end of a live buffer before the next chunk was refused. It stayed
/// there, and no operation could give it back.
#[test]
fn growth_that_fails_half_way_keeps_nothing_at_the_end_of_the_buffer() {
    let faults = Faults::new();
    let device = Device::builder().memory_limit(300 << 20).overhead(0.0).faults(&faults).host().unwrap();
    if !device.has_virtual_memory() {
        return;
    }
    let mut buffer: Buffer<u8> = Buffer::from_slice(&device, "buffer", &[7; 4 * MIB]).unwrap();
    // The memory is never written, so it costs addresses only.
    drop(Buffer::<u8>::with_capacity(&device, "free", 260 * MIB).unwrap());
    // The free chunk is mapped at the end of the buffer, and the driver refuses the rest.
    faults.fail_driver(1..usize::MAX);
    let error = buffer.reserve(290 * MIB).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    let _ = faults.stop();
    device.trim(0).unwrap();
    let stats = device.stats();
    assert_eq!((stats.held_bytes, stats.live_bytes), (4 << 20, 4 << 20), "{stats:?}");
    assert!(buffer.download().unwrap() == [7; 4 * MIB]);
}
