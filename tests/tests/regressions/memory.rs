//! Addresses, segments and lost blocks, and the figures about them.

use crate::{MIB, PATIENCE, block};
use gpumem::testing::Faults;
use gpumem::{Blocking, Buffer, BufferSpec, Device, Error, Host};
use std::sync::mpsc;
use std::time::Duration;

/// The slab with the lost block in it was unmapped, and the kernel wrote to it.
#[test]
fn memory_of_a_lost_block_outlives_the_device() {
    for call in 0.. {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        let stream = device.create_stream().unwrap();
        let mut buffer: Buffer<u8> = Buffer::from_slice(&device, "buffer", &[1; 4096]).unwrap();
        device.synchronize().unwrap();
        let (gate, wait) = mpsc::channel::<()>();
        let (send, written) = mpsc::channel();
        let kernel = move |(elements,): (&mut [u8],)| {
            let _ = wait.recv();
            elements.fill(7);
            send.send(()).unwrap();
        };
        faults.fail_at(call);
        let launched = device.launch_on(&stream, (&mut buffer,), kernel);
        assert!(faults.stop() && launched.is_err(), "the block is never lost: the test tests nothing");
        drop(buffer);
        if device.stats().lost_bytes > 0 {
            drop(device);
            std::thread::sleep(Duration::from_millis(50));
            drop(gate);
            written.recv_timeout(PATIENCE).unwrap();
            return;
        }
    }
}

/// Each failure left a segment with addresses and without memory.
#[test]
fn allocations_that_fail_leave_no_addresses_behind() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    faults.fail_driver(0..usize::MAX);
    assert!((0..20).all(|_| block(&device, 2 * MIB).is_err()));
    let _ = faults.stop();
    assert_eq!(device.defragment().unwrap().1.free_pieces, 0);
}

/// The peak was raised before there was memory, and with it the limit of retained memory.
#[test]
fn the_peak_counts_nothing_that_was_refused() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    faults.fail_driver(0..usize::MAX);
    let most = usize::try_from(device.memory_limit()).unwrap();
    assert!(block(&device, most / 2).is_err());
    let _ = faults.stop();
    assert_eq!(device.stats().peak_bytes, 0);
}

/// The peak counted retired memory in addition to live memory.
#[test]
fn the_peak_counts_nothing_that_was_dropped() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    let old: Buffer<u8> = Buffer::from_slice(&device, "old", &vec![0; 8 * MIB]).unwrap();
    let (gate, wait) = mpsc::channel::<()>();
    device.launch_on(&stream, (&old,), move |_| _ = wait.recv()).unwrap();
    drop(old);
    let _new = block(&device, 8 * MIB).unwrap();
    let stats = device.stats();
    drop(gate);
    assert_eq!((stats.live_bytes, stats.retired_bytes, stats.peak_bytes), (8 << 20, 8 << 20, 8 << 20));
}

/// Memory was mapped at the end of the buffer before the transfer had its pinned memory. It stayed there, and
/// no operation could free it.
#[test]
fn an_upload_without_pinned_memory_maps_nothing_at_the_end_of_the_buffer() {
    let faults = Faults::new();
    let device = Device::builder().faults(&faults).memory_limit(64 << 20).host().unwrap();
    let mut buffer: Buffer<u8> = Buffer::from_slice(&device, "buffer", &vec![1; 4 * MIB]).unwrap();
    device.synchronize().unwrap();
    let data = vec![2; 60 * MIB];
    for call in 0.. {
        faults.fail_at(call);
        let error = buffer.upload(&data).expect_err("pinned memory never failed: the test tests nothing");
        let _ = faults.stop();
        if matches!(error, Error::OutOfPinnedMemory { .. }) {
            break;
        }
    }
    device.trim(0).unwrap();
    assert!(device.stats().held_bytes <= 6 << 20, "{:?}", device.stats());
}

/// Whether a stable buffer of `spec` keeps its address when it grows.
fn stays(device: &Device<Host>, spec: BufferSpec) -> bool {
    let mut buffer: Buffer<u8, Host, Blocking> = Buffer::with_capacity(device, spec, 4 * MIB).unwrap();
    buffer.resize(1).unwrap();
    let before = buffer.host_slice().unwrap().as_ptr();
    buffer.reserve(8 * MIB).unwrap();
    before == buffer.host_slice().unwrap().as_ptr()
}

/// The buffer took a free segment without addresses for growth, and moved.
#[test]
fn a_stable_buffer_takes_no_short_segment_from_the_cache() {
    let device = Device::host();
    if !device.has_virtual_memory() {
        return;
    }
    let short = BufferSpec::new("short").max(4 << 20);
    drop(Buffer::<u8>::with_capacity(&device, short, 4 * MIB).unwrap());
    assert!(stays(&device, BufferSpec::new("stable").stable()));
}

/// The first buffer took nearly all addresses. The second one got memory without addresses for growth, and
/// moved.
#[test]
fn stable_buffers_share_the_addresses_whatever_their_max() {
    let device = Device::builder().memory_limit(1 << 30).host().unwrap();
    if !device.has_virtual_memory() {
        return;
    }
    let spec = BufferSpec::new("stable").stable().max(100 << 40);
    let _first: Buffer<u8> = Buffer::with_capacity(&device, &spec, 4 * MIB).unwrap();
    assert!(stays(&device, spec));
}
