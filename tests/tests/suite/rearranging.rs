//! Operations that move elements on the device, within a buffer and between two.

use crate::{Open, on_each_backend, open};
use gpumem::{Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};
use std::time::Duration;

/// Elements of the temporary memory for overlapping copies.
const PIECE: usize = 1 << 20;

on_each_backend!(copies_within_a_buffer_may_overlap);
fn copies_within_a_buffer_may_overlap<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut random = Random::new(31);
    for len in [1, 2, 1_000, 3 * PIECE + 17] {
        let mut model = random.vec(len);
        let mut buffer = Buffer::from_slice(&device, "buffer", &model).unwrap();
        let distances = [0, 1, 3, len / 3, PIECE - 1, PIECE, PIECE + 1, len - 1];
        for distance in distances.into_iter().filter(|distance| *distance < len) {
            for (range, to) in [(distance..len, 0), (0..len - distance, distance)] {
                model.copy_within(range.clone(), to);
                buffer.copy_within(range.clone(), to).unwrap();
                assert!(buffer.download().unwrap() == model, "{range:?} to {to} of {len}");
            }
        }
        for _ in 0..20 {
            let (one, other, to) = (random.below(len + 1), random.below(len + 1), random.below(len + 1));
            let (start, end) = (one.min(other), one.max(other).min(one.min(other) + (len - to)));
            model.copy_within(start..end, to);
            buffer.copy_within(start..end, to).unwrap();
        }
        assert!(buffer.download().unwrap() == model, "anywhere in {len}");
    }
    assert_eq!((device.stats().downloads > 20, device.stats().uploads), (true, 4), "none went over the bus");
}

on_each_backend!(a_copy_within_changes_all_or_nothing_and_no_download);
fn a_copy_within_changes_all_or_nothing_and_no_download<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(100_000));
    let data = Random::new(5).vec(20_000);
    let mut buffer = Buffer::from_slice(&device, "buffer", &data).unwrap().into_async();
    let download = buffer.start_download().unwrap();
    // The ranges overlap, and there is no room for the temporary memory.
    let error = buffer.copy_within(1.., 0).unwrap_err();
    assert!(matches!(error, Error::DeviceLimit { .. }), "{error}");
    for (range, to) in [(0..3, 19_998), (19_999..20_001, 0), (0..1, usize::MAX)] {
        let error = buffer.copy_within(range, to).unwrap_err();
        assert!(matches!(error, Error::OutOfBounds { len: 20_000, .. }), "{error}");
    }
    assert!(buffer.download().unwrap() == data);
    buffer.copy_within(10_000.., 0).unwrap();
    buffer.copy_within(..0, 20_000).unwrap();
    assert!(*download.wait().unwrap() == *data, "it was started before");
    assert!(buffer.view(..10_000).unwrap().download().unwrap() == data[10_000..]);
}

on_each_backend!(the_last_element_takes_the_place_of_a_removed_one);
fn the_last_element_takes_the_place_of_a_removed_one<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut model = vec![[1_u8, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]];
    let mut buffer = Buffer::from_slice(&device, "buffer", &model).unwrap();
    for index in [1, 2, 0] {
        model.swap_remove(index);
        buffer.swap_remove(index).unwrap();
        assert_eq!(buffer.download().unwrap(), model);
    }
    for index in [1, usize::MAX] {
        assert!(matches!(buffer.swap_remove(index), Err(Error::OutOfBounds { len: 1, .. })));
    }
    buffer.swap_remove(0).unwrap();
    assert!(buffer.is_empty() && buffer.swap_remove(0).is_err());
}

on_each_backend!(a_clone_is_made_on_the_device);
fn a_clone_is_made_on_the_device<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = BufferSpec::new("buffer").growth(3.0).slots(1);
    let mut buffer = Buffer::from_slice(&device, spec, &[1, 2, 3]).unwrap().into_async();
    let line = line!() + 1;
    let clone = buffer.clone_on_device().unwrap();
    buffer.fill(0).unwrap();
    assert_eq!(*clone.start_download().unwrap().wait().unwrap(), [1, 2, 3], "it has the mode too");
    assert_eq!((clone.spec(), device.stats().uploads), (buffer.spec(), 1));
    drop(buffer);
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("the clone is alive") };
    assert_eq!((report.held().len(), report.held()[0].made_at.line()), (1, line));
    let empty = Buffer::<u8, B>::new(&device, "empty").unwrap();
    assert_eq!(empty.clone_on_device().unwrap().capacity(), 0);
}

on_each_backend!(buffers_are_appended_on_the_device);
fn buffers_are_appended_on_the_device<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let source = Buffer::from_slice(&device, "source", &[[1_u16, 2, 3], [4, 5, 6]]).unwrap();
    let mut target = Buffer::from_slice(&device, "target", &[[0; 3]]).unwrap();
    target.extend_from_view(&source.view(1..).unwrap()).unwrap();
    target.extend_from_view(&source.view(2..).unwrap()).unwrap();
    target.extend_from_view(&source.view(..).unwrap()).unwrap();
    assert_eq!(target.download().unwrap(), [[0; 3], [4, 5, 6], [1, 2, 3], [4, 5, 6]]);
    let mut flat = Buffer::from_slice(&device, "flat", &[0_u16]).unwrap();
    flat.extend_from_view(&source.view(1..).unwrap().cast()).unwrap();
    assert_eq!(flat.download().unwrap(), [0, 4, 5, 6]);
    let mut small = Buffer::new(&device, BufferSpec::new("small").max(6)).unwrap();
    let error = small.extend_from_view(&source.view(..).unwrap()).unwrap_err();
    assert!(matches!(error, Error::BufferLimit { requested: 12, .. }), "{error}");
}

on_each_backend!(room_is_made_for_a_number_of_elements_in_all);
fn room_is_made_for_a_number_of_elements_in_all<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = BufferSpec::new("buffer").growth(2.0).max(800);
    let mut buffer = Buffer::from_slice(&device, spec, &[7_u64; 10]).unwrap();
    buffer.reserve_to(30).unwrap();
    assert_eq!((buffer.len(), buffer.capacity()), (10, 30));
    for enough in [0, 10, 30] {
        buffer.reserve_to(enough).unwrap();
        assert_eq!(buffer.capacity(), 30);
    }
    buffer.reserve_to(31).unwrap();
    assert_eq!(buffer.capacity(), 60, "it grows by its factor at least");
    assert!(matches!(buffer.reserve_to(101), Err(Error::BufferLimit { requested: 808, .. })));
    assert_eq!(buffer.download().unwrap(), [7; 10]);
}

on_each_backend!(room_at_the_end_is_for_a_kernel_to_write);
fn room_at_the_end_is_for_a_kernel_to_write<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer = Buffer::from_slice(&device, "buffer", &[1_u32, 2]).unwrap();
    // SAFETY: the fill writes the new elements, and nothing reads them before.
    unsafe { buffer.resize_uninit(70_000).unwrap() };
    buffer.view_mut(2..).unwrap().fill(3).unwrap();
    assert!(buffer.download().unwrap() == [vec![1, 2], vec![3; 69_998]].concat());
    // SAFETY: there are no new elements.
    unsafe { buffer.resize_uninit(1).unwrap() };
    assert_eq!(buffer.download().unwrap(), [1]);
}

on_each_backend!(a_stage_is_appended);
fn a_stage_is_appended<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = BufferSpec::new("buffer").max(4 * 5);
    let mut buffer = Buffer::from_slice(&device, spec, &[1_u32, 2]).unwrap();
    let mut stage = buffer.stage(3).unwrap();
    stage.copy_from_slice(&[3, 4, 5]);
    stage.append().unwrap().wait().unwrap();
    buffer.stage(0).unwrap().append().unwrap().wait().unwrap();
    let error = buffer.stage(1).unwrap().append().unwrap_err();
    assert!(matches!(error, Error::BufferLimit { requested: 24, limit: 20, .. }), "{error}");
    assert_eq!(buffer.download().unwrap(), [1, 2, 3, 4, 5]);
}

on_each_backend!(contents_are_swapped_and_names_stay);
fn contents_are_swapped_and_names_stay<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut one = Buffer::from_slice(&device, "one", &[1_u32; 100_000]).unwrap().into_async();
    let mut two = Buffer::from_slice(&device, "two", &[2_u32, 3]).unwrap();
    two.reserve_to(10).unwrap();
    B::occupy(&device, Duration::from_millis(50));
    let before = device.stats();
    let download = one.start_download().unwrap();
    one.swap_contents(&mut two).unwrap();
    assert_eq!((one.name(), one.len(), one.capacity()), ("one", 2, 10));
    assert_eq!((two.name(), two.len(), two.capacity()), ("two", 100_000, 100_000));
    assert_eq!(one.stats().slots_taken, 1, "the download is of `one`");
    assert_eq!(device.stats().live_bytes, before.live_bytes);
    // The download reads memory that `two` has now, so the fill waits for the download.
    two.fill(9).unwrap();
    assert!(download.wait().unwrap().iter().all(|element| *element == 1));
    assert_eq!(one.download().unwrap(), [2, 3]);
    assert!(two.download().unwrap() == vec![9; 100_000]);
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("two are alive") };
    let mut bytes: Vec<_> = report.held().iter().map(|held| (held.name(), held.bytes)).collect();
    bytes.sort_unstable();
    assert_eq!(bytes, [("one", 40), ("two", 400_000)]);
    let mut empty = Buffer::new(&device, "empty").unwrap();
    empty.swap_contents(&mut one).unwrap();
    assert_eq!((one.capacity(), empty.download().unwrap()), (0, vec![2, 3]));
    drop((one, two, empty));
    device.check_leaks().unwrap();
}

on_each_backend!(snapshots_know_their_buffer_after_a_swap);
fn snapshots_know_their_buffer_after_a_swap<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let make = |name: &'static str, value: u32, len| {
        let spec = BufferSpec::new(name).snapshot();
        Buffer::from_slice(&device, spec, &vec![value; len]).unwrap().into_async()
    };
    let (mut one, mut two) = (make("one", 1, 1_000), make("two", 2, 50_000));
    for round in 0..6 {
        let frames = device.start_downloads((&one, &two)).unwrap();
        let expected = (one.len(), if one.len() == 1_000 { 1 } else { 2 });
        one.swap_contents(&mut two).unwrap();
        let (first, second) = frames.wait().unwrap();
        assert_eq!((first.len(), first[first.len() - 1]), expected, "round {round}");
        assert_eq!((second.len(), second[0]), (51_000 - expected.0, 3 - expected.1));
    }
    assert_eq!(device.stats().lost_bytes, 0);
}

on_each_backend!(swaps_that_would_move_a_limit_are_refused);
fn swaps_that_would_move_a_limit_are_refused<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer = Buffer::from_slice(&device, "buffer", &[1_u8, 2]).unwrap();
    let spec = || BufferSpec::new("other");
    for (other, message) in [
        (
            spec().max(1024),
            "buffer `other`: `max` is 1 KiB, and buffers that swap their contents have the same settings",
        ),
        (
            spec().slots(3),
            "buffer `other`: `slots` is 3, and buffers that swap their contents have the same settings",
        ),
    ] {
        let mut other = Buffer::from_slice(&device, other, &[3]).unwrap();
        assert_eq!(buffer.swap_contents(&mut other).unwrap_err().to_string(), message);
        assert_eq!(other.download().unwrap(), [3]);
    }
    let elsewhere = open!(open);
    let mut other = Buffer::from_slice(&elsewhere, "other", &[3]).unwrap();
    assert!(matches!(buffer.swap_contents(&mut other), Err(Error::DifferentDevices { .. })));
    assert_eq!((buffer.download().unwrap(), other.download().unwrap()), (vec![1, 2], vec![3]));
}

on_each_backend!(views_are_cast_to_what_their_elements_are_made_of);
fn views_are_cast_to_what_their_elements_are_made_of<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut points =
        Buffer::from_fn(&device, "points", 1_000, |i| [i as f32, 0.5, -1.0]).unwrap().into_async();
    let numbers = points.view(10..12).unwrap().cast::<f32>();
    assert_eq!((numbers.len(), numbers.range(), numbers.is_empty()), (6, 10..12, false));
    assert_eq!(numbers.download().unwrap(), [10.0, 0.5, -1.0, 11.0, 0.5, -1.0]);
    let mut slice = [0.0; 6];
    numbers.download_into_slice(&mut slice).unwrap();
    assert_eq!(slice[3], 11.0);
    let refused = numbers.download_into_slice(&mut slice[1..]).unwrap_err();
    assert!(matches!(refused, Error::LengthMismatch { len: 6, other: 5, .. }), "{refused}");
    let running = numbers.start_download().unwrap();
    assert_eq!(running.len(), 6);
    assert_eq!(running.wait().unwrap(), [10.0, 0.5, -1.0, 11.0, 0.5, -1.0]);
    let (first, second) =
        device.start_downloads((numbers.clone(), points.view(11..12).unwrap())).unwrap().wait().unwrap();
    assert_eq!((&first[3..], &*second), (&second[0][..], &[[11.0, 0.5, -1.0]][..]));
    let bytes = numbers.cast::<u8>();
    assert_eq!((bytes.len(), bytes.download().unwrap()[..4].to_vec()), (24, 10.0_f32.to_le_bytes().to_vec()));
    let same: Vec<[u32; 3]> = points.view(..1).unwrap().cast().download().unwrap();
    assert_eq!(same, [[0, 0.5_f32.to_bits(), (-1.0_f32).to_bits()]]);

    points.view_mut(..2).unwrap().cast().write(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    points.view_mut(2..4).unwrap().cast::<f32>().fill(7.0).unwrap();
    points.view_mut(4..5).unwrap().cast::<u8>().fill(0).unwrap();
    let flat = Buffer::from_slice(&device, "flat", &[8.0_f32, 9.0, 10.0]).unwrap();
    let mut target = points.view_mut(5..6).unwrap().cast::<f32>();
    target.copy_from(&flat.view(..).unwrap()).unwrap();
    assert!(matches!(target.write(&[1.0]), Err(Error::LengthMismatch { len: 3, other: 1, .. })));
    let mut back = Buffer::<[f32; 3], B>::zeroed(&device, "back", 1).unwrap();
    back.view_mut(..).unwrap().cast::<f32>().copy_from(&points.view(5..6).unwrap().cast()).unwrap();
    let expected = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0; 3], [7.0; 3], [0.0; 3], [8.0, 9.0, 10.0]];
    assert_eq!(points.view(..6).unwrap().download().unwrap(), expected);
    assert_eq!((points.len(), back.download().unwrap()), (1_000, vec![[8.0, 9.0, 10.0]]));
}
