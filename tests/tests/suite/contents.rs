//! A read shows the last write.

use crate::{Open, on_each_backend, open};
use gpumem::{Buffer, Device, Element, Error};
use gpumem_tests::{Random, TestBackend};
use std::fmt::Debug;
use std::time::Duration;

on_each_backend!(uploads_of_every_size_come_back);
fn uploads_of_every_size_come_back<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    // Around the smallest size of a piece of a transfer (256 KiB) and the largest (2 MiB), and several
    // pieces.
    const LEAST: usize = 1 << 16;
    const PIECE: usize = 1 << 19;
    let small = [0, 1, 2, 1_000, LEAST - 1, LEAST, LEAST + 1, 2 * LEAST, 3 * LEAST + 7];
    let large =
        [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 4 * PIECE - 1, 4 * PIECE, 4 * PIECE + 1, 6 * PIECE + 7];
    for len in small.into_iter().chain(large) {
        let data = Random::new(len as u64 + 1).vec(len);
        let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, "data", &data).unwrap();
        assert_eq!((buffer.len(), buffer.is_empty()), (len, len == 0));
        assert!(buffer.download().unwrap() == data, "{len} elements");
        // Again, into existing memory, by the other two methods.
        let data = Random::new(len as u64 + 2).vec(len);
        buffer.upload(&data).unwrap();
        let mut slice = vec![0; len];
        buffer.download_into_slice(&mut slice).unwrap();
        assert!(slice == data, "{len} elements into a slice");
        let mut target = vec![1, 2, 3];
        buffer.download_into_vec(&mut target).unwrap();
        assert!(target == data, "{len} elements into a Vec");
        let short = buffer.download_into_slice(&mut vec![0; len + 1]).unwrap_err();
        assert!(matches!(short, Error::LengthMismatch { other, .. } if other == len + 1), "{short}");
    }
}

on_each_backend!(elements_of_every_size_are_filled);
fn elements_of_every_size_are_filled<B: TestBackend>(open: Open<'_, B>) {
    fn check<T: Element + PartialEq + Debug, B: TestBackend>(device: &Device<B>, value: T, other: T) {
        for len in [1, 2, 3, 7, 1_000, 70_000] {
            let mut buffer: Buffer<T, B> = Buffer::new(device, "filled").unwrap();
            buffer.resize(len).unwrap();
            assert!(buffer.download().unwrap() == vec![T::zeroed(); len], "{len} zeros");
            buffer.fill(value).unwrap();
            assert!(buffer.download().unwrap() == vec![value; len], "{len} times {value:?}");
            // From an irregular offset on, so that no wide store fits by chance.
            let from = len / 3;
            buffer.view_mut(from..).unwrap().fill(other).unwrap();
            let mut expected = vec![value; len];
            expected[from..].fill(other);
            assert!(buffer.download().unwrap() == expected, "{len} with {other:?} from {from} on");
        }
    }
    let device = open!(open);
    check(&device, 7_u8, 8_u8);
    check(&device, 0x0102_u16, 0x0303_u16);
    check(&device, 0x0102_0304_u32, 5_u32);
    check(&device, 1.5_f64, -0.0_f64);
    check(&device, [1_u8, 2, 3], [9, 9, 9]);
    check(&device, [1.0_f32, 2.0], [3.0, 3.0]);
    check(&device, [1_u8, 2, 3, 4, 5], [0; 5]);
    check(&device, [1_u64, 2, 3], [4, 4, 4]);
}

on_each_backend!(resize_shows_zeros_and_never_old_data);
fn resize_shows_zeros_and_never_old_data<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    // Writes to the memory that the next buffers are likely to get.
    drop(Buffer::<u32, B>::from_slice(&device, "before", &[0xdead_beef; 4_000]).unwrap());
    device.synchronize().unwrap();
    let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, "buffer", &[1, 2, 3]).unwrap();
    buffer.resize(4_000).unwrap();
    let mut expected = vec![1, 2, 3];
    expected.resize(4_000, 0);
    assert!(buffer.download().unwrap() == expected);
    buffer.fill(9).unwrap();
    buffer.truncate(2);
    buffer.resize(1_000).unwrap();
    expected.clear();
    expected.extend([9, 9]);
    expected.resize(1_000, 0);
    assert!(buffer.download().unwrap() == expected, "what was cut off is zero when it comes back");
    buffer.clear();
    assert_eq!((buffer.len(), buffer.capacity()), (0, 4_000));
    buffer.truncate(10);
    assert_eq!(buffer.len(), 0, "truncating never lengthens");
}

on_each_backend!(writes_outside_are_refused_and_change_nothing);
fn writes_outside_are_refused_and_change_nothing<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, "buffer", &[1, 2, 3, 4]).unwrap();
    buffer.write(1, &[20, 30]).unwrap();
    buffer.write(4, &[]).unwrap();
    for (offset, data) in [(3, &[7, 7][..]), (5, &[]), (usize::MAX, &[7])] {
        let error = buffer.write(offset, data).unwrap_err();
        assert!(matches!(error, Error::OutOfBounds { len: 4, start, .. } if start == offset), "{error}");
    }
    assert_eq!(
        buffer.write(3, &[7, 7]).unwrap_err().to_string(),
        "buffer `buffer`: elements 3..5 were asked for, and it has 4"
    );
    assert!(matches!(buffer.view(2..5), Err(Error::OutOfBounds { start: 2, end: 5, len: 4, .. })));
    #[allow(clippy::reversed_empty_ranges)]
    let reversed = buffer.view_mut(3..2).map(|_| ());
    assert!(matches!(reversed, Err(Error::OutOfBounds { start: 3, end: 2, .. })));
    assert!(matches!(buffer.view(0..=usize::MAX), Err(Error::OutOfBounds { .. })));
    assert_eq!(buffer.download().unwrap(), [1, 20, 30, 4]);
    buffer.extend_from_slice(&[5, 6]).unwrap();
    buffer.extend_from_slice(&[]).unwrap();
    assert_eq!(buffer.download().unwrap(), [1, 20, 30, 4, 5, 6]);
}

on_each_backend!(views_read_and_write_ranges);
fn views_read_and_write_ranges<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data: Vec<u16> = (0..1_000).collect();
    let mut buffer: Buffer<u16, B> = Buffer::from_slice(&device, "buffer", &data).unwrap();
    assert_eq!(buffer.view(..).unwrap().download().unwrap(), data);
    assert_eq!(buffer.view(500..=501).unwrap().download().unwrap(), [500, 501]);
    assert!(buffer.view(1_000..).unwrap().is_empty());
    let mut view = buffer.view_mut(10..13).unwrap();
    assert_eq!((view.len(), view.range()), (3, 10..13));
    view.write(&[7, 8, 9]).unwrap();
    assert!(matches!(view.write(&[7]), Err(Error::LengthMismatch { len: 3, other: 1, .. })));
    assert_eq!(buffer.view(9..14).unwrap().download().unwrap(), [9, 7, 8, 9, 13]);
}

on_each_backend!(copies_between_buffers_stay_on_the_device);
fn copies_between_buffers_stay_on_the_device<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(3).vec(5_000);
    let source: Buffer<u32, B> = Buffer::from_slice(&device, "source", &data).unwrap();
    let mut target: Buffer<u32, B, gpumem::Async> =
        Buffer::from_slice(&device, "target", &[1]).unwrap().into_async();
    let uploads = device.stats().uploads;
    target.copy_from(&source).unwrap();
    let mut part: Buffer<u32, B> = Buffer::new(&device, "part").unwrap();
    part.resize(100).unwrap();
    part.view_mut(50..).unwrap().copy_from(&source.view(1_000..1_050).unwrap()).unwrap();
    let stats = device.stats();
    assert_eq!((stats.uploads, stats.downloads), (uploads, 0), "nothing went over the bus");
    assert!(target.download().unwrap() == data);
    let expected = [vec![0; 50], data[1_000..1_050].to_vec()].concat();
    assert!(part.download().unwrap() == expected);
    let mismatch = part.view_mut(..3).unwrap().copy_from(&source.view(..4).unwrap()).unwrap_err();
    assert!(matches!(mismatch, Error::LengthMismatch { len: 3, other: 4, .. }), "{mismatch}");
    let other = open!(open);
    let mut elsewhere: Buffer<u32, B> = Buffer::from_slice(&other, "elsewhere", &[1, 2]).unwrap();
    let error = elsewhere.copy_from(&source).unwrap_err();
    assert!(matches!(error, Error::DifferentDevices { .. }), "{error}");
    assert_eq!(elsewhere.download().unwrap(), [1, 2]);
}

on_each_backend!(kernels_run_in_the_order_of_the_stream);
fn kernels_run_in_the_order_of_the_stream<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, "buffer", &[0, 10, 20]).unwrap();
    for round in 0..50_u32 {
        B::add_one(&mut buffer);
        if round % 10 == 0 {
            buffer.reserve(1_000 * round as usize).unwrap();
        }
        buffer.write(2, &[round]).unwrap();
        B::add_one(&mut buffer);
    }
    assert_eq!(buffer.download().unwrap(), [100, 110, 50]);
}

on_each_backend!(many_small_writes_do_not_pin_without_bound);
fn many_small_writes_do_not_pin_without_bound<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B> = Buffer::new(&device, "buffer").unwrap();
    buffer.resize(1_000).unwrap();
    B::occupy(&device, Duration::from_millis(50));
    for index in 0..1_000 {
        buffer.write(index, &[u32::try_from(index).unwrap()]).unwrap();
    }
    assert!(device.stats().pinned_bytes <= 1 << 20, "{:?}", device.stats());
    assert!(buffer.download().unwrap().iter().zip(0..).all(|(element, index)| *element == index));
}
