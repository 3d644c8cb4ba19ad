//! Timelines: the records agree with the device. `tests/tests/timeline` has the formats.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Error};
use gpumem_tests::{AllocationLog, Random, TestBackend};
use std::collections::BTreeMap;

/// The blocks of buffers, as the log has them.
fn blocks<B: TestBackend>(buffers: &[Buffer<u32, B>]) -> BTreeMap<u64, u64> {
    let some = buffers.iter().filter(|buffer| buffer.capacity() > 0);
    some.map(|buffer| (B::address(buffer), buffer.capacity() as u64 * 4)).collect()
}

on_each_backend!(the_log_agrees_with_the_buffers);
fn the_log_agrees_with_the_buffers<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().timeline(1 << 15));
    let mut random = Random::new(15);
    let mut buffers: Vec<Buffer<u32, B>> = Vec::new();
    for step in 0..600 {
        match random.below(6) {
            0 | 1 => buffers.push(Buffer::new(&device, format!("buffer_{step}")).unwrap()),
            _ if buffers.is_empty() => {}
            2 => drop(buffers.swap_remove(random.below(buffers.len()))),
            3 => {
                let index = random.below(buffers.len());
                buffers[index].truncate(100);
                buffers[index].shrink_to_fit().unwrap();
            }
            4 if buffers.len() > 1 => {
                let (last, rest) = buffers.split_last_mut().unwrap();
                let index = random.below(rest.len());
                last.swap_contents(&mut rest[index]).unwrap();
            }
            _ => {
                let index = random.below(buffers.len());
                let bits = random.below(22);
                let len = random.below(1 << bits);
                buffers[index].resize(len).unwrap();
            }
        }
        if step % 50 == 0 {
            assert_eq!(AllocationLog::of(&device).live, blocks(&buffers), "step {step}");
        }
    }
    assert_eq!(AllocationLog::of(&device).live, blocks(&buffers));
    drop(buffers);
    assert!(AllocationLog::of(&device).live.is_empty());
}

on_each_backend!(threads_are_recorded_in_order);
fn threads_are_recorded_in_order<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().timeline(1 << 15));
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            let device = &device;
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for _ in 0..500 {
                    let mut buffer = Buffer::<u32, B>::with_capacity(device, "one", 1 + random.below(1_000));
                    buffer.as_mut().unwrap().reserve(random.below(3_000)).unwrap();
                }
            });
        }
    });
    let log = AllocationLog::of(&device);
    assert!(log.live.is_empty() && log.taken >= 2_000, "{} were taken", log.taken);
}

on_each_backend!(staging_copies_are_recorded);
fn staging_copies_are_recorded<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().timeline(1_000));
    let spec = BufferSpec::new("frame").snapshot();
    let mut frame: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, spec, &[1; 1_000]).unwrap().into_async();
    drop(frame.start_download().unwrap().wait().unwrap());
    assert_eq!(AllocationLog::of(&device).sizes(), [4_000, 4_000]);
    frame.shrink_to_fit().unwrap();
    assert_eq!(AllocationLog::of(&device).sizes(), [4_000]);
    drop(frame.start_download().unwrap().wait().unwrap());
    drop(frame);
    assert!(AllocationLog::of(&device).live.is_empty());
}

on_each_backend!(failures_are_recorded_and_change_nothing);
fn failures_are_recorded_and_change_nothing<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(10_000).timeline(1_000));
    let mut buffer = Buffer::<u32, B>::with_capacity(&device, "buffer", 2_000).unwrap();
    assert!(matches!(buffer.resize(2_600), Err(Error::DeviceLimit { .. })));
    assert!(matches!(buffer.stage(2_600).map(drop), Err(Error::DeviceLimit { .. })));
    let log = AllocationLog::of(&device);
    assert_eq!((log.failed, log.live), (2, blocks(&[buffer])));
}
