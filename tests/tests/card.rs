//! Tests that need a card: memory that other devices hold, kernels on streams of the application, and calls
//! that the driver refuses.
#![cfg(feature = "cuda")]

use cust::launch;
use gpumem::{Async, Buffer, BufferSpec, Cuda, Device, Error, Stream};
use gpumem_tests::cuda::fake::{batches, refuse, refuse_after};
use gpumem_tests::cuda::{KERNELS, turn};
use gpumem_tests::{Random, TestBackend};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// A kernel whose blocks come in clusters of two, which not every card has.
const CLUSTERS: &str = ".version 7.8
    .target sm_90
    .address_size 64
    .visible .entry pair() .explicitcluster .reqnctapercluster 2, 1, 1 { ret; }";

/// The driver's own functions.
#[allow(dead_code)] // Other programs use the rest of the file.
#[path = "../../gpumem/tests/cuda/driver.rs"]
mod driver;

fn card() -> Option<Device<Cuda>> {
    Cuda::open(Device::builder())
}

/// To this device, another device on the same card is like another process: neither knows how much memory the
/// other holds.
#[test]
fn out_of_memory_counts_what_another_device_holds() {
    let _turn = turn();
    let Some(others) = card() else { return };
    if others.name() == "Threads as a card" {
        return println!("skipped: this driver refuses nothing");
    }
    let free = others.memory_info().unwrap().free.unwrap();
    let Some(mine) = Cuda::open(Device::builder().memory_limit(free)) else { return };
    let hog: Buffer<u8, Cuda> =
        Buffer::with_capacity(&others, "hog", usize::try_from(free / 10 * 8).unwrap()).unwrap();

    let mut buffer: Buffer<u32, Cuda> = Buffer::from_slice(&mine, "buffer", &[7; 1_000_000]).unwrap();
    drop(Buffer::<u8, Cuda>::with_capacity(&mine, "kept", 1 << 30).unwrap());
    let half = usize::try_from(free / 2).unwrap();
    let error = Buffer::<u8, Cuda>::with_capacity(&mine, "too much", half).unwrap_err();
    println!("{error}");
    let Error::OutOfMemory { requested, live, retained, free: left, .. } = error else { panic!("{error}") };
    assert_eq!((requested, live), (half as u64, 4_000_000));
    assert!(retained < 4 << 20, "free memory went back first: {retained}");
    assert!(left.is_some_and(|left| left < free / 2), "{left:?}");
    buffer.resize(2_000_000).unwrap();

    // After the other device has given back its free memory, there is room.
    drop(hog);
    others.trim(0).unwrap();
    let large: Buffer<u8, Cuda> = Buffer::with_capacity(&mine, "large", half).unwrap();
    assert_eq!(buffer.view(999_999..1_000_001).unwrap().download().unwrap(), [7, 0]);
    drop((large, buffer));
    mine.close().unwrap();
    others.close().unwrap();
}

/// The device's limit is the end of the card before another device took half of it. A random mix needs nearly
/// all of the rest. After the driver has refused memory once, the mix goes on without a failure, because the
/// device assembles segments.
#[test]
fn every_byte_can_be_had_where_the_card_ends_before_the_limit() {
    let _turn = turn();
    let Some(others) = card() else { return };
    if others.name() == "Threads as a card" || !others.has_virtual_memory() {
        return println!("skipped: this driver refuses nothing, or gaps stay gaps");
    }
    let info = others.memory_info().unwrap();
    let (free, total) = (info.free.unwrap(), info.total.unwrap());
    let Some(mine) = Cuda::open(Device::builder().memory_limit(free)) else { return };
    let hog: Buffer<u8, Cuda> =
        Buffer::with_capacity(&others, "hog", usize::try_from(free / 2).unwrap()).unwrap();
    let left = others.memory_info().unwrap().free.unwrap();
    // Less the bytes by which segments may be too large (see `memory_limit`), and less a little for the
    // driver itself.
    let most = usize::try_from(left - total / 40 - (512 << 20)).unwrap();
    let mut random = Random::new(2_026);
    let mut live: Vec<Buffer<u8, Cuda>> = Vec::new();
    let whole = |bytes: usize| bytes.next_multiple_of(2 << 20);
    let (mut rounded, mut peak) = (0, 0);
    for step in 0..1_500 {
        let bytes = (1 << 20) + random.below(512 << 20);
        while rounded + whole(bytes) > most {
            rounded -= whole(live.swap_remove(random.below(live.len())).capacity());
        }
        let buffer = Buffer::with_capacity(&mine, "tile", bytes);
        live.push(
            buffer.unwrap_or_else(|error| panic!("step {step}, {rounded} of {left} bytes live: {error}")),
        );
        rounded += whole(bytes);
        peak = peak.max(rounded);
    }
    println!("{peak} of {left} bytes lived at a time; {:?}", mine.stats());
    assert!(peak > most / 100 * 98);
    drop((live, hog));
    mine.close().unwrap();
    others.close().unwrap();
}

#[test]
fn kernels_on_streams_of_the_applications_own_are_waited_for() {
    let _turn = turn();
    let Some(device) = card() else { return };
    let module = device.load_ptx(KERNELS).unwrap();
    let (occupy, add_one) = (module.get_function("occupy").unwrap(), module.get_function("add_one").unwrap());
    let stream = device.create_stream().unwrap();
    let count = 1_u32 << 20;
    let mut numbers: Buffer<u32, Cuda> = Buffer::from_slice(&device, "numbers", &vec![1; 1 << 20]).unwrap();
    for round in 1..=10_u32 {
        let mut used = numbers.bind(&stream).unwrap();
        // SAFETY: the first kernel touches no memory. The second takes a pointer to `count` elements, which
        // the buffer has, and is launched on the stream of the use, while the use lasts.
        unsafe {
            cust::launch!(occupy<<<1, 1, 0, stream>>>(5_000_000_u64)).unwrap();
            cust::launch!(add_one<<<count / 256, 256, 0, stream>>>(used.as_device_ptr().unwrap(), count))
                .unwrap();
        }
        used.finish().unwrap();
        // The download runs on the compute stream, after the kernels.
        assert!(numbers.download().unwrap().iter().all(|number| *number == 1 + round), "round {round}");
    }
    // A kernel that reads on the stream, and a dropped buffer: its memory has no next owner before the kernel
    // has ended.
    {
        let used = numbers.use_on(&stream).unwrap();
        // SAFETY: as above.
        unsafe { cust::launch!(occupy<<<1, 1, 0, stream>>>(50_000_000_u64)) }.unwrap();
        used.finish().unwrap();
    }
    drop(numbers);
    assert_eq!(device.stats().retired_bytes, 4 << 20);
    device.synchronize_stream(&stream).unwrap();
    device.synchronize().unwrap();
    assert_eq!(device.stats().retired_bytes, 0);
    drop(stream);
    device.close().unwrap();
}

/// Plain data that `cust` does not know, such as the vectors of a newer `glam`.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
struct Foreign(u32);

#[test]
fn kernels_take_elements_that_cust_does_not_know() {
    let _turn = turn();
    let Some(device) = card() else { return };
    let module = device.load_ptx(KERNELS).unwrap();
    let add_one = module.get_function("add_one").unwrap();
    let mut numbers = Buffer::from_fn(&device, "numbers", 256, |_| Foreign(7)).unwrap();
    let stream = device.stream();
    let half = numbers.as_device_ptr_mut().unwrap().wrapping_add(128);
    assert_eq!(half.as_raw(), numbers.as_raw() + 512);
    // SAFETY: the kernel takes a pointer to 128 elements, which the buffer has from that address on.
    unsafe { cust::launch!(add_one<<<1, 128, 0, stream>>>(half, 128_u32)).unwrap() };
    let own = device.create_stream().unwrap();
    {
        let mut bound = numbers.bind(&own).unwrap();
        let address = bound.as_device_ptr().unwrap();
        // SAFETY: as above, on the stream that the buffer is bound to.
        unsafe { cust::launch!(add_one<<<1, 256, 0, own>>>(address, 256_u32)).unwrap() };
    }
    assert_eq!(numbers.download().unwrap(), [[Foreign(8); 128], [Foreign(9); 128]].concat());
}

/// Another library queues its work on the streams of this crate, as the guide shows for `cudarc`.
#[test]
fn other_libraries_queue_work_on_the_streams() {
    let _turn = turn();
    let Some(device) = card() else { return };
    let mut bytes = Buffer::from_slice(&device, "bytes", &vec![1_u8; 8 << 20]).unwrap().into_async();
    let queue_fill = |address: u64, value: u8, stream: &Stream<Cuda>| {
        device.make_current().unwrap();
        let stream = driver::StreamHandle::from_raw(stream.as_raw());
        // SAFETY: the address is that of a buffer of so many bytes, which was made ready for a write on this
        // stream, and the context is current.
        assert_eq!(unsafe { driver::cuMemsetD8Async(address, value, 8 << 20, stream) }, 0);
    };
    let own = device.create_stream().unwrap();
    assert_ne!(own.as_raw(), device.stream().as_raw());
    for round in 0..20_u8 {
        let before = bytes.start_download().unwrap();
        // The address is that of the buffer for writing, so the work waits for the download.
        queue_fill(bytes.as_raw_mut().unwrap(), 100 + round, device.stream());
        assert!(before.wait().unwrap().iter().all(|byte| *byte == round.max(1)));
        assert!(bytes.download().unwrap().iter().all(|byte| *byte == 100 + round));
        let mut bound = bytes.bind(&own).unwrap();
        queue_fill(bound.as_device_ptr().unwrap().as_raw(), round + 1, &own);
        bound.finish().unwrap();
    }
}

#[test]
fn a_bound_buffer_follows_its_stream() {
    let _turn = turn();
    let Some(device) = card() else { return };
    let module = device.load_ptx(KERNELS).unwrap();
    let (occupy, add_one) = (module.get_function("occupy").unwrap(), module.get_function("add_one").unwrap());
    let stream = device.create_stream().unwrap();
    let count = 1_u32 << 20;
    for spec in [BufferSpec::new("plain"), BufferSpec::new("snapshot").snapshot()] {
        let mut numbers: Buffer<u32, Cuda, Async> =
            Buffer::from_slice(&device, spec, &vec![0; 1 << 20]).unwrap().into_async();
        let mut bound = numbers.bind(&stream).unwrap();
        let mut expected = 0;
        let mut frames = Vec::new();
        for round in 0..20_u32 {
            for _ in 0..3 {
                let address = bound.as_device_ptr().unwrap();
                // SAFETY: the first kernel touches no memory. The second takes a pointer to `count` elements,
                // which the buffer has, and is launched on the stream that the buffer is bound to.
                unsafe {
                    cust::launch!(occupy<<<1, 1, 0, stream>>>(500_000_u64)).unwrap();
                    cust::launch!(add_one<<<count / 256, 256, 0, stream>>>(address, count)).unwrap();
                }
                expected += 1;
            }
            frames.push((expected, bound.start_download().unwrap()));
            if round % 4 == 3 {
                // A fill on the compute stream, between kernels on the other stream.
                bound.buffer().unwrap().fill(1_000 * round).unwrap();
                expected = 1_000 * round;
            }
            if frames.len() == 2 {
                for (expected, frame) in frames.drain(..) {
                    let frame = frame.wait().unwrap();
                    assert!(frame.iter().all(|number| *number == expected), "round {round}: {expected}");
                }
            }
        }
        bound.finish().unwrap();
        assert!(numbers.download().unwrap().iter().all(|number| *number == expected));
    }
}

/// Captures a stream of this thread from `begun` to `done`, as `PyTorch` does: in the default mode, which
/// forbids to all threads the calls that could be meant for the graph. Returns the driver's answer to the end
/// of the capture.
fn capture(device: &Device<Cuda>, begun: &Barrier, done: &Barrier) -> driver::Code {
    device.make_current().unwrap();
    let (mut stream, mut graph) = (driver::StreamHandle::NULL, std::ptr::null_mut());
    // SAFETY: the pointers are valid for a write, the context is current, and the stream is this thread's
    // own.
    unsafe {
        assert_eq!(driver::cuStreamCreate(&raw mut stream, driver::STREAM_NON_BLOCKING), 0);
        assert_eq!(driver::cuStreamBeginCapture_v2(stream, driver::CAPTURE_MODE_GLOBAL), 0);
        begun.wait();
        done.wait();
        let end = driver::cuStreamEndCapture(stream, &raw mut graph);
        assert_eq!(driver::cuStreamDestroy_v2(stream), 0);
        end
    }
}

#[test]
fn a_capture_by_another_library_goes_on_and_so_does_all_else() {
    let _turn = turn();
    let Some(device) = card() else { return };
    let mut buffer: Buffer<u32, Cuda, Async> =
        Buffer::from_slice(&device, "buffer", &vec![1; 1 << 20]).unwrap().into_async();
    let parked: Buffer<u32, Cuda, Async> =
        Buffer::from_slice(&device, "parked", &vec![1; 1 << 20]).unwrap().into_async();
    let ticket = parked.start_download().unwrap();
    let (begun, done) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        let capture = scope.spawn(|| capture(&device, &begun, &done));
        begun.wait();
        let during = || -> Result<(), Error> {
            ticket.is_ready()?;
            drop(parked);
            buffer.upload(&vec![2; 1 << 20])?;
            assert!(buffer.start_download()?.wait()?.iter().all(|number| *number == 2));
            drop(Buffer::<u8, Cuda>::with_capacity(&device, "new", 64 << 20)?);
            buffer.stage(4 << 20)?.commit()?;
            let module = device.load_ptx(KERNELS)?;
            device.synchronize_stream(&device.create_stream()?)?;
            drop(module);
            device.trim(0)?;
            device.synchronize()
        };
        let result = during();
        // A device that ends frees pinned memory, which waits for all kernels. It must not wait by a call
        // that ruins the capture.
        let ends = card().expect("there was a card");
        let pins: Buffer<u32, Cuda> = Buffer::from_slice(&ends, "pins", &[1; 1 << 20]).unwrap();
        drop(pins);
        ends.close().unwrap();
        done.wait();
        let capture = capture.join().unwrap();
        assert_eq!((capture, result), (0, Ok(())), "the capture is whole, and nothing failed");
    });
    assert!(ticket.wait().unwrap().iter().all(|number| *number == 1));
    assert_eq!(device.stats().lost_bytes, 0);
    drop(buffer);
    device.close().unwrap();
}

/// Regression: a refused call was taken for a failed device. The ticket gave that error for good, and the
/// memory was lost.
#[test]
fn a_refused_call_loses_nothing() {
    let _turn = turn();
    let Some(device) = card() else { return };
    let refused = |error: Option<Error>| match error {
        Some(Error::CallRefused { operation, reason, .. }) => format!("{operation}: {reason}"),
        other => panic!("{other:?}"),
    };
    let module = device.load_ptx(KERNELS).unwrap();
    let (occupy, stream) = (module.get_function("occupy").unwrap(), device.stream());
    // SAFETY: the kernel takes one u64 and touches no memory.
    let keep_busy = || unsafe { launch!(occupy<<<1, 1, 0, stream>>>(50_000_000_u64)) };
    keep_busy().unwrap();
    let buffer: Buffer<u32, Cuda, Async> =
        Buffer::from_slice(&device, "buffer", &vec![7; 1 << 20]).unwrap().into_async();
    let mut ticket = buffer.start_download().unwrap();
    if refuse(801, 1).is_none() {
        return;
    }
    assert!(refused(ticket.is_ready().err()).contains("801"));
    refuse(900, 1).unwrap();
    assert!(
        refused(ticket.wait_timeout(Duration::from_secs(20)).err()).contains("when the capture has ended")
    );
    // The drop asks the driver about the use of the buffer and is refused. The use stays pending.
    refuse(801, 1).unwrap();
    drop(buffer);
    assert_eq!(device.stats().retired_bytes, 4 << 20);
    refuse(801, 1).unwrap();
    refused(device.synchronize().err());
    assert!(ticket.wait_timeout(Duration::from_secs(20)).unwrap().unwrap().iter().all(|number| *number == 7));
    device.synchronize().unwrap();
    assert_eq!((device.stats().retired_bytes, device.stats().lost_bytes), (0, 0));

    // A lack of memory is no failure either.
    refuse(2, 1).unwrap();
    assert!(refused(device.load_ptx(KERNELS).err()).starts_with("cuModuleLoadDataEx: "));
    refuse(2, 1).unwrap();
    assert!(refused(device.create_stream().map(drop).err()).starts_with("cuStreamCreate: "));
    refuse(2, 1).unwrap();
    let text = refused(keep_busy().err());
    assert!(
        text.starts_with("cuLaunchKernel: ") && text.contains("`occupy`") && text.contains("Device::trim(0)"),
        "{text}"
    );
    drop(module);
    device.close().unwrap();
}

/// Regression: an event that was refused after its copy was queued made the buffer unusable, and pinned
/// memory was lost.
#[test]
fn a_refused_event_loses_nothing() {
    let _turn = turn();
    const LARGE: usize = 4 << 20;
    type Cells = Buffer<u32, Cuda, Async>;
    type Operation = fn(&mut Cells) -> Result<(), Error>;
    let operations: [(&str, Operation); 6] = [
        ("write", |cells| cells.write(0, &[7; 10])),
        ("a large write", |cells| cells.write(0, &vec![7; LARGE])),
        ("upload", |cells| cells.upload(&vec![7; LARGE])),
        ("stage", |cells| cells.stage(LARGE)?.commit_at(0).map(drop)),
        ("download", |cells| cells.download_into_slice(&mut vec![0; LARGE])),
        ("start_download", |cells| cells.start_download()?.wait().map(drop)),
    ];
    for (name, operation) in operations {
        for calls in 0.. {
            let Some(device) = card() else { return };
            let mut cells: Cells =
                Buffer::from_slice(&device, "cells", &vec![1; LARGE]).unwrap().into_async();
            device.synchronize().unwrap();
            if refuse_after(2, calls).is_none() {
                return;
            }
            let result = operation(&mut cells);
            let made = refuse_after(0, -1).unwrap();
            if let Err(error) = result {
                assert!(matches!(error, Error::CallRefused { .. }), "{name}, {calls}: {error}");
            }
            operation(&mut cells).unwrap_or_else(|error| panic!("{name} again, {calls}: {error}"));
            assert_eq!(cells.download().unwrap().len(), LARGE, "{name}, {calls}");
            assert_eq!(device.stats().lost_bytes, 0, "{name}, {calls}");
            drop(cells);
            device.close().unwrap();
            if !made {
                break;
            }
        }
    }
}

/// Three buffers of as many bytes, full of ones, twos and threes.
fn parts(device: &Device<Cuda>, bytes: usize) -> [Buffer<u8, Cuda, Async>; 3] {
    [1, 2, 3].map(|value| Buffer::from_slice(device, "part", &vec![value; bytes]).unwrap().into_async())
}

#[test]
fn a_frame_is_one_call_of_the_driver() {
    let _turn = turn();
    let Some(device) = card() else { return };
    let [a, b, c] = parts(&device, 64 << 10);
    let Some(before) = batches() else { return println!("skipped: this driver counts nothing") };
    drop(a.start_download().unwrap().wait().unwrap());
    drop(device.start_downloads((&a,)).unwrap().wait().unwrap());
    assert_eq!(batches(), Some(before), "a copy alone");
    let frame = device.start_downloads((&a, b.view(1..).unwrap(), &c)).unwrap();
    assert_eq!(batches(), Some(before + 1));
    let (first, second, third) = frame.wait().unwrap();
    assert_eq!((first.len(), second.len(), third.len()), (64 << 10, (64 << 10) - 1, 64 << 10));
    assert!(first.iter().all(|byte| *byte == 1) && second.iter().all(|byte| *byte == 2));
    drop((first, second, third, a, b, c));
    device.close().unwrap();
}

/// Where the driver refuses a batch, the copies go one by one. Where it refuses these too, it may have queued
/// some copies all the same: the driver made of threads has. Their pinned memory has no other use before they
/// are done.
#[test]
fn a_refused_frame_loses_nothing() {
    /// The calls before the batch: an event is recorded and waited for.
    const BEFORE: i32 = 2;
    let _turn = turn();
    for (calls, refusals) in (0..8).map(|calls| (calls, 1)).chain([(BEFORE, 2), (BEFORE, 3)]) {
        let Some(device) = card() else { return };
        let [mut a, mut b, mut c] = parts(&device, 1 << 10);
        let module = device.load_ptx(KERNELS).unwrap();
        let (occupy, stream) = (module.get_function("occupy").unwrap(), device.stream());
        // SAFETY: the kernel takes one u64 and touches no memory.
        let keep_busy = || unsafe { launch!(occupy<<<1, 1, 0, stream>>>(3_000_000_u64)) }.unwrap();
        // After this there are pinned memory and events.
        drop(device.start_downloads((&a, &b, &c)).unwrap().wait().unwrap());
        device.synchronize().unwrap();
        keep_busy();
        if batches().is_none() || refuse_after(801, calls).is_none() {
            return;
        }
        refuse(801, refusals).unwrap();
        let frame = device.start_downloads((&a, &b, &c)).map(drop);
        let _ = refuse_after(0, -1);
        match frame {
            Ok(()) => assert!(calls >= BEFORE && refusals == 1, "{refusals} after {calls}"),
            Err(Error::CallRefused { operation, .. }) if calls == BEFORE => {
                assert_eq!((operation, refusals > 1), ("cuMemcpyDtoHAsync", true));
            }
            Err(error) => assert!(matches!(error, Error::CallRefused { .. }) && calls < BEFORE, "{error}"),
        }
        // Copies of the frame run during this, and these writes later. They would have the same pinned memory
        // if it were free.
        keep_busy();
        for buffer in [&mut a, &mut b, &mut c] {
            buffer.write(0, &[9; 1 << 10]).unwrap();
        }
        let (first, second, third) = device.start_downloads((&a, &b, &c)).unwrap().wait().unwrap();
        for guard in [&first, &second, &third] {
            assert_eq!(**guard, [9; 1 << 10], "{refusals} after {calls}");
        }
        assert_eq!(device.stats().lost_bytes, 0, "{refusals} after {calls}");
        drop((first, second, third, a, b, c, module));
        device.close().unwrap();
    }
}

/// Regression: when the driver refused to say whether the work of a device had ended, all memory of the
/// device was lost. When it refused a call of an allocation, the memory of that allocation was lost.
#[test]
fn a_refused_call_keeps_no_memory() {
    let _turn = turn();
    let Some(other) = card() else { return };
    let free = || other.memory_info().unwrap().free.unwrap();
    let mut losses = 0;
    for calls in 0.. {
        let before = free();
        let device = card().unwrap();
        if refuse_after(801, calls).is_none() {
            return;
        }
        let made = Buffer::<u8, Cuda>::with_capacity(&device, "buffer", 4 << 20).map(drop);
        let ended = device.close();
        if !refuse_after(0, -1).unwrap() {
            break;
        }
        let began = Instant::now();
        // A device that `close` did not end is ended by a thread, perhaps a moment later.
        while ended.is_err() && free() < before && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let lost = free() < before;
        assert!(!lost || (made.is_ok() && ended.is_ok()), "{calls}: {made:?}, {ended:?}");
        losses += i32::from(lost);
    }
    assert!(
        losses <= 2,
        "{losses} calls gave memory back, and not only from its addresses and to the driver"
    );
}

/// Regression: some launches that are beyond a card's limits were taken for a failed device.
#[test]
fn launches_beyond_the_limits_are_refused() {
    let _turn = turn();
    let Some(device) = card() else { return };
    let module = device.load_ptx(KERNELS).unwrap();
    let (occupy, stream) = (module.get_function("occupy").unwrap(), device.stream());
    let launch = |grid: (u32, u32, u32), block: (u32, u32, u32), shared: u32| {
        // SAFETY: the kernel takes one u64 and touches no memory.
        unsafe { launch!(occupy<<<grid, block, shared, stream>>>(1_u64)) }
    };
    let refused = |result: Result<(), Error>| match result {
        Err(Error::KernelRefused { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let one = (1, 1, 1);
    for grid in [(0, 1, 1), (1, 65_536, 1), (1, 1, 65_536), (1 << 31, 1, 1)] {
        refused(launch(grid, one, 0));
    }
    for block in [(0, 1, 1), (1_025, 1, 1), (1, 1, 65), (u32::MAX, 1, 1), (65_536, 65_536, 1)] {
        refused(launch(one, block, 0));
    }
    for shared in [49_153, 65_536, u32::MAX] {
        assert!(refused(launch(one, one, shared)).contains("Function::allow_shared_bytes"));
    }
    if let Ok(clusters) = device.load_ptx(CLUSTERS) {
        let pair = clusters.get_function("pair").unwrap();
        // SAFETY: the kernel takes nothing and does nothing.
        refused(unsafe { launch!(pair<<<3, 1, 0, stream>>>()) });
    }
    device.synchronize().unwrap();

    // A kernel that asks for more shared memory gets it.
    occupy.allow_shared_bytes(64 << 10).unwrap();
    launch(one, one, 64 << 10).unwrap();
    refused(launch(one, one, (64 << 10) + 1));
    let most = refused(occupy.allow_shared_bytes(u32::MAX));
    assert!(most.contains("`occupy` cannot have 4294967295 bytes"), "{most}");
    launch(one, one, 64 << 10).unwrap();
    device.synchronize().unwrap();
    drop(module);
    device.close().unwrap();
}
