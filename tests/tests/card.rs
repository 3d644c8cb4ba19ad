//! What only a card shows: memory that others hold, and kernels on streams of the application's own.
#![cfg(feature = "cuda")]

use gpumem::{Async, Buffer, BufferSpec, Cuda, Device, Error};
use gpumem_tests::TestBackend;

const KERNELS: &str = include_str!("../src/kernels.ptx");

fn card() -> Option<Device<Cuda>> {
    Cuda::open(Device::builder())
}

/// Another device on the same card is to this one what another process is: neither knows what the other holds.
#[test]
fn memory_that_others_hold_is_survived() {
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
    let Error::OutOfMemory { requested, live, kept, free: left, .. } = error else { panic!("{error}") };
    assert_eq!((requested, live), (half as u64, 4_000_000));
    assert!(kept < 4 << 20, "what was kept went back first: {kept}");
    assert!(left.is_some_and(|left| left < free / 2), "{left:?}");
    buffer.resize(2_000_000).unwrap();

    // What the others free is theirs to give back; then there is room.
    drop(hog);
    others.trim(0).unwrap();
    let large: Buffer<u8, Cuda> = Buffer::with_capacity(&mine, "large", half).unwrap();
    assert_eq!(buffer.view(999_999..1_000_001).unwrap().download().unwrap(), [7, 0]);
    drop((large, buffer));
    mine.close().unwrap();
    others.close().unwrap();
}

#[test]
fn kernels_on_streams_of_the_applications_own_are_waited_for() {
    let Some(device) = card() else { return };
    let module = device.load_ptx(KERNELS).unwrap();
    let (occupy, add_one) = (module.get_function("occupy").unwrap(), module.get_function("add_one").unwrap());
    let stream = device.create_stream().unwrap();
    let count = 1_u32 << 20;
    let mut numbers: Buffer<u32, Cuda> = Buffer::from_slice(&device, "numbers", &vec![1; 1 << 20]).unwrap();
    for round in 1..=10_u32 {
        let used = numbers.use_on_mut(&stream).unwrap();
        let mut used = used;
        // SAFETY: the first kernel touches no memory; the second takes a pointer to `count` elements, which the buffer has, and is
        // launched on the stream that the use is on, while it lasts.
        unsafe {
            cust::launch!(occupy<<<1, 1, 0, stream>>>(5_000_000_u64)).unwrap();
            cust::launch!(add_one<<<count / 256, 256, 0, stream>>>(used.as_device_ptr(), count)).unwrap();
        }
        used.finish().unwrap();
        // On the compute stream, behind it.
        assert!(numbers.download().unwrap().iter().all(|number| *number == 1 + round), "round {round}");
    }
    // A reader on the stream, and the buffer dropped: its memory goes to nobody else before the kernel is past.
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

#[test]
fn a_bound_buffer_follows_its_stream() {
    let Some(device) = card() else { return };
    let module = device.load_ptx(KERNELS).unwrap();
    let (occupy, add_one) = (module.get_function("occupy").unwrap(), module.get_function("add_one").unwrap());
    let stream = device.create_stream().unwrap();
    let count = 1_u32 << 20;
    for spec in [BufferSpec::new("plain"), BufferSpec::new("snapshot").snapshot()] {
        let mut numbers: Buffer<u32, Cuda, Async> =
            Buffer::from_slice(&device, spec, &vec![0; 1 << 20]).unwrap();
        let mut bound = numbers.bind(&stream).unwrap();
        let mut expected = 0;
        let mut frames = Vec::new();
        for round in 0..20_u32 {
            for _ in 0..3 {
                let address = bound.as_device_ptr().unwrap();
                // SAFETY: the first kernel touches no memory; the second takes a pointer to `count` elements, which the buffer has, and is
                // launched on the stream that it is bound to.
                unsafe {
                    cust::launch!(occupy<<<1, 1, 0, stream>>>(500_000_u64)).unwrap();
                    cust::launch!(add_one<<<count / 256, 256, 0, stream>>>(address, count)).unwrap();
                }
                expected += 1;
            }
            frames.push((expected, bound.start_download().unwrap()));
            if round % 4 == 3 {
                // On the compute stream, between kernels of the other.
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
