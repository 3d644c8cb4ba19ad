//! Every call to the backend fails once. After any operation the buffer is as before.

use gpumem::named::{BufferConfig, NamedBuffers};
use gpumem::testing::{Faults, SlowBus};
use gpumem::{Async, Buffer, BufferSpec, Device, Error, GpuBuffers, Host, SetStats, Stream};
use std::time::Duration;

type Frame = Buffer<[u32; 3], Host, Async>;
type Operation = fn(&mut Frame, &Buffer<[u32; 3]>) -> Result<(), Error>;

const DATA: [[u32; 3]; 100] = [[1, 2, 3]; 100];

const OPERATIONS: [(&str, Operation); 27] = [
    ("resize", |buffer, _| buffer.resize(1_000)),
    ("resize within the capacity", |buffer, _| {
        buffer.truncate(100);
        buffer.resize(120)
    }),
    ("reserve", |buffer, _| buffer.reserve(1_000)),
    ("shrink", |buffer, _| buffer.shrink_to_fit()),
    ("upload more", |buffer, _| buffer.upload(&[[7; 3]; 1_000])),
    ("upload less", |buffer, _| buffer.upload(&[[7; 3]; 10])),
    ("write", |buffer, _| buffer.write(5, &[[7; 3]; 10])),
    ("stage and replace by more", |buffer, _| {
        let mut stage = buffer.stage(1_000)?;
        stage.fill([7; 3]);
        stage.commit().map(drop)
    }),
    ("stage and replace by less", |buffer, _| {
        let mut stage = buffer.stage(10)?;
        stage.fill([7; 3]);
        stage.commit()?.wait()
    }),
    ("stage and write", |buffer, _| {
        let mut stage = buffer.stage(10)?;
        stage.fill([7; 3]);
        stage.commit_at(5).map(drop)
    }),
    ("stage and append", |buffer, _| {
        let mut stage = buffer.stage(1_000)?;
        stage.fill([7; 3]);
        stage.append()?.wait()
    }),
    ("extend", |buffer, _| buffer.extend_from_slice(&[[7; 3]; 1_000])),
    ("fill", |buffer, _| buffer.fill([7; 3])),
    ("copy", |buffer, other| buffer.copy_from(other)),
    ("copy to a view", |buffer, other| buffer.view_mut(..5)?.copy_from(&other.view(3..8)?)),
    ("append a view", |buffer, other| buffer.extend_from_view(&other.view(3..)?)),
    ("copy within", |buffer, _| buffer.copy_within(..50, 50)),
    ("copy within by one", |buffer, _| buffer.copy_within(1.., 0)),
    ("remove", |buffer, _| buffer.swap_remove(3)),
    ("clone", |buffer, _| buffer.clone_on_device().map(drop)),
    ("make by a function", |buffer, _| {
        Buffer::from_fn(buffer.device(), "another", 100, |_| [7; 3]).map(drop)
    }),
    ("download", |buffer, _| buffer.download().map(|data| assert_eq!(data, DATA))),
    ("start a download", |buffer, _| buffer.start_download()?.wait().map(|data| assert_eq!(*data, DATA))),
    ("slice", |buffer, _| buffer.host_slice().map(|data| assert_eq!(data, DATA))),
    ("write while a download runs", |buffer, _| {
        let running = buffer.start_download()?;
        let written = buffer.write(0, &[[8; 3]]);
        assert_eq!(*running.wait()?, DATA);
        written
    }),
    ("make another", |buffer, _| Buffer::from_slice(buffer.device(), "another", &DATA).map(|_| ())),
    ("make one with a minimum", |buffer, _| {
        Buffer::<[u32; 3]>::new(buffer.device(), BufferSpec::new("another").min(100)).map(|_| ())
    }),
];

#[test]
fn a_failed_operation_leaves_the_buffer_as_it_was() {
    for (name, operation) in OPERATIONS {
        let (mut failures, mut call) = (0, 0);
        while let Some(has_failed) = fail_one_call(name, operation, call) {
            failures += u32::from(has_failed);
            call += 1;
        }
        let least = u32::from(name != "slice");
        assert!(failures >= least, "{name} never failed: the test tests nothing");
    }
}

/// Runs an operation in which one call to the backend fails. Returns whether the operation failed too; `None`
/// if it has no such call.
fn fail_one_call(name: &str, operation: Operation, call: usize) -> Option<bool> {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    let mut buffer: Frame = Buffer::with_capacity(&device, "buffer", 150).unwrap().into_async();
    buffer.extend_from_slice(&DATA).unwrap();
    let other = Buffer::from_slice(&device, "other", &[[9; 3]; 200]).unwrap();
    let before = (buffer.len(), buffer.capacity(), device.stats().live_buffers);
    device.synchronize().unwrap();

    faults.fail_at(call);
    let result = operation(&mut buffer, &other);
    let failed = faults.stop();
    let Err(error) = result else {
        // The one case that may go on: growth by the factor failed, and the exact need was granted.
        let is_told = !failed || buffer.capacity() == buffer.len();
        assert!(is_told, "{name}: call {call} failed, and the caller was not told");
        return failed.then_some(false);
    };
    assert!(failed, "{name}: {error}");
    let what = format!("{name}, call {call}: {error}");
    let after = (buffer.len(), buffer.capacity(), device.stats().live_buffers);
    assert_eq!((after.0, after.2), (before.0, before.2), "{what}");
    if matches!(error, Error::OutOfMemory { .. } | Error::OutOfPinnedMemory { .. }) {
        assert_eq!(after.1, before.1, "{what}");
    }
    assert_eq!(buffer.download().unwrap(), DATA, "{what}");
    // The buffer still works.
    buffer.extend_from_slice(&DATA).unwrap();
    assert_eq!(buffer.download().unwrap(), [DATA, DATA].concat(), "{what}");
    drop((buffer, other));
    device.synchronize().unwrap();
    assert_eq!(device.stats().lost_bytes, 0, "{what}: what was refused uses no memory");
    assert_eq!((device.stats().live_bytes, device.stats().retired_bytes), (0, 0), "{what}");
    Some(true)
}

/// Allocates a buffer by name, and starts its download, while one call to the backend fails. Returns which of
/// both failed; `None` if there is no such call.
fn fail_one_call_by_name(call: usize) -> Option<[bool; 2]> {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    let mut buffers = NamedBuffers::new(&device);
    let config = BufferConfig { enable_async: true, ..BufferConfig::of::<u32>() };
    let first = buffers.allocate::<u32>("first", 10, config).unwrap();
    device.synchronize().unwrap();
    let before = device.stats().live_bytes;

    faults.fail_at(call);
    let allocated = buffers.allocate::<u32>("second", 1 << 20, config);
    if allocated.is_err() {
        assert!(faults.stop(), "call {call}: {allocated:?}");
        assert_eq!((buffers.len(), buffers.contains("second")), (1, false), "call {call}");
        assert_eq!(device.stats().live_bytes, before, "call {call}");
        buffers.allocate::<u32>("second", 1 << 20, config).unwrap();
    }
    let started = buffers.start_async_download::<u32>("second");
    let failed = faults.stop();
    if started.is_err() {
        let none = buffers.wait_for_download::<u32>("second").unwrap_err();
        assert!(matches!(none, Error::NoDownload { .. }), "call {call}: {none}");
        buffers.start_async_download::<u32>("second").unwrap();
    }
    assert!(buffers.wait_for_download::<u32>("second").unwrap().iter().all(|element| *element == 0));
    assert_eq!(buffers.at(first).unwrap().download().unwrap(), [0; 10]);
    let failures = [allocated.is_err(), started.is_err()];
    (failed || failures[0]).then_some(failures)
}

#[test]
fn a_failed_operation_by_name_leaves_no_name_and_no_download() {
    let failures: Vec<[bool; 2]> = (0..).map_while(fail_one_call_by_name).collect();
    assert!(failures.iter().any(|[allocation, _]| *allocation), "no allocation failed: {failures:?}");
    assert!(failures.iter().any(|[_, download]| *download), "no download failed: {failures:?}");
}

#[test]
fn a_large_transfer_that_fails_half_way_leaves_no_trace_in_memory() {
    type Large = Buffer<u32>;
    type Transfer = fn(&mut Large, &[u32]) -> Result<(), Error>;
    let data: Vec<u32> = (0..3 << 20).collect();
    let operations: [(&str, Transfer); 4] = [
        ("upload", Large::upload),
        ("write", |buffer, data| buffer.write(0, data)),
        ("extend", Large::extend_from_slice),
        ("download", |buffer, data| buffer.download().map(|there| assert!(there.len() == data.len()))),
    ];
    for (name, operation) in operations {
        let mut failures = 0;
        for call in 0.. {
            let faults = Faults::new();
            let device = Device::builder().faults(&faults).host().unwrap();
            let mut buffer: Large = Buffer::from_slice(&device, "buffer", &data).unwrap();
            device.synchronize().unwrap();
            device.trim(0).unwrap();
            faults.fail_at(call);
            let result = operation(&mut buffer, &data);
            let failed = faults.stop();
            match result {
                Ok(()) if !failed => break,
                // The transfer used less pinned memory than is best.
                Ok(()) => {}
                Err(error) => {
                    assert!(failed, "{name}: {error}");
                    failures += 1;
                    assert_eq!(buffer.len(), data.len(), "{name}, call {call}: {error}");
                }
            }
            // The buffer still works, and no late piece of the first attempt arrives.
            buffer.upload(&data).unwrap();
            assert!(buffer.download().unwrap() == data, "{name}, call {call}");
            drop(buffer);
            device.synchronize().unwrap();
            let stats = device.stats();
            assert_eq!(
                (stats.live_bytes, stats.retired_bytes, stats.lost_bytes),
                (0, 0, 0),
                "{name}, call {call}"
            );
            device.close().unwrap();
        }
        assert!(failures > 4, "{name} failed {failures} times only");
    }
}

#[test]
fn a_device_that_fails_during_a_large_transfer_ends_it() {
    let data = vec![1_u32; 8 << 20];
    let device = Device::host();
    let mut buffer: Buffer<u32> = Buffer::from_slice(&device, "buffer", &data).unwrap();
    let fail = || {
        std::thread::sleep(std::time::Duration::from_millis(5));
        panic!("planted");
    };
    device.launch((), move |()| fail()).unwrap();
    // The pieces wait for the kernel. They are more than there is pinned memory for.
    let error = buffer.upload(&data).unwrap_err();
    assert!(matches!(error, Error::DeviceFailed { .. }), "{error}");
    let error = buffer.download().unwrap_err();
    assert!(matches!(error, Error::DeviceFailed { .. }), "{error}");
    drop(buffer);
    assert!(device.check_leaks().is_err());
}

#[derive(GpuBuffers, Default)]
struct Pair {
    #[buffer(async)]
    first: Vec<u32>,
    second: Vec<u64>,
}

#[test]
fn a_failed_operation_leaves_the_whole_set_as_it_was() {
    let host = Pair { first: vec![1; 10], second: vec![2; 20] };
    for call in 0.. {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        faults.fail_at(call);
        let result = host.upload(&device);
        if !faults.stop() {
            break;
        }
        assert!(result.is_err());
        device.synchronize().unwrap();
        let stats = device.stats();
        assert_eq!((stats.live_buffers, stats.live_bytes, stats.retired_bytes), (0, 0, 0), "call {call}");
    }
    let more = Pair { first: vec![3; 1_000], second: vec![4; 1_000] };
    for call in 0..4 {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        let mut gpu = host.upload(&device).unwrap();
        let before = (figures(&gpu), device.stats().live_bytes);
        faults.fail_at(call);
        let result = gpu.upload_from(&more);
        assert!(
            faults.stop() && result.is_err(),
            "call {call}: memory and pinned memory for each of the two"
        );
        device.synchronize().unwrap();
        assert_eq!((figures(&gpu), device.stats().live_bytes), before, "call {call}");
        let down = gpu.download().unwrap();
        assert_eq!((down.first, down.second), (vec![1; 10], vec![2; 20]), "call {call}");
    }
    for call in 0..2 {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        let mut gpu = host.upload(&device).unwrap();
        let before = (figures(&gpu), device.stats().live_bytes);
        faults.fail_at(call);
        let error = gpu.resize(PairLengths { first: 1_000, second: 1_000 }).unwrap_err();
        assert!(faults.stop() && matches!(error, Error::OutOfMemory { .. }), "call {call}: {error}");
        device.synchronize().unwrap();
        assert_eq!((figures(&gpu), device.stats().live_bytes), before, "call {call}");
        let down = gpu.download().unwrap();
        assert_eq!((down.first, down.second), (vec![1; 10], vec![2; 20]));
    }
}

/// The statistics of a set. An attempt that fails is a use of its buffers too.
fn figures(gpu: &PairBuffers) -> SetStats {
    let mut stats = gpu.stats();
    stats.buffers.iter_mut().for_each(|buffer| buffer.last_use = None);
    stats
}

#[test]
fn a_failed_append_or_copy_leaves_the_whole_set_as_it_was() {
    let host = Pair { first: vec![1; 10], second: vec![2; 20] };
    let more = Pair { first: vec![3; 1_000], second: vec![4; 1_000] };
    type Operation = fn(&mut PairBuffers, &PairBuffers, &Pair) -> Result<(), Error>;
    let operations: [(Operation, usize); 2] =
        [(|gpu, _, more| gpu.extend_from(more), 4), (|gpu, other, _| gpu.copy_from(other), 2)];
    for (number, (operation, calls)) in operations.into_iter().enumerate() {
        for call in 0..calls {
            let faults = Faults::new();
            let device = Device::builder().faults(&faults).host().unwrap();
            let mut gpu = host.upload(&device).unwrap();
            let other = more.upload(&device).unwrap();
            device.synchronize().unwrap();
            let before = (figures(&gpu), device.stats().live_bytes);
            faults.fail_at(call);
            let result = operation(&mut gpu, &other, &more);
            assert!(faults.stop() && result.is_err(), "operation {number}, call {call}");
            device.synchronize().unwrap();
            assert_eq!((figures(&gpu), device.stats().live_bytes), before, "operation {number}, call {call}");
            let down = gpu.download().unwrap();
            assert_eq!(
                (down.first, down.second),
                (vec![1; 10], vec![2; 20]),
                "operation {number}, call {call}"
            );
        }
    }
}

type Selected = Buffer<u32, Host, Async>;

/// A plain buffer and a snapshot buffer. [`download`] selects both, in part and as a whole, and an empty
/// part.
fn selected(device: &Device) -> (Selected, Selected) {
    let make =
        |spec: BufferSpec, value| Buffer::from_slice(device, spec, &[value; 100]).unwrap().into_async();
    (make(BufferSpec::new("plain"), 1), make(BufferSpec::new("copied").snapshot(), 2))
}

fn download(plain: &Selected, copied: &Selected) -> Result<(), Error> {
    let device = plain.device();
    let parts = (plain.view(..50)?, copied, plain.view(7..7)?, copied.view(90..)?, plain);
    let (half, all, none, end, whole) = device.start_downloads(parts)?.wait()?;
    assert_eq!((half.len(), none.len(), &*whole), (50, 0, &[1; 100][..]));
    assert_eq!((&*all, &*end), (&[2; 100][..], &[2; 10][..]));
    Ok(())
}

#[test]
fn a_selection_that_fails_leaves_its_buffers_as_they_were() {
    let mut failures = 0;
    for call in 0.. {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        let (mut plain, mut copied) = selected(&device);
        device.synchronize().unwrap();
        let live = device.stats().live_bytes;
        faults.fail_at(call);
        let result = download(&plain, &copied);
        if !faults.stop() {
            result.unwrap();
            break;
        }
        let error = result.expect_err("a call failed, and the caller was not told");
        failures += 1;
        assert_eq!(device.stats().async_downloads, 0, "call {call}: {error}");
        assert_eq!((plain.stats().slots_taken, copied.stats().slots_taken), (0, 0), "call {call}: {error}");
        if matches!(error, Error::OutOfMemory { .. } | Error::OutOfPinnedMemory { .. }) {
            let stats = (copied.stats().staging_bytes, device.stats().live_bytes);
            assert_eq!(stats, (0, live), "call {call}: {error}");
        }
        // Both buffers still work, and the copies that were queued change nothing.
        plain.fill(1).unwrap();
        copied.fill(2).unwrap();
        for _ in 0..3 {
            download(&plain, &copied).unwrap();
        }
        drop((plain, copied));
        device.synchronize().unwrap();
        let stats = device.stats();
        assert_eq!(
            (stats.live_bytes, stats.retired_bytes, stats.lost_bytes),
            (0, 0, 0),
            "call {call}: {error}"
        );
        device.close().unwrap();
    }
    // Two blocks of pinned memory, in addition to those of the uploads, and two staging copies. Then two
    // copies on the device, one wait, and four copies to the host.
    assert_eq!(failures, 2 + 2 + 2 + 1 + 4);
}

/// If the downloads were started one by one, each would wait for the compute stream by itself, and other work
/// could run in between.
#[test]
fn a_frame_waits_once_for_the_compute_stream() {
    for parts in 1..=4 {
        let calls = (0..).find(|call| {
            let faults = Faults::new();
            let device = Device::builder().faults(&faults).host().unwrap();
            let (plain, _) = selected(&device);
            let spec = BufferSpec::new("another").slots(4);
            let another: Selected = Buffer::from_slice(&device, spec, &[3; 10]).unwrap().into_async();
            let start = || match parts {
                1 => device.start_downloads((&plain,)).and_then(|ticket| ticket.wait().map(drop)),
                2 => device.start_downloads((&plain, &another)).and_then(|ticket| ticket.wait().map(drop)),
                3 => device
                    .start_downloads((&plain, &another, &another))
                    .and_then(|ticket| ticket.wait().map(drop)),
                _ => device
                    .start_downloads((&plain, &another, &another, &plain))
                    .and_then(|ticket| ticket.wait().map(drop)),
            };
            // From the second time on, there is pinned memory.
            start().unwrap();
            faults.fail_at(*call);
            let result = start();
            let failed = faults.stop();
            assert_eq!(result.is_err(), failed);
            !failed
        });
        // One wait, and one copy per part.
        assert_eq!(calls, Some(1 + parts), "{parts} parts");
    }
}

/// The elements that a download showed, and the value that they should have.
type Seen = (Vec<u32>, u32);

/// Runs kernels and downloads of a bound buffer, all of whose elements are `at`. Returns how that went, and
/// how the binding ended.
fn bound(
    numbers: &mut Selected,
    stream: &Stream<Host>,
    at: &mut u32,
    seen: &mut Vec<Seen>,
) -> [Result<(), Error>; 2] {
    let device = numbers.device().clone();
    let mut tickets = Vec::new();
    let mut bound = match numbers.bind(stream) {
        Ok(bound) => bound,
        Err(error) => return [Err(error), Ok(())],
    };
    let mut work = || {
        for round in 0..3 {
            for _ in 0..2 {
                let kernel = |(numbers,): (&mut [u32],)| {
                    std::thread::sleep(Duration::from_micros(300));
                    numbers.iter_mut().for_each(|number| *number += 1);
                };
                device.launch_on(stream, (&mut bound,), kernel)?;
                *at += 1;
                let ticket = bound.start_download()?;
                if round != 1 {
                    tickets.push((ticket, *at));
                }
                // The host does not wait for the first of each two before the next kernel is queued. Only
                // that kernel waits for it.
                if tickets.len() == 2 {
                    let (ticket, at) = tickets.remove(0);
                    seen.push((ticket.wait()?.to_vec(), at));
                }
            }
            if round == 1 {
                bound.buffer()?.reserve(100_000)?;
                seen.push((bound.buffer()?.download()?, *at));
                bound.buffer()?.fill(100)?;
                *at = 100;
            }
        }
        Ok(())
    };
    let result = work();
    let end = bound.finish();
    let arrived = tickets.into_iter().filter_map(|(ticket, at)| Some((ticket.wait().ok()?.to_vec(), at)));
    seen.extend(arrived);
    [result, end]
}

#[test]
fn a_bound_buffer_that_fails_is_not_torn_and_not_written_afterwards() {
    for spec in [BufferSpec::new("plain"), BufferSpec::new("copied").snapshot()] {
        let (mut failures, mut call) = (0, 0);
        while let Some(has_failed) = fail_one_call_of_a_bound_buffer(spec.clone(), call) {
            failures += u32::from(has_failed);
            call += 1;
        }
        assert!(failures > 20, "{failures} failures only");
    }
}

/// Uses a bound buffer while a call to the backend fails. Returns whether the use failed with it; `None` if
/// there is no such call.
fn fail_one_call_of_a_bound_buffer(spec: BufferSpec, call: usize) -> Option<bool> {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).slow_bus(&SlowBus::new(20_000_000)).host().unwrap();
    let stream = device.create_stream().unwrap();
    let mut numbers: Selected = Buffer::from_slice(&device, spec.slots(8), &[0; 5_000]).unwrap().into_async();
    device.synchronize().unwrap();
    let (mut at, mut seen) = (0, Vec::new());
    faults.fail_at(call);
    let [result, end] = bound(&mut numbers, &stream, &mut at, &mut seen);
    let failed = faults.stop();
    for (numbers, at) in &seen {
        assert!(numbers.iter().all(|number| number == at), "call {call}: {} is not {at}", numbers[0]);
    }
    match numbers.download() {
        // The failed call may have been the kernel itself, or the call right after it.
        Ok(end) => {
            assert!(end.iter().all(|number| *number == end[0]), "call {call}");
            let is_right = (at..=at + 1).contains(&end[0]) || end[0] == 100;
            assert!(is_right, "call {call}: {} is not {at}", end[0]);
        }
        Err(error) => {
            assert!(failed && end.is_err() && device.stats().live_bytes > 0, "call {call}: {error}");
        }
    }
    // No late kernel writes the next owner of the memory.
    drop(numbers);
    let make = |value, len| Buffer::<u32>::from_slice(&device, "next", &vec![value; len]).unwrap();
    let next = [make(7, 5_000), make(7, 100_000)];
    device.synchronize_stream(&stream).unwrap();
    for next in next {
        assert!(next.download().unwrap().iter().all(|number| *number == 7), "call {call}");
    }
    // The device gives everything back, or reports the bytes that it does not.
    let lost = device.stats().lost_bytes;
    assert!(lost == 0 || failed, "call {call}");
    drop(stream);
    assert_eq!(device.close().is_ok(), lost == 0, "call {call}");
    if !failed {
        result.unwrap();
        return None;
    }
    Some(result.and(end).is_err())
}

/// A kernel on another stream writes the buffer, and the runtime cannot know when it ends. So no copy may
/// read the buffer.
#[test]
fn a_buffer_whose_writer_may_never_end_is_not_copied_from() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    let stream = device.create_stream().unwrap();
    let mut source: Buffer<u32> = Buffer::from_slice(&device, "source", &[1; 100]).unwrap();
    let mut target: Buffer<u32> = Buffer::from_slice(&device, "target", &[2; 100]).unwrap();
    // The stream waits, and the kernel is queued. Then the call that makes the compute stream wait for it
    // fails.
    faults.fail_at(2);
    let launched = device.launch_on(&stream, (&mut source,), |(source,)| source.fill(3));
    assert!(matches!(launched, Err(Error::DeviceFailed { .. })) && faults.stop(), "{launched:?}");
    let whole = target.copy_from(&source);
    let part = target.view_mut(..50).unwrap().copy_from(&source.view(50..).unwrap());
    for copied in [whole, part] {
        assert!(matches!(copied, Err(Error::DeviceFailed { .. })), "{copied:?}");
    }
    assert_eq!(target.download().unwrap(), [2; 100]);
    device.synchronize_stream(&stream).unwrap();
}

#[test]
fn failures_of_the_driver_are_counted_by_kind() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    let mut buffer = Buffer::from_slice(&device, "buffer", &[1_u32; 10]).unwrap();
    faults.fail_driver(0..usize::MAX);
    let full = Buffer::<u8>::with_capacity(&device, "full", 64 << 20).map(drop);
    assert!(matches!(full, Err(Error::OutOfMemory { .. })), "{full:?}");
    let stats = device.stats();
    assert_eq!((stats.errors.out_of_memory, stats.errors.total(), stats.reclaims), (1, 1, 1), "{stats}");
    let _ = faults.stop();
    assert!(Buffer::<u8>::with_capacity(&device, "fits", 64 << 20).is_ok());
    assert_eq!(device.stats().errors, stats.errors);
    faults.fail_at(0);
    assert!(matches!(buffer.fill(7), Err(Error::DeviceFailed { .. })));
    let errors = device.stats().errors;
    assert_eq!((errors.device_failed, errors.total()), (1, 2));
}
