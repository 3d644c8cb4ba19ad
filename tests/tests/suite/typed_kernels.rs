//! Typed kernels on each backend: their order with all other work, their arguments, and refused launches.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, Error, Launch};
use gpumem_tests::{TestBackend, kernels};

const LEN: usize = 10_000;
/// Nanoseconds for which a kernel keeps its stream busy.
const BUSY_KERNEL: u64 = 20_000_000;

on_each_backend!(launches_take_their_turn);
fn launches_take_their_turn<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let kernels = kernels::Kernels::load(&device).unwrap();
    let mut numbers: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "numbers", &[0; LEN]).unwrap().into_async();
    for round in 0..20 {
        kernels.add_one(Launch::over(LEN), &mut numbers).unwrap();
        let frame = numbers.start_download().unwrap();
        // Waits for the copy, on the device.
        kernels.add_one(Launch::over(LEN), &mut numbers).unwrap();
        let frame = frame.wait().unwrap();
        assert!(frame.iter().all(|number| *number == 2 * round + 1), "round {round}");
    }
    kernels.occupy(Launch::grid(1).block(1), BUSY_KERNEL).unwrap();
    kernels.add_one(Launch::over(LEN).block(100), &mut numbers).unwrap();
    // The queued kernels stay loaded until they have ended.
    drop(kernels);
    assert_eq!(numbers.download().unwrap(), [41; LEN]);
}

on_each_backend!(a_view_is_a_part_of_its_buffer);
fn a_view_is_a_part_of_its_buffer<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let kernels = kernels::Kernels::load(&device).unwrap();
    let mut pairs: Buffer<[u32; 2], B> = Buffer::from_slice(&device, "pairs", &[[0, 0]; 100]).unwrap();
    // More threads than elements: the kernel takes the length of its slice.
    kernels.add_one(Launch::over(LEN), pairs.view_mut(10..20).unwrap().cast::<u32>()).unwrap();
    kernels.add_one(Launch::over(LEN), pairs.view_mut(15..15).unwrap().cast::<u32>()).unwrap();
    let added = pairs.download().unwrap();
    assert!(added.iter().enumerate().all(|(index, pair)| *pair == [u32::from((10..20).contains(&index)); 2]));
    let mut empty: Buffer<u32, B> = Buffer::new(&device, "empty").unwrap();
    kernels.add_one(Launch::over(1), &mut empty).unwrap();
    kernels.add_one(Launch::over(0), pairs.view_mut(..).unwrap().cast::<u32>()).unwrap();
    assert_eq!(pairs.download().unwrap(), added);
}

on_each_backend!(launches_on_streams_of_the_application_are_waited_for);
fn launches_on_streams_of_the_application_are_waited_for<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let kernels = kernels::Kernels::load(&device).unwrap();
    let stream = device.create_stream().unwrap();
    let mut numbers: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "numbers", &[0; LEN]).unwrap().into_async();
    let on_stream = || Launch::over(LEN).on(&stream);
    for round in 0..10 {
        kernels.occupy(Launch::grid(1).block(1).on(&stream), 2_000_000).unwrap();
        kernels.add_one(on_stream(), &mut numbers).unwrap();
        // The compute stream waits for the other.
        kernels.add_one(Launch::over(LEN), &mut numbers).unwrap();
        let frame = numbers.start_download().unwrap();
        let mut bound = numbers.bind(&stream).unwrap();
        kernels.add_one(on_stream(), &mut bound).unwrap();
        let own = bound.start_download().unwrap();
        kernels.add_one(on_stream(), &mut bound).unwrap();
        bound.finish().unwrap();
        let (frame, own) = (frame.wait().unwrap(), own.wait().unwrap());
        assert!(frame.iter().all(|number| *number == 4 * round + 2), "round {round}: {}", frame[0]);
        assert!(own.iter().all(|number| *number == 4 * round + 3), "round {round}: {}", own[0]);
    }
    // Parked memory: the buffer is dropped while the stream uses it.
    kernels.occupy(Launch::grid(1).block(1).on(&stream), BUSY_KERNEL).unwrap();
    kernels.add_one(on_stream(), &mut numbers).unwrap();
    drop(numbers);
    let next: Buffer<u32, B> = Buffer::from_slice(&device, "next", &[7; LEN]).unwrap();
    device.synchronize_stream(&stream).unwrap();
    assert_eq!(next.download().unwrap(), [7; LEN]);
}

on_each_backend!(threads_launch_at_the_same_time);
fn threads_launch_at_the_same_time<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let kernels = kernels::Kernels::load(&device).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (device, kernels) = (&device, &kernels);
            scope.spawn(move || {
                let mut numbers: Buffer<u32, B> =
                    Buffer::from_slice(device, "numbers", &[thread; LEN]).unwrap();
                for _ in 0..100 {
                    kernels.add_one(Launch::over(LEN), &mut numbers).unwrap();
                }
                assert_eq!(numbers.download().unwrap(), [thread + 100; LEN]);
            });
        }
    });
}

on_each_backend!(launches_that_cannot_be_are_refused);
fn launches_that_cannot_be_are_refused<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let kernels = kernels::Kernels::load(&device).unwrap();
    let mut numbers: Buffer<u32, B> = Buffer::from_slice(&device, "numbers", &[0; 10]).unwrap();
    let launches = [
        (
            Launch::over(10).block(2_048),
            "a block of 2048 x 1 x 1 threads has 2048, and a block of `add_one` has at most",
        ),
        (
            Launch::over(10).block((1, 1, 128)),
            "a block of 1 x 1 x 128 is too large for `add_one`: the device has at most",
        ),
        (
            Launch::grid((1, 1, 65_536)),
            "a grid of 1 x 1 x 65536 is too large for `add_one`: the device has at most",
        ),
        (Launch::over(usize::MAX).block(1), "`add_one` would have more blocks than a grid can have"),
        (Launch::over(10).shared(10 << 20), "`add_one` cannot have 10485760 bytes of dynamic shared memory"),
    ];
    let mut launched = 0;
    for (launch, reason) in launches {
        match kernels.add_one(launch, &mut numbers) {
            // The host runs the body, for any size.
            Ok(()) => launched += 1,
            Err(error) => {
                assert!(matches!(&error, Error::KernelRefused { backend: "cuda", .. }), "{error}");
                assert!(error.to_string().contains(reason), "{error}");
            }
        }
    }
    assert_eq!(launched, if B::NAME == "host" { launches.len() } else { 0 });
    // A refused launch leaves the buffer as it was, and more shared memory than every kernel has is allowed.
    kernels.add_one(Launch::over(10).shared(64 << 10), &mut numbers).unwrap();
    let sum = u32::try_from(launched).unwrap() + 1;
    assert_eq!(numbers.download().unwrap(), [sum; 10]);
}

on_each_backend!(kernels_keep_no_device_open);
fn kernels_keep_no_device_open<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let kernels = kernels::Kernels::load(&device).unwrap();
    let mut numbers: Buffer<u32, B> = Buffer::from_slice(&device, "numbers", &[0; LEN]).unwrap();
    kernels.occupy(Launch::grid(1).block(1), 1_000_000).unwrap();
    kernels.add_one(Launch::over(LEN), &mut numbers).unwrap();
    drop(numbers);
    device.close().unwrap();
    let error = kernels.occupy(Launch::grid(1).block(1), 1).unwrap_err();
    assert!(error.to_string().contains("the device of `occupy` is closed"), "{error}");
}
