//! Buffers that are bound to a stream of the application, on the host. `card.rs` has the same for a card.

use gpumem::testing::SlowBus;
use gpumem::{Async, Bound, Buffer, BufferSpec, Device, Error, Host};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::time::Duration;

type Numbers = Buffer<u32, Host, Async>;

fn add(device: &Device<Host>, bound: &mut Bound<'_, u32, Host, Async>, more: u32) {
    // The kernel runs on the compute stream.
    let kernel = move |(numbers,): (&mut [u32],)| numbers.iter_mut().for_each(|number| *number += more);
    device.launch((bound,), kernel).unwrap();
}

#[test]
fn kernels_and_downloads_follow_the_stream_alone() {
    for spec in [BufferSpec::new("plain"), BufferSpec::new("snapshot").snapshot()] {
        let device = Device::host();
        let stream = device.create_stream().unwrap();
        let mut numbers: Numbers = Buffer::from_slice(&device, spec, &[0; 10_000]).unwrap().into_async();
        let mut bound = numbers.bind(&stream).unwrap();
        let mut expected = 0;
        for round in 0..50 {
            device.launch_on(&stream, (), |()| std::thread::sleep(Duration::from_micros(200))).unwrap();
            for _ in 0..3 {
                let kernel = |(numbers,): (&mut [u32],)| numbers.iter_mut().for_each(|number| *number += 1);
                device.launch_on(&stream, (&mut bound,), kernel).unwrap();
            }
            expected += 3;
            let frame = bound.start_download().unwrap();
            match round % 4 {
                // A fill on the compute stream, between two kernels on the stream of the buffer.
                0 => {
                    bound.buffer().unwrap().fill(round).unwrap();
                    assert_eq!(frame.wait().unwrap()[9_999], expected);
                    expected = round;
                    continue;
                }
                1 => {
                    add(&device, &mut bound, 10);
                    assert!(frame.wait().unwrap().iter().all(|number| *number == expected));
                    expected += 10;
                    continue;
                }
                2 => drop(bound.buffer().unwrap().reserve(1 << 20)),
                _ => {}
            }
            assert!(frame.wait().unwrap().iter().all(|number| *number == expected), "round {round}");
        }
        bound.finish().unwrap();
        assert!(numbers.download().unwrap().iter().all(|number| *number == expected));
    }
}

/// Neither stream waits for the other: that is the purpose of `bind`.
#[test]
fn a_bound_buffer_does_not_wait_for_the_compute_stream() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    let mut numbers: Numbers = Buffer::from_slice(&device, "numbers", &[1, 2, 3]).unwrap().into_async();
    let mut bound = numbers.bind(&stream).unwrap();
    let (release, held) = mpsc::channel::<()>();
    device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
    for _ in 0..3 {
        device.launch_on(&stream, (&mut bound,), |(numbers,)| numbers[0] += 1).unwrap();
        let mut frame = bound.start_download().unwrap();
        let arrived = frame.wait_timeout(Duration::from_secs(30)).unwrap();
        assert!(arrived.is_some(), "the download waits for the compute stream");
    }
    drop(release);
    drop(bound);
    assert_eq!(numbers.download().unwrap(), [4, 2, 3]);
}

/// The guard may be forgotten, because each kernel was noted at its launch.
#[test]
fn a_forgotten_binding_is_harmless() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    let mut numbers: Numbers =
        Buffer::from_slice(&device, "numbers", &vec![1; 100_000]).unwrap().into_async();
    for round in 2..20 {
        let mut bound = numbers.bind(&stream).unwrap();
        device
            .launch_on(&stream, (&mut bound,), |(numbers,)| {
                std::thread::sleep(Duration::from_millis(1));
                numbers.iter_mut().for_each(|number| *number += 1);
            })
            .unwrap();
        std::mem::forget(bound);
        assert!(numbers.host_slice().unwrap().iter().all(|number| *number == round));
    }
    let mut bound = numbers.bind(&stream).unwrap();
    device.launch_on(&stream, (&mut bound,), |(numbers,)| numbers.fill(0)).unwrap();
    std::mem::forget(bound);
    drop(numbers);
    let next: Buffer<u32> = Buffer::from_slice(&device, "next", &vec![7; 100_000]).unwrap();
    device.synchronize_stream(&stream).unwrap();
    assert!(next.download().unwrap().iter().all(|number| *number == 7));
}

#[test]
fn bindings_refuse_other_devices_ranges_and_slots() {
    let (device, other) = (Device::host(), Device::host());
    let mut numbers: Numbers = Buffer::from_slice(&device, "numbers", &[1]).unwrap().into_async();
    let stream = other.create_stream().unwrap();
    let error = numbers.bind(&stream).map(drop).unwrap_err();
    assert!(matches!(error, Error::DifferentDevices { .. }), "{error:?}");
    let stream = device.create_stream().unwrap();
    let mut bound = numbers.bind(&stream).unwrap();
    assert!(matches!(bound.view(..2), Err(Error::OutOfBounds { .. })));
    let slots = [bound.start_download().unwrap(), bound.start_download().unwrap()];
    assert!(matches!(bound.start_download(), Err(Error::SlotsBusy { .. })));
    device.launch_on(&stream, (&mut bound,), |(numbers,)| numbers[0] = 9).unwrap();
    for frame in slots {
        assert_eq!(*frame.wait().unwrap(), [1]);
    }
    drop(bound);
    assert_eq!(numbers.download().unwrap(), [9]);
    // A buffer without memory.
    let mut empty: Numbers = Buffer::new(&device, "empty").unwrap().into_async();
    let mut bound = empty.bind(&stream).unwrap();
    device.launch_on(&stream, (&mut bound,), |(numbers,)| assert!(numbers.is_empty())).unwrap();
    assert!(bound.start_download().unwrap().wait().unwrap().is_empty());
    bound.buffer().unwrap().extend_from_slice(&[5]).unwrap();
    device.launch_on(&stream, (&mut bound,), |(numbers,)| numbers[0] += 1).unwrap();
    bound.finish().unwrap();
    assert_eq!(empty.download().unwrap(), [6]);
}

// Ranges, and all methods of a view.
#[test]
fn views_of_a_bound_buffer_follow_its_stream() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    for spec in [BufferSpec::new("plain"), BufferSpec::new("snapshot").snapshot()] {
        let mut numbers: Numbers = Buffer::from_slice(&device, spec, &[0; 10_000]).unwrap().into_async();
        let mut copy: Buffer<u32> = Buffer::from_slice(&device, "copy", &[0; 100]).unwrap();
        let mut bound = numbers.bind(&stream).unwrap();
        for round in 1..=20 {
            let kernel = move |(numbers,): (&mut [u32],)| {
                std::thread::sleep(Duration::from_millis(1));
                numbers.fill(round);
            };
            device.launch_on(&stream, (&mut bound,), kernel).unwrap();
            let tail = bound.view(9_990..).unwrap();
            match round % 4 {
                0 => assert_eq!(*tail.start_download().unwrap().wait().unwrap(), [round; 10]),
                1 => assert_eq!(tail.download().unwrap(), [round; 10]),
                2 => {
                    let (mut slice, mut vec) = ([0; 10], vec![7; 3]);
                    tail.download_into_slice(&mut slice).unwrap();
                    tail.download_into_vec(&mut vec).unwrap();
                    assert_eq!((slice, &vec[..]), ([round; 10], &[round; 10][..]));
                }
                // A copy on the device. It waits on the compute stream, and the next kernel waits for it.
                _ => {
                    device.launch((), |()| std::thread::sleep(Duration::from_millis(3))).unwrap();
                    copy.view_mut(..10).unwrap().copy_from(&tail.clone()).unwrap();
                    device.launch_on(&stream, (&mut bound,), |(numbers,)| numbers.fill(0)).unwrap();
                    assert_eq!(copy.view(..11).unwrap().download().unwrap()[9..], [round, 0]);
                }
            }
        }
        assert!(matches!(bound.view(..10_001), Err(Error::OutOfBounds { .. })));
    }
}

// A selection of buffers that are bound to one stream follows that stream. Any other selection follows the
// compute stream.
#[test]
fn selections_of_bound_buffers_show_one_point() {
    let device = Device::host();
    let (stream, other) = (device.create_stream().unwrap(), device.create_stream().unwrap());
    let new = |name| -> Numbers { Buffer::from_slice(&device, name, &[0; 1_000]).unwrap().into_async() };
    let (mut a, mut b, mut c, d) = (new("a"), new("b"), new("c"), new("d"));
    let (mut a, mut b, mut c) = (a.bind(&stream).unwrap(), b.bind(&stream).unwrap(), c.bind(&other).unwrap());
    for round in 1..=10 {
        for bound in [&mut a, &mut b] {
            let kernel = move |(numbers,): (&mut [u32],)| {
                std::thread::sleep(Duration::from_millis(1));
                numbers.fill(round);
            };
            device.launch_on(&stream, (bound,), kernel).unwrap();
        }
        device.launch_on(&other, (&mut c,), move |(numbers,)| numbers.fill(round)).unwrap();
        let (release, held) = mpsc::channel::<()>();
        device.launch((), move |()| held.recv().unwrap_or(())).unwrap();
        let parts = (a.view(..10).unwrap(), b.view(..).unwrap());
        let mut frame = device.start_downloads(parts).unwrap();
        let (x, y) =
            frame.wait_timeout(Duration::from_secs(30)).unwrap().expect("it waits for `stream` alone");
        assert!(x.iter().chain(&*y).all(|number| *number == round));
        drop((x, y));
        // A selection from several streams, with a buffer that is not bound.
        let all = (a.view(..).unwrap(), c.view(..).unwrap(), &d);
        let mut frame = device.start_downloads_when_free(all).wait().unwrap();
        assert!(
            frame.wait_timeout(Duration::from_millis(5)).unwrap().is_none(),
            "it waits for the compute stream"
        );
        drop(release);
        let (x, z, still) = frame.wait().unwrap();
        assert!(
            x.iter().chain(&*z).all(|number| *number == round) && still.iter().all(|number| *number == 0)
        );
    }
}

// The download shows the point at which it starts. Until then the buffer is lent, and nothing is started.
#[test]
fn a_bound_buffer_waits_for_slots() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    for spec in [BufferSpec::new("plain").slots(1), BufferSpec::new("snapshot").slots(1).snapshot()] {
        let mut numbers: Numbers = Buffer::from_slice(&device, spec, &[0; 10_000]).unwrap().into_async();
        let mut bound = numbers.bind(&stream).unwrap();
        for round in 1..=10 {
            device.launch_on(&stream, (&mut bound,), move |(numbers,)| numbers.fill(round)).unwrap();
            let held = bound.start_download().unwrap().wait().unwrap();
            assert!(matches!(bound.start_download(), Err(Error::SlotsBusy { slots: 1, .. })));
            let mut dropped = bound.view(1..).unwrap().start_download_when_free();
            assert!(Pin::new(&mut dropped).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(dropped);
            let next = device.launch_on(&stream, (&mut bound,), |(numbers,)| numbers[0] = 7);
            next.unwrap();
            let waits = bound.start_download_when_free();
            let reader = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(2));
                held[0]
            });
            let frame = waits.wait().unwrap();
            device.launch_on(&stream, (&mut bound,), |(numbers,)| numbers.fill(0)).unwrap();
            let frame = frame.wait().unwrap();
            assert_eq!((reader.join().unwrap(), frame[0], frame[9_999]), (round, 7, round));
        }
    }
}

/// Reads a bound buffer in one of the ways that take it by shared reference.
fn read(bound: &Bound<'_, u32, Host, Async>, way: usize, copy: &mut Buffer<u32>) -> Vec<u32> {
    match way % 4 {
        0 => bound.view(..).unwrap().download().unwrap(),
        1 => bound.start_download_when_free().wait().unwrap().wait().unwrap().to_vec(),
        2 => bound.view(50..150).unwrap().start_download_when_free().wait().unwrap().wait().unwrap().to_vec(),
        _ => {
            // The copy has not read the buffer yet when the next kernel is queued.
            copy.device().launch((), |()| std::thread::sleep(Duration::from_micros(500))).unwrap();
            copy.view_mut(..).unwrap().copy_from(&bound.view(..).unwrap()).unwrap();
            Vec::new()
        }
    }
}

// Each read makes the next kernel wait for it, regardless of other threads.
#[test]
fn threads_read_a_bound_buffer_at_the_same_time() {
    const THREADS: usize = 4;
    let bus = SlowBus::unlimited();
    let device = Device::builder().slow_bus(&bus).host().unwrap();
    let stream = device.create_stream().unwrap();
    let mut numbers: Numbers = Buffer::from_slice(&device, "numbers", &[0; 200]).unwrap().into_async();
    let mut copies: [Buffer<u32>; THREADS] =
        std::array::from_fn(|_| Buffer::from_slice(&device, "copy", &[0; 200]).unwrap());
    bus.set_rate(2_000_000);
    let mut bound = numbers.bind(&stream).unwrap();
    for round in 1..=60_u32 {
        if round % 3 == 0 {
            bound.buffer().unwrap().fill(round).unwrap();
        } else {
            device.launch_on(&stream, (&mut bound,), move |(numbers,)| numbers.fill(round)).unwrap();
        }
        std::thread::scope(|scope| {
            for (thread, copy) in copies.iter_mut().enumerate() {
                let bound = &bound;
                scope.spawn(move || {
                    for way in 0..2 {
                        let seen = read(bound, thread + way + round as usize, copy);
                        assert!(seen.iter().all(|number| *number == round), "{seen:?} in round {round}");
                    }
                });
            }
        });
        device.launch_on(&stream, (&mut bound,), |(numbers,)| numbers.fill(0)).unwrap();
        for copy in &copies {
            let seen = copy.download().unwrap();
            assert!(seen.iter().all(|number| *number == seen[0] && (*number != 0 || round < 4)), "{seen:?}");
        }
    }
    bound.finish().unwrap();
    assert_eq!(numbers.download().unwrap(), [0; 200]);
}
