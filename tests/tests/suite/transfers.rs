//! Large transfers by several threads, and staged uploads.

use crate::{Open, on_each_backend, open};
use bytemuck::{Pod, Zeroable};
use gpumem::{Async, Buffer, Device, Element};
use gpumem_tests::{Random, TestBackend};
use std::time::Duration;

const MIB: usize = 1 << 20;

/// Twelve bytes, so that pieces end inside elements.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Vertex {
    position: [f32; 2],
    color: [u8; 4],
}

/// `len` elements. Those near each other differ.
fn elements<T: Element>(len: usize, seed: u64) -> Vec<T> {
    let mut random = Random::new(seed + 1);
    let mut elements = vec![T::zeroed(); len];
    // Small numbers in every byte are ordinary values of every type.
    for (index, byte) in bytemuck::cast_slice_mut::<T, u8>(&mut elements).iter_mut().enumerate() {
        if index % 8 == 0 || index % 4093 == 0 {
            *byte = u8::try_from(random.next_u64() % 100).unwrap();
        }
    }
    elements
}

fn check<T: Element + PartialEq, B: TestBackend>(device: &Device<B>, len: usize) {
    let name = std::any::type_name::<T>();
    let mut data = elements::<T>(len, len as u64);
    let mut buffer: Buffer<T, B> = Buffer::from_slice(device, "large", &data).unwrap();
    assert!(buffer.download().unwrap() == data, "{len} {name}");
    // Into existing memory, and into a slice.
    data.reverse();
    buffer.upload(&data).unwrap();
    let mut slice = vec![T::zeroed(); len];
    buffer.download_into_slice(&mut slice).unwrap();
    assert!(slice == data, "{len} {name} into a slice");
    if len < 3 {
        return;
    }
    // From the second element to the last but one.
    let inner = elements::<T>(len - 2, 77);
    buffer.view_mut(1..len - 1).unwrap().write(&inner).unwrap();
    data[1..len - 1].copy_from_slice(&inner);
    assert!(buffer.view(1..len - 1).unwrap().download().unwrap() == inner, "{len} {name} of a view");
    assert!(buffer.download().unwrap() == data, "{len} {name} around a view");
    // Past the end of the buffer.
    buffer.truncate(2);
    buffer.extend_from_slice(&inner).unwrap();
    data.truncate(2);
    data.extend_from_slice(&inner);
    let mut target = vec![T::zeroed(); 1];
    buffer.download_into_vec(&mut target).unwrap();
    assert!(target == data, "{len} {name} appended");
}

on_each_backend!(large_transfers_of_every_size_come_back);
fn large_transfers_of_every_size_come_back<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let around = |bytes: usize| [bytes - 1, bytes, bytes + 1];
    let sizes = [0, 1].into_iter().chain([2, 4, 8].into_iter().flat_map(|size| around(size * MIB)));
    for len in sizes.chain([20 * MIB + 3]) {
        check::<u8, B>(&device, len);
    }
    check::<[u8; 3], B>(&device, 3 * MIB + 1);
    check::<[f32; 3], B>(&device, MIB + 7);
    check::<Vertex, B>(&device, 2 * MIB - 1);
    device.synchronize().unwrap();
    let stats = device.stats();
    assert_eq!((stats.live_bytes, stats.retired_bytes, stats.lost_bytes), (0, 0, 0));
    device.close().unwrap();
}

on_each_backend!(large_uploads_run_in_the_order_of_the_stream);
fn large_uploads_run_in_the_order_of_the_stream<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let old: Vec<u32> = vec![1; 3 * MIB];
    let new: Vec<u32> = elements(3 * MIB, 5);
    let mut buffer: Buffer<u32, B, Async> = Buffer::from_slice(&device, "buffer", &old).unwrap().into_async();
    // After a download that has not begun, and after a kernel.
    B::occupy(&device, Duration::from_millis(30));
    B::add_one(&mut buffer);
    let before = buffer.start_download().unwrap();
    buffer.upload(&new).unwrap();
    B::add_one(&mut buffer);
    let after = buffer.start_download().unwrap();
    buffer.fill(0).unwrap();
    assert!(before.wait().unwrap().iter().all(|element| *element == 2), "what was there before the upload");
    let after = after.wait().unwrap();
    assert!(
        after.iter().zip(&new).all(|(got, sent)| *got == sent.wrapping_add(1)),
        "the kernel saw all of it"
    );
    assert!(buffer.download().unwrap().iter().all(|element| *element == 0));
}

on_each_backend!(memory_of_a_large_upload_is_used_again_in_order);
fn memory_of_a_large_upload_is_used_again_in_order<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data: Vec<u32> = elements(3 * MIB, 6);
    for round in 0..4 {
        B::occupy(&device, Duration::from_millis(10));
        drop(Buffer::<u32, B>::from_slice(&device, "first", &data).unwrap());
        let mut second: Buffer<u32, B> = Buffer::with_capacity(&device, "second", data.len()).unwrap();
        second.resize(data.len()).unwrap();
        second.fill(round).unwrap();
        assert!(second.download().unwrap().iter().all(|element| *element == round));
    }
    device.synchronize().unwrap();
    assert_eq!(device.stats().lost_bytes, 0);
}

on_each_backend!(threads_transfer_at_the_same_time);
fn threads_transfer_at_the_same_time<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            let device = &device;
            scope.spawn(move || {
                let mut buffer: Buffer<u32, B> = Buffer::new(device, "buffer").unwrap();
                for round in 0..4 {
                    let data = elements(3 * MIB + round, seed);
                    buffer.upload(&data).unwrap();
                    assert!(buffer.download().unwrap() == data, "thread {seed}, round {round}");
                }
            });
        }
    });
    let data: Vec<u32> = elements(4 * MIB, 9);
    let buffer: Buffer<u32, B> = Buffer::from_slice(&device, "shared", &data).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(buffer.download().unwrap() == data));
        }
    });
    drop(buffer);
    device.synchronize().unwrap();
    assert_eq!((device.stats().live_bytes, device.stats().lost_bytes), (0, 0));
    device.close().unwrap();
}

on_each_backend!(stages_are_sent_from_where_they_were_filled);
fn stages_are_sent_from_where_they_were_filled<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<[u8; 3], B, Async> = Buffer::new(&device, "buffer").unwrap().into_async();
    for len in [0, 1, 5, 100_000, 3 * MIB + 1, 7] {
        let data: Vec<[u8; 3]> = elements(len, 3);
        let mut stage = buffer.stage(len).unwrap();
        assert_eq!(stage.len(), len);
        stage.copy_from_slice(&data);
        assert!(stage[..] == data);
        let upload = stage.commit().unwrap();
        assert_eq!(buffer.len(), len);
        assert!(buffer.download().unwrap() == data, "{len} elements");
        assert!(upload.is_ready().unwrap());
        upload.wait().unwrap();
    }
    // A part of the buffer, after a download that has not begun.
    B::occupy(&device, Duration::from_millis(30));
    let before = buffer.start_download().unwrap();
    let old = elements::<[u8; 3]>(7, 3);
    let mut stage = buffer.stage(2).unwrap();
    stage.fill([9; 3]);
    stage.commit_at(3).unwrap();
    let mut expected = old.clone();
    expected[3..5].fill([9; 3]);
    assert_eq!(*before.wait().unwrap(), old);
    assert_eq!(buffer.download().unwrap(), expected);
    // A stage that does not fit or is not committed changes nothing.
    let error = buffer.stage(3).unwrap().commit_at(5).unwrap_err();
    assert!(matches!(error, gpumem::Error::OutOfBounds { start: 5, end: 8, len: 7, .. }), "{error}");
    let error = buffer.stage(usize::MAX / 2).unwrap_err();
    assert!(matches!(error, gpumem::Error::SizeOverflow { .. }), "{error}");
    buffer.stage(0).unwrap().commit_at(7).unwrap();
    drop(buffer.stage(100).unwrap());
    assert_eq!(buffer.download().unwrap(), expected);
    buffer.stage(0).unwrap().commit().unwrap();
    assert!(buffer.is_empty());
    drop(buffer);
    device.synchronize().unwrap();
    assert_eq!((device.stats().live_bytes, device.stats().lost_bytes), (0, 0));
    device.close().unwrap();
}

on_each_backend!(staged_uploads_run_in_the_order_of_the_stream);
fn staged_uploads_run_in_the_order_of_the_stream<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, "buffer").unwrap();
    B::occupy(&device, Duration::from_millis(30));
    let mut uploads = Vec::new();
    for round in 0..20 {
        let mut stage = buffer.stage(10_000 * (round as usize % 3 + 1)).unwrap();
        stage.fill(round);
        uploads.push(stage.commit().unwrap());
        B::add_one(&mut buffer);
    }
    assert!(buffer.download().unwrap().iter().all(|element| *element == 20));
    drop(buffer);
    // Tickets outlive the buffer, and one of them outlives the device.
    let last = uploads.pop().unwrap();
    uploads.into_iter().for_each(|upload| upload.wait().unwrap());
    device.close().unwrap();
    assert!(last.is_ready().unwrap());
    last.wait().unwrap();
}
