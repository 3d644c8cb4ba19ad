//! The constructors of buffers, and their names.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Error};
use gpumem_tests::TestBackend;

on_each_backend!(constructors_need_no_annotation);
fn constructors_need_no_annotation<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut c = Buffer::from_slice(&device, "c", &[1.0f32]).unwrap();
    c.extend_from_slice(&[2.0]).unwrap();
    assert_eq!(c.download().unwrap(), [1.0, 2.0]);
    let mut new = Buffer::new(&device, "new").unwrap();
    new.upload(&[7_u8]).unwrap();
    let mut roomy = Buffer::with_capacity(&device, "roomy", 10).unwrap();
    roomy.upload(&[[1_u16; 3]]).unwrap();
    assert_eq!((new.capacity(), roomy.capacity(), roomy.len()), (1, 10, 1));
    let zeroed = Buffer::<[u32; 2], _>::zeroed(&device, "zeroed", 1_000).unwrap();
    assert_eq!(zeroed.download().unwrap(), [[0; 2]; 1_000]);
    let _blocking: [Buffer<u8, B>; 1] = [new];
    device.synchronize().unwrap();
}

on_each_backend!(from_fn_makes_each_element_once_and_in_order);
fn from_fn_makes_each_element_once_and_in_order<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    // Around the 2 MiB that the host holds at a time.
    const PIECE: usize = 1 << 19;
    for len in [0, 1, 1_000, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 7] {
        let mut next = 0;
        let made = Buffer::from_fn(&device, "made", len, |index| {
            assert_eq!(index, next);
            next += 1;
            u32::try_from(index).unwrap() ^ 0x5555
        });
        let made = made.unwrap();
        let expected: Vec<u32> = (0..u32::try_from(len).unwrap()).map(|index| index ^ 0x5555).collect();
        assert!(made.download().unwrap() == expected, "{len} elements");
        assert_eq!((next, made.capacity(), made.stats().resizes), (len, len, 0));
    }
    let spec = BufferSpec::new("small").max(8);
    let refused = Buffer::from_fn(&device, spec, 3, |_| -> u32 { panic!("there is no room for it") });
    assert!(matches!(refused, Err(Error::BufferLimit { requested: 12, limit: 8, .. })));
    let unfinished = || Buffer::from_fn(&device, "unfinished", 2, |index| 7 / index as u64);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(unfinished)).is_err());
    device.check_leaks().unwrap();
}

on_each_backend!(the_mode_changes_for_free);
fn the_mode_changes_for_free<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let frame = Buffer::from_slice(&device, BufferSpec::new("frame").slots(1), &[1, 2, 3]).unwrap();
    let before = (device.stats(), frame.stats());
    let frame: Buffer<i32, B, Async> = frame.into_async();
    assert_eq!((device.stats(), frame.stats()), before);
    let ticket = frame.start_download().unwrap();
    // The download goes on and keeps its slot.
    let frame: Buffer<i32, B> = frame.into_blocking();
    assert_eq!((frame.stats().slots_taken, device.stats().frees), (1, 0));
    let mut frame = frame.into_async();
    assert!(matches!(frame.start_download(), Err(Error::SlotsBusy { .. })));
    frame.fill(0).unwrap();
    assert_eq!(*ticket.wait().unwrap(), [1, 2, 3]);
    assert_eq!(*frame.start_download().unwrap().wait().unwrap(), [0; 3]);
}

/// A name that is not a literal.
fn name(number: usize) -> String {
    format!("tile_{number}")
}

on_each_backend!(names_may_be_made_at_run_time);
#[allow(clippy::needless_borrows_for_generic_args)] // References are accepted too.
fn names_may_be_made_at_run_time<B: TestBackend>(open: Open<'_, B>) {
    const TILE: BufferSpec = BufferSpec::new("tile").growth(2.0).max(64);
    let device = open!(open);
    let from_string = Buffer::<u32, B>::new(&device, name(1)).unwrap();
    let second = name(2);
    let from_reference = Buffer::<u32, B>::new(&device, &second).unwrap();
    let mut from_spec = Buffer::<u32, B>::new(&device, TILE.named(name(3))).unwrap();
    let again = Buffer::<u32, B>::new(&device, from_spec.spec()).unwrap();
    let names = [&from_string, &from_reference, &from_spec, &again].map(Buffer::name);
    assert_eq!(names, ["tile_1", "tile_2", "tile_3", "tile_3"]);
    assert_eq!(*from_spec.spec(), TILE.named("tile_3").element::<u32>(), "only the text counts");
    let error = from_spec.resize(17).unwrap_err();
    assert_eq!(error.to_string(), "buffer `tile_3` needs 68 bytes, and its `max` is 64 bytes");
    drop((from_string, from_reference, again));
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("one is alive") };
    let label = from_spec.label();
    drop(from_spec);
    // A name lives as long as any copy of it.
    assert_eq!((report.held()[0].name(), label.name()), ("tile_3", "tile_3"));
    assert_eq!((label.set(), error.to_string().contains("tile_3")), (None, true));
}

on_each_backend!(an_invalid_specification_is_told_by_its_name);
fn an_invalid_specification_is_told_by_its_name<B: TestBackend>(open: Open<'_, B>) {
    let device: Device<B> = open!(open);
    let spec = BufferSpec::from(name(7)).slots(0);
    let error = Buffer::<u8, B>::new(&device, spec).unwrap_err();
    assert_eq!(error.to_string(), "buffer `tile_7`: `slots` is 0, and it must be from 1 to 64");
}
