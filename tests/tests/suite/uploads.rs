//! Staged uploads that are awaited, or waited for with a timeout.

use crate::tasks::{NEVER, block_on};
use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, Device, Error, Upload};
use gpumem_tests::TestBackend;
use std::thread;
use std::time::{Duration, Instant};

const BUSY: Duration = Duration::from_millis(150);

fn send<B: TestBackend>(buffer: &mut Buffer<u32, B>, value: u32) -> Upload<B> {
    let mut stage = buffer.stage(1_000).unwrap();
    stage.fill(value);
    stage.commit().unwrap()
}

on_each_backend!(an_upload_is_awaited);
fn an_upload_is_awaited<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, "buffer").unwrap();
    block_on(send(&mut buffer, 0)).unwrap();
    let occupy = B::occupier(&device);
    let began = Instant::now();
    occupy(BUSY);
    let upload = send(&mut buffer, 1);
    // The buffer, the device and the other tickets may be dropped meanwhile.
    drop(send(&mut buffer, 2));
    std::mem::forget(send(&mut buffer, 3));
    let awaited = send(&mut buffer, 4);
    let last = buffer.download();
    assert!(*last.unwrap() == vec![4; 1_000]);
    assert!(began.elapsed() >= BUSY);
    assert!(upload.is_ready().unwrap(), "what comes later has arrived");
    drop((buffer, device));
    block_on(upload).unwrap();
    block_on(awaited).unwrap();
}

on_each_backend!(an_upload_wakes_the_task_that_awaits_it);
fn an_upload_wakes_the_task_that_awaits_it<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, "buffer").unwrap();
    block_on(send(&mut buffer, 0)).unwrap();
    let occupy = B::occupier(&device);
    let began = Instant::now();
    occupy(BUSY);
    let mut first = send(&mut buffer, 1);
    occupy(BUSY * 8);
    let second = send(&mut buffer, 2);
    // The second upload is awaited first. That does not delay the wait for the first.
    let waits = thread::spawn(move || block_on(second));
    thread::sleep(BUSY / 5);
    let arrived = first.wait_timeout(NEVER).unwrap();
    let after = began.elapsed();
    assert!(arrived.is_some() && first.is_ready().unwrap());
    assert!(after >= BUSY);
    waits.join().unwrap().unwrap();
    assert!(began.elapsed() >= BUSY * 9, "the second upload was behind both kernels");
    assert!(after < began.elapsed() - BUSY * 4, "the first was told when the second was");
}

on_each_backend!(a_stage_shows_no_memory_as_it_was_pinned);
fn a_stage_shows_no_memory_as_it_was_pinned<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B, Async> = Buffer::new(&device, "buffer").unwrap().into_async();
    buffer.resize(1_000).unwrap();
    buffer.fill(7).unwrap();
    for _ in 0..2 {
        // Only the device has written this pinned memory, and not all of it.
        drop(buffer.view(..900).unwrap().start_download().unwrap().wait().unwrap());
    }
    let pinned = device.stats().pinned_bytes;
    assert!(buffer.stage(1_000).unwrap().iter().all(|element| *element == 0));
    assert_eq!(device.stats().pinned_bytes, pinned, "this was other memory");
}

on_each_backend!(an_empty_upload_is_done_at_once);
fn an_empty_upload_is_done_at_once<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, "buffer").unwrap();
    B::occupy(&device, BUSY);
    let mut upload = buffer.stage(0).unwrap().commit().unwrap();
    assert!(upload.is_ready().unwrap() && upload.wait_timeout(Duration::ZERO).unwrap().is_some());
    block_on(upload).unwrap();
    // Waits here. Otherwise a thread would end the device, and the end of the program would cut that thread
    // off.
    device.synchronize().unwrap();
}

on_each_backend!(a_stage_that_can_never_be_committed_pins_nothing);
/// Regression: the memory was pinned, which took a second per GiB, and then the stage was refused.
fn a_stage_that_can_never_be_committed_pins_nothing<B: TestBackend>(open: Open<'_, B>) {
    const LIMIT: u64 = 1 << 20;
    let device = open!(open, Device::builder().memory_limit(LIMIT));
    let mut buffer: Buffer<u8, B> = Buffer::from_slice(&device, "buffer", &[1; 1_000]).unwrap();
    device.synchronize().unwrap();
    let pinned = device.stats().pinned_bytes;
    let error = buffer.stage(32 << 20).unwrap_err();
    assert!(
        matches!(error, Error::DeviceLimit { requested: 0x200_0000, used: 1_000, limit: LIMIT, .. }),
        "{error}"
    );
    assert_eq!(device.stats().pinned_bytes, pinned);
    // A stage that fits is granted.
    buffer.stage(100_000).unwrap().commit().unwrap();
    assert_eq!(buffer.len(), 100_000);
}
