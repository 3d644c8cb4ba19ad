//! Features of the host alone: kernels that are closures, and buffers that are slices.

use gpumem::testing::SlowBus;
use gpumem::{Async, Blocking, Buffer, BufferSpec, Device, Error, Host};
use gpumem_tests::block_on;
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[test]
fn slices_are_the_buffer_itself() {
    let device = Device::host();
    let mut buffer: Buffer<[u16; 3]> =
        Buffer::from_slice(&device, "buffer", &[[1, 2, 3], [4, 5, 6]]).unwrap();
    buffer.host_slice_mut().unwrap()[1] = [7; 3];
    buffer.extend_from_slice(&[[9; 3]]).unwrap();
    assert_eq!(buffer.host_slice().unwrap(), [[1, 2, 3], [7; 3], [9; 3]]);
    let mut empty: Buffer<u64> = Buffer::new(&device, "empty").unwrap();
    assert!(empty.host_slice().unwrap().is_empty() && empty.host_slice_mut().unwrap().is_empty());
}

#[test]
fn slices_wait_for_kernels_and_downloads() {
    let device = Device::host();
    let mut buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1; 100_000]).unwrap().into_async();
    for round in 1..20 {
        device
            .launch((&mut buffer,), move |(elements,)| {
                std::thread::sleep(Duration::from_millis(1));
                elements.fill(round);
            })
            .unwrap();
        let ticket = buffer.start_download().unwrap();
        assert!(buffer.host_slice().unwrap().iter().all(|element| *element == round));
        // The download reads this write, unless the slice waits for the download.
        buffer.host_slice_mut().unwrap().fill(0);
        assert!(ticket.wait().unwrap().iter().all(|element| *element == round));
    }
}

#[test]
fn kernels_take_up_to_twelve_buffers_and_none() {
    let device = Device::host();
    let make = |value: u32| Buffer::<u32>::from_slice(&device, "one", &[value]).unwrap();
    let [a, b, c, d, e, f, g, h, i, j, k] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(make);
    let mut sum = make(0);
    let args = (&mut sum, &a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k);
    device
        .launch(args, |(sum, a, b, c, d, e, f, g, h, i, j, k)| {
            sum[0] = [a, b, c, d, e, f, g, h, i, j, k].into_iter().flatten().sum();
        })
        .unwrap();
    assert_eq!(sum.download().unwrap(), [66]);
    let (send, receive) = mpsc::channel();
    device.launch((), move |()| send.send(std::thread::current().id()).unwrap()).unwrap();
    assert_ne!(receive.recv().unwrap(), std::thread::current().id());
    // The same buffer may be read under two names.
    device.launch((&a, &a), |(one, same)| assert_eq!(one, same)).unwrap();
    device.synchronize().unwrap();
}

#[test]
fn buffers_may_change_right_after_the_launch() {
    let device = Device::host();
    let mut buffer: Buffer<u32> = Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap();
    let (send, receive) = mpsc::channel();
    let slow = move |(elements,): (&[u32],)| {
        std::thread::sleep(Duration::from_millis(20));
        send.send(elements.to_vec()).unwrap();
    };
    device.launch((&buffer,), slow).unwrap();
    buffer.fill(9).unwrap();
    buffer.resize(100_000).unwrap();
    drop(buffer);
    assert_eq!(receive.recv().unwrap(), [1, 2, 3], "the kernel saw the buffer as it was at the launch");
}

#[test]
fn a_panic_fails_the_device_and_ends_every_wait() {
    let device = Device::host();
    let mut buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap().into_async();
    let landed = buffer.start_download().unwrap();
    device.synchronize().unwrap();
    device
        .launch((&mut buffer,), |(elements,)| {
            std::thread::sleep(Duration::from_millis(10));
            assert_eq!(elements.len(), 4, "planted");
        })
        .unwrap();
    let ticket = buffer.start_download();
    let launched = format!("the one launched at {}:{}:10 panicked: ", file!(), line!() - 6);
    let failed = |error: &Error| {
        let told = |reason: &str| reason.starts_with(&launched) && reason.contains("planted");
        matches!(error, Error::DeviceFailed { operation: "a kernel", reason, .. } if told(reason))
    };
    let results = [
        ticket.and_then(|ticket| ticket.wait().map(|_| ())),
        device.synchronize(),
        buffer.fill(1),
        buffer.resize(1_000),
        buffer.download().map(|_| ()),
        buffer.host_slice().map(|_| ()),
        buffer.start_download().map(|_| ()),
        Buffer::<u32>::from_slice(&device, "next", &[1]).map(|_| ()),
        device.launch((), |()| ()),
        landed.wait().map(|_| ()),
    ];
    for (index, result) in results.into_iter().enumerate() {
        let error = result.expect_err(&format!("operation {index} on a failed device"));
        assert!(failed(&error), "operation {index}: {error}");
    }
    assert_eq!(buffer.len(), 3);
    drop(buffer);
    // Memory is not freed, and is counted, if it is unknown whether its last use has ended.
    let stats = device.stats();
    assert!(stats.live_bytes == 0 && stats.lost_bytes >= 12, "{stats:?}");
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("bytes are lost") };
    assert!(report.held().is_empty() && report.lost_bytes() == stats.lost_bytes);
    // Another device still works.
    Device::host().synchronize().unwrap();
}

#[test]
fn a_failed_device_refuses_operations_that_need_no_work() {
    let device = Device::host();
    let mut buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap().into_async();
    device.launch((), |()| panic!("planted")).unwrap();
    device.synchronize().unwrap_err();
    let results = [
        buffer.resize(1),
        buffer.resize(3),
        buffer.reserve(0),
        buffer.shrink_to_fit(),
        buffer.upload(&[]),
        buffer.write(1, &[]),
        buffer.extend_from_slice(&[]),
        buffer.stage(0).map(drop),
        buffer.view(1..1).unwrap().download().map(drop),
        buffer.view_mut(1..1).unwrap().fill(1),
        device.start_downloads((buffer.view(1..1).unwrap(),)).map(drop),
        Buffer::<u32>::new(&device, "next").map(drop),
        device.create_stream().map(drop),
        device.trim(0).map(drop),
    ];
    for (index, result) in results.into_iter().enumerate() {
        assert!(matches!(result, Err(Error::DeviceFailed { .. })), "operation {index}: {result:?}");
    }
    assert_eq!(buffer.len(), 3);
}

#[test]
fn a_failed_device_ends_every_await_within_a_second() {
    let device = Device::host();
    let spec = BufferSpec::new("buffer").slots(8);
    let buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, spec, &[1, 2, 3]).unwrap().into_async();
    device.synchronize().unwrap();
    // The compute stream is busy for long, and another stream fails.
    device.launch((), |()| std::thread::sleep(Duration::from_secs(4))).unwrap();
    let tickets: Vec<_> = (0..8).map(|_| buffer.start_download().unwrap()).collect();
    let (send, receive) = mpsc::channel();
    for (index, mut ticket) in tickets.into_iter().enumerate() {
        let send = send.clone();
        std::thread::spawn(move || {
            let end = match index % 3 {
                0 => ticket.wait().map(drop),
                1 => ticket.wait_timeout(Duration::from_secs(60)).map(drop),
                _ => block_on(ticket).map(drop),
            };
            send.send((index, end)).unwrap();
        });
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(receive.try_recv().is_err());
    let other = device.create_stream().unwrap();
    device.launch_on(&other, (), |()| panic!("planted")).unwrap();
    let began = Instant::now();
    for _ in 0..8 {
        let (index, end) = receive.recv_timeout(Duration::from_secs(60)).unwrap();
        let after = began.elapsed();
        assert!(after < Duration::from_secs(1), "ticket {index} learned of it after {after:?}");
        assert!(
            matches!(&end, Err(Error::DeviceFailed { reason, .. }) if reason.contains("planted")),
            "{end:?}"
        );
    }
    let error = buffer.start_download_when_free().wait().map(drop);
    assert!(matches!(error, Err(Error::DeviceFailed { .. })), "{error:?}");
}

#[test]
fn a_failed_device_ends_the_wait_for_a_slot() {
    let device = Device::host();
    let spec = BufferSpec::new("buffer").slots(1);
    let buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, spec, &[1, 2, 3]).unwrap().into_async();
    device.launch((), |()| std::thread::sleep(Duration::from_secs(4))).unwrap();
    drop(buffer.start_download().unwrap());
    std::thread::scope(|scope| {
        let waits = [
            scope.spawn(|| block_on(buffer.start_download_when_free()).map(drop)),
            scope.spawn(|| buffer.start_download_when_free().wait().map(drop)),
        ];
        std::thread::sleep(Duration::from_millis(50));
        assert!(waits.iter().all(|wait| !wait.is_finished()));
        device.launch_on(&device.create_stream().unwrap(), (), |()| panic!("planted")).unwrap();
        let began = Instant::now();
        for wait in waits {
            let end = wait.join().unwrap();
            assert!(matches!(end, Err(Error::DeviceFailed { .. })), "{end:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    });
}

#[test]
fn a_kernel_cannot_wait_for_its_own_device() {
    let device = Device::host();
    let spec = BufferSpec::new("buffer").slots(3);
    let buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, spec, &[1, 2, 3]).unwrap().into_async();
    let (send, receive) = mpsc::channel();
    let inner = device.clone();
    device
        .launch((), move |()| {
            let taken = [(); 3].map(|()| buffer.start_download().unwrap());
            let no_slot = buffer.start_download_when_free().wait().map(|_| ());
            let [first, mut second, third] = taken;
            let errors = [
                no_slot,
                first.wait().map(|_| ()),
                second.wait_timeout(Duration::from_secs(60)).map(|_| ()),
                block_on(third).map(|_| ()),
                inner.synchronize(),
                buffer.download().map(|_| ()),
                buffer.host_slice().map(|_| ()),
                buffer.close(),
            ];
            send.send(errors).unwrap();
        })
        .unwrap();
    for result in receive.recv().unwrap() {
        assert!(matches!(result, Err(Error::WouldDeadlock)), "{result:?}");
    }
    device.synchronize().unwrap();
    device.close().unwrap();
}

#[test]
fn views_are_arguments_of_kernels_too() {
    let device = Device::host();
    let mut sums: Buffer<[u32; 2]> = Buffer::from_slice(&device, "sums", &[[0; 2]; 3]).unwrap();
    let parts: Buffer<u32> = Buffer::from_slice(&device, "parts", &[1, 2, 3, 4]).unwrap();
    let target = sums.view_mut(1..).unwrap().cast::<u32>();
    let kernel = |(sums, parts): (&mut [u32], &[u32])| sums[1..].copy_from_slice(parts);
    device.launch((target, parts.view(1..).unwrap()), kernel).unwrap();
    assert_eq!(sums.download().unwrap(), [[0, 0], [0, 2], [3, 4]]);
}

/// The wait was refused, so the download goes on and stays in the queue.
#[test]
fn a_queue_in_a_kernel_loses_no_frame() {
    let device = Device::host();
    let buffer: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "buffer", &[1]).unwrap().into_async();
    let (send, receive) = mpsc::channel();
    let kernel = move || {
        let mut frames = buffer.frame_queue();
        assert!(frames.push(buffer.start_download()?)?.is_none());
        let refused =
            [frames.push(buffer.start_download()?).map(drop), block_on(frames.next()).unwrap().map(drop)];
        // A loop over refused waits ends.
        let drained: Vec<_> = frames.drain().map(|frame| frame.map(drop)).collect();
        send.send((refused, drained, frames, buffer)).unwrap();
        Ok::<(), Error>(())
    };
    device.launch((), move |()| kernel().unwrap()).unwrap();
    let (refused, drained, mut frames, buffer) = receive.recv().unwrap();
    assert_eq!(
        (refused, drained),
        ([Err(Error::WouldDeadlock), Err(Error::WouldDeadlock)], vec![Err(Error::WouldDeadlock)])
    );
    assert_eq!(frames.drain().map(|frame| frame.unwrap()[0]).collect::<Vec<_>>(), [1, 1]);
    drop(buffer);
    device.close().unwrap();
}

#[test]
fn a_kernel_that_cannot_write_all_writes_nothing() {
    let device = Device::host();
    // The transfer has more pieces than there are pinned blocks.
    let data = vec![7_u8; 12 << 20];
    let mut large: Buffer<u8> = Buffer::new(&device, "large").unwrap();
    large.resize(data.len()).unwrap();
    let mut small: Buffer<u8> = Buffer::from_slice(&device, "small", &[1; 16]).unwrap();
    let (send, receive) = mpsc::channel();
    let kernel = move |()| {
        let errors = [large.write(0, &data), large.upload(&data), small.extend_from_slice(&data)];
        let _ = small.write(0, &[2]);
        send.send((errors, large, small)).unwrap();
    };
    device.launch((), kernel).unwrap();
    let (errors, large, small) = receive.recv().unwrap();
    assert!(errors.iter().all(|result| matches!(result, Err(Error::WouldDeadlock))), "{errors:?}");
    assert!(large.download().unwrap().iter().all(|byte| *byte == 0));
    assert_eq!((small.capacity(), small.download().unwrap()[0]), (16, 2), "what needs no wait is written");
}

#[test]
fn what_generated_code_uses_cannot_give_a_buffer_other_elements() {
    use gpumem::__private::{PlainData, Set};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let device = Device::host();
    let set = Set::new(&device, &"Set");
    let specs = [BufferSpec::new("narrow").element::<u8>(), BufferSpec::new("wide").element::<u64>()];
    let wide = [2_u64; 4].map(u64::to_ne_bytes).concat();
    let [narrow, wide] = set.make_from(&specs, [&[1; 63], &wide]).unwrap();
    let (mut narrow, mut wide): (Buffer<u8>, Buffer<u64>) =
        (PlainData::typed(narrow), PlainData::typed(wide));
    {
        let (mut one, mut other) = (narrow.__raw_mut(), wide.__raw_mut());
        std::mem::swap(&mut one, &mut other);
    }
    let mut elements: Vec<u64> = Vec::new();
    let fetch = || set.fetch(&[narrow.__raw()], &mut [PlainData::target(&mut elements)]);
    assert!(catch_unwind(AssertUnwindSafe(fetch)).is_err());
    let refill = || set.refill(&mut [wide.__raw_mut()], &[&[7; 15]]);
    assert!(catch_unwind(AssertUnwindSafe(refill)).is_err());
    let extend = || set.extend(&mut [wide.__raw_mut()], &[&[7; 15]]);
    assert!(catch_unwind(AssertUnwindSafe(extend)).is_err());
    let copy = || set.copy_from(&mut [narrow.__raw_mut()], &[wide.__raw()]);
    assert!(catch_unwind(AssertUnwindSafe(copy)).is_err());
    assert_eq!((narrow.host_slice().unwrap(), wide.host_slice().unwrap()), (&[1; 63][..], &[2; 4][..]));
    let typed = || <u64 as PlainData>::typed::<Host, Blocking>(narrow.__into_raw());
    assert!(catch_unwind(AssertUnwindSafe(typed)).is_err());
}

#[test]
fn the_last_handle_may_go_inside_a_kernel() {
    let device = Device::host();
    let buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap().into_async();
    let (send, receive) = mpsc::channel();
    let inner = device.clone();
    let kernel = move |()| {
        drop(buffer.start_download().unwrap());
        drop(buffer);
        drop(inner);
        send.send(()).unwrap();
    };
    device.launch((), kernel).unwrap();
    drop(device);
    receive.recv_timeout(Duration::from_secs(10)).expect("the worker does not wait for itself");
}

#[test]
fn what_is_appended_is_written_once() {
    let faults = gpumem::testing::Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    let mut numbers = Buffer::<u64>::with_capacity(&device, "numbers", 1_000).unwrap();
    faults.fail_at(0);
    // SAFETY: the kernel below writes all new elements.
    unsafe { numbers.resize_uninit(900).unwrap() };
    assert!(!faults.stop(), "no work was queued: neither zeros nor anything else");
    let count = |(numbers,): (&mut [u64],)| (0..).zip(numbers).for_each(|(count, number)| *number = count);
    device.launch((&mut numbers,), count).unwrap();
    let mut stage = numbers.stage(100).unwrap();
    stage.fill(7);
    faults.fail_at(1);
    stage.append().unwrap().wait().unwrap();
    assert!(!faults.stop(), "one copy was queued");
    assert_eq!(numbers.view(898..902).unwrap().download().unwrap(), [898, 899, 7, 7]);
    // `resize` queues one more call, for the zeros.
    faults.fail_at(0);
    numbers.truncate(900);
    assert!(numbers.resize(1_000).is_err() && faults.stop());
}

#[test]
fn buffers_of_another_device_are_refused_by_a_launch() {
    let (device, other) = (Device::host(), Device::host());
    let mut here: Buffer<u32> = Buffer::from_slice(&device, "here", &[1]).unwrap();
    let there: Buffer<u32> = Buffer::from_slice(&other, "there", &[1]).unwrap();
    let error = device.launch((&mut here, &there), |(here, there)| here.copy_from_slice(there)).unwrap_err();
    assert!(
        matches!(&error, Error::DifferentDevices { buffer: Some(buffer), .. } if buffer.name() == "there"),
        "{error}"
    );
    let line = line!() - 6;
    let text =
        format!("tests/host.rs:{line}:30) lives on device `host`, and the kernel was launched on another; ");
    assert!(error.to_string().contains(&text), "{error}");
    assert_eq!(here.download().unwrap(), [1]);
}

#[test]
fn buffers_of_one_name_are_told_apart_by_the_lines_that_made_them() {
    let (device, other) = (Device::host(), Device::host());
    let mut here: Buffer<u32> = Buffer::from_slice(&device, "cells", &[1]).unwrap();
    let there: Buffer<u32> = Buffer::from_slice(&other, "cells", &[2]).unwrap();
    let line = line!() - 2;
    let error = here.copy_from(&there).unwrap_err();
    let file = file!();
    assert_eq!(
        error.to_string(),
        format!(
            "buffer `cells` (made at {file}:{}:30) lives on device `host`, and buffer `cells` (made at {file}:{line}:33) on another \
             device of that name; use its own (`Buffer::device`) for both, or download it and upload it there",
            line + 1
        )
    );
    assert_eq!(here.download().unwrap(), [1]);
}

#[test]
fn handles_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Device>();
    check::<Buffer<u32, Host, Async>>();
    check::<gpumem::Download<u32, Host>>();
    check::<gpumem::DownloadGuard<u32, Host>>();
    check::<gpumem::Stage<'_, u32, Host>>();
    check::<gpumem::Upload<Host>>();
    check::<Error>();
}

#[test]
fn a_slow_bus_takes_the_time_of_each_transfer() {
    let bus = SlowBus::unlimited();
    let device = Device::builder().slow_bus(&bus).host().unwrap();
    let data: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let mut buffer: Buffer<u8, Host, Async> =
        Buffer::from_slice(&device, "buffer", &data).unwrap().into_async();
    device.synchronize().unwrap();
    // 50 ms for all elements, and half for a half.
    bus.set_rate(200_000);
    let time = |transfer: &mut dyn FnMut()| {
        let began = Instant::now();
        transfer();
        began.elapsed()
    };
    assert!(time(&mut || assert_eq!(buffer.download().unwrap(), data)) >= Duration::from_millis(50));
    let half = time(&mut || {
        assert_eq!(*buffer.view(5_000..).unwrap().start_download().unwrap().wait().unwrap(), data[5_000..]);
    });
    assert!(half >= Duration::from_millis(25));
    let up = time(&mut || {
        buffer.upload(&data).unwrap();
        device.synchronize().unwrap();
    });
    assert!(up >= Duration::from_millis(50));
    // Transfers that begin now are fast again.
    bus.set_rate(u64::MAX);
    assert_eq!(buffer.download().unwrap(), data);
}

#[test]
fn a_slow_bus_keeps_its_lane_and_no_other() {
    let bus = SlowBus::unlimited();
    let device = Device::builder().slow_bus(&bus).host().unwrap();
    let mut other: Buffer<u32> = Buffer::from_slice(&device, "other", &[1; 100]).unwrap();
    for spec in [BufferSpec::new("plain"), BufferSpec::new("snapshot").snapshot()] {
        let snapshot = spec.is_snapshot();
        bus.set_rate(u64::MAX);
        let mut buffer: Buffer<u8, Host, Async> =
            Buffer::from_slice(&device, spec, &[1; 10_000]).unwrap().into_async();
        device.synchronize().unwrap();
        // The download takes 500 ms.
        bus.set_rate(20_000);
        let ticket = buffer.start_download().unwrap();
        // The host and the compute stream do not wait: reading needs no wait, and neither does writing a
        // snapshot buffer.
        device.launch((&mut other, &buffer), |(other, buffer)| other.fill(u32::from(buffer[0]))).unwrap();
        if snapshot {
            buffer.fill(2).unwrap();
        }
        let end = device.create_stream().unwrap();
        device.launch_on(&end, (&other,), |(other,)| assert_eq!(other[99], 1)).unwrap();
        device.synchronize_stream(&end).unwrap();
        assert!(!ticket.is_ready().unwrap(), "the kernel waited for the bus");
        if !snapshot {
            buffer.fill(2).unwrap();
        }
        assert_eq!(*ticket.wait().unwrap(), [1; 10_000]);
    }
}

#[test]
fn a_device_with_a_slow_bus_is_dropped_at_once() {
    let bus = SlowBus::unlimited();
    let device = Device::builder().slow_bus(&bus).host().unwrap();
    let buffer: Buffer<u8, Host, Async> =
        Buffer::from_slice(&device, "buffer", &[1; 10_000]).unwrap().into_async();
    device.synchronize().unwrap();
    bus.set_rate(20_000);
    let began = Instant::now();
    let (ticket, dropped) = (buffer.start_download().unwrap(), buffer.start_download().unwrap());
    drop((dropped, buffer, device));
    assert!(!ticket.is_ready().unwrap(), "the drop waited for the bus: {:?}", began.elapsed());
    assert_eq!(*ticket.wait().unwrap(), [1; 10_000]);
    assert!(began.elapsed() >= Duration::from_millis(500));
}

#[test]
#[should_panic(expected = "a bus of 0 bytes a second")]
fn a_bus_that_stands_still_is_refused() {
    let _ = SlowBus::new(0);
}

/// Rule 2: a kernel that writes, on a stream of the application, waits for the downloads that read.
#[test]
fn kernels_of_other_streams_wait_for_downloads_before_they_write() {
    let bus = SlowBus::unlimited();
    let device = Device::builder().slow_bus(&bus).host().unwrap();
    let stream = device.create_stream().unwrap();
    for bound in [false, true] {
        for round in 0..5 {
            let mut buffer: Buffer<u32, Host, Async> =
                Buffer::from_slice(&device, "buffer", &[1; 10_000]).unwrap().into_async();
            device.synchronize().unwrap();
            bus.set_rate(2_000_000); // 20 ms
            let ticket = buffer.start_download().unwrap();
            let write = |(elements,): (&mut [u32],)| elements.fill(2);
            if bound {
                let mut bound = buffer.bind(&stream).unwrap();
                device.launch_on(&stream, (&mut bound,), write).unwrap();
            } else {
                device.launch_on(&stream, (&mut buffer,), write).unwrap();
            }
            let shown = ticket.wait().unwrap();
            assert!(shown.iter().all(|element| *element == 1), "bound: {bound}, round {round}");
            assert!(buffer.download().unwrap().iter().all(|element| *element == 2));
            bus.set_rate(u64::MAX);
        }
    }
}

/// Rule 2, for staging copies: a slot that was given up is free again while its download still reads its
/// staging copy.
#[test]
fn a_snapshot_waits_for_the_last_reader_of_its_copy() {
    let bus = SlowBus::unlimited();
    let device = Device::builder().slow_bus(&bus).host().unwrap();
    let spec = BufferSpec::new("buffer").snapshot().slots(1);
    let mut buffer: Buffer<u32, Host, Async> =
        Buffer::from_slice(&device, spec, &[1; 10_000]).unwrap().into_async();
    device.synchronize().unwrap();
    bus.set_rate(400_000); // 100 ms
    let first = buffer.start_download().unwrap();
    buffer.abandon_downloads();
    buffer.fill(2).unwrap();
    // The snapshot is copied to the memory that the first download reads.
    let second = buffer.start_download().unwrap();
    let (send, ended) = mpsc::channel();
    device.launch((), move |()| send.send(first.is_ready().unwrap()).unwrap()).unwrap();
    assert!(ended.recv().unwrap(), "the copy was made while the first download read");
    assert!(second.wait().unwrap().iter().all(|element| *element == 2));
}
