//! Buffers that are bound to a stream of the application's own, on the host; `card.rs` has the same for a card.

use gpumem::{Async, Bound, Buffer, BufferSpec, Device, Error, Host};
use std::sync::mpsc;
use std::time::Duration;

type Numbers = Buffer<u32, Host, Async>;

fn add(device: &Device<Host>, bound: &mut Bound<'_, u32, Host, Async>, more: u32) {
    // On the compute stream.
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
                // On the compute stream, between two kernels of its stream.
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

/// Neither stream waits for the other, which is what `bind` is for.
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

/// The guard may be forgotten: each kernel was noted at its launch.
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
        assert!(numbers.as_slice().unwrap().iter().all(|number| *number == round));
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
    assert!(matches!(bound.start_download_range(..2), Err(Error::OutOfBounds { .. })));
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
