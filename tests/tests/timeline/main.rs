//! Timelines: the records, and each format read back by another program's reader.
//!
//! Readers that a machine may lack are looked for, and a test says so where it goes without one: Python, and
//! for it the package `perfetto` and `PyTorch`'s `_memory_viz.py` (`GPUMEM_MEMORY_VIZ` is the path of the
//! file where `PyTorch` is not installed); Chromium.

mod page;
mod readers;
mod recording;

use gpumem::{Buffer, Device, Error, GpuBuffers};
use gpumem_tests::AllocationLog;
use recording::{Folder, numbers};

#[test]
fn a_device_records_only_if_it_was_asked_to() {
    assert!(Device::host().timeline().is_none());
    assert!(Device::builder().memory_limit(1 << 20).host().unwrap().timeline().is_none());
    let device = Device::builder().timeline(16).host().unwrap();
    assert_eq!(device.timeline().unwrap().events(), 0);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for events in [0, usize::MAX] {
        let refused = Device::builder().timeline(events).host().unwrap_err();
        assert!(matches!(&refused, Error::InvalidSpec { key: "timeline", .. }), "{refused}");
    }
    for path in ["oom", "oom.txt", "html"] {
        let refused = Device::builder().dump_on_oom(path).host().unwrap_err();
        assert!(matches!(&refused, Error::InvalidSpec { key: "dump_on_oom", .. }), "{refused}");
    }
}

#[test]
fn the_log_has_each_block_once() {
    let device = Device::builder().timeline(1_000).host().unwrap();
    let mut cells = numbers(&device, "cells", 100);
    cells.reserve_to(1_000_000).unwrap(); // moves
    cells.reserve_to(2_000_000).unwrap(); // grows in place
    let log = AllocationLog::of(&device);
    assert_eq!((log.taken, log.sizes()), (3, vec![8_000_000]));
    drop(cells);
    let log = AllocationLog::of(&device);
    assert!(log.live.is_empty(), "{log:?}");
}

#[test]
fn swapped_contents_are_nobody_elses() {
    let device = Device::builder().timeline(1_000).host().unwrap();
    let (mut one, mut other) = (numbers(&device, "one", 100), numbers(&device, "other", 70_000));
    one.swap_contents(&mut other).unwrap();
    let log = AllocationLog::of(&device);
    assert_eq!(log.sizes(), [400, 280_000]);
    drop((one, other));
    assert!(AllocationLog::of(&device).live.is_empty());
}

#[test]
fn the_log_of_many_threads_is_in_order() {
    let device = Device::builder().timeline(1 << 16).host().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let device = device.clone();
            scope.spawn(move || {
                for round in 0..2_000 {
                    drop(numbers(&device, "scratch", 50 + (round * 7 + thread * 13) % 900));
                }
            });
        }
    });
    let log = AllocationLog::of(&device);
    assert!(log.live.is_empty() && log.taken == 8_000, "{} taken", log.taken);
}

#[test]
fn what_was_forgotten_lives_on() {
    let device = Device::builder().timeline(32).host().unwrap();
    let old = numbers(&device, "old", 1_000_000);
    let mut grown = numbers(&device, "grown", 300);
    for _ in 0..100 {
        drop(numbers(&device, "scratch", 10));
    }
    grown.reserve_to(600).unwrap();
    let timeline = device.timeline().unwrap();
    assert!(timeline.events() <= 32 && timeline.forgotten() > 150, "{timeline:?}");
    let log = AllocationLog::of(&device);
    assert_eq!(log.sizes(), [2_400, 4_000_000]);
    drop(old);
}

#[test]
fn a_failure_writes_the_page_once() {
    let folder = Folder::new("oom");
    let path = folder.file("oom.csv");
    let device = Device::builder().memory_limit(4_000).dump_on_oom(&path).host().unwrap();
    let _first = numbers(&device, "first", 700);
    // More than is needed was asked for first, which no one sees fail.
    let mut second = Buffer::<u32>::new(&device, "second").unwrap();
    second.resize(200).unwrap();
    second.resize(250).unwrap();
    assert!(!path.exists());
    for _ in 0..2 {
        assert!(matches!(second.resize(400), Err(Error::DeviceLimit { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap().matches("allocate failure").count(), 1);
    }
    let log = AllocationLog::of(&device);
    assert_eq!((log.failed, log.live.len()), (2, 2));
}

#[test]
fn a_set_that_is_full_is_a_failure_too() {
    #[derive(GpuBuffers, Default)]
    #[buffers(limit = "4KiB")]
    struct Small {
        cells: Vec<u32>,
    }

    let folder = Folder::new("set");
    let path = folder.file("oom.csv");
    let device = Device::builder().dump_on_oom(&path).host().unwrap();
    let mut small = Small::default().upload(&device).unwrap();
    small.cells_mut().resize(1_000).unwrap();
    assert!(!path.exists());
    assert!(matches!(small.cells_mut().resize(1_025), Err(Error::SetLimit { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap().matches("allocate failure").count(), 1);
    assert_eq!(AllocationLog::of(&device).failed, 1);
}

#[test]
fn a_page_that_cannot_be_written_changes_nothing() {
    let device = Device::builder().memory_limit(400).dump_on_oom("/no/such/folder/oom.html").host().unwrap();
    let refused = Buffer::<u32>::with_capacity(&device, "cells", 101);
    assert!(matches!(refused, Err(Error::DeviceLimit { .. })));
    let cells = Buffer::<u32>::with_capacity(&device, "cells", 100).unwrap();
    assert_eq!(cells.capacity(), 100);
}

#[test]
fn the_page_is_written_for_a_request_of_the_pressure_callback_too() {
    let folder = Folder::new("callback");
    let path = folder.file("oom.pftrace");
    let weak = std::sync::Arc::new(std::sync::Mutex::new(None::<Device>));
    let inner = std::sync::Arc::downgrade(&weak);
    let device = Device::builder()
        .memory_limit(400)
        .dump_on_oom(&path)
        .on_pressure(move |_| {
            let device = inner.upgrade().and_then(|device| device.lock().unwrap().clone());
            let refused = Buffer::<u32>::with_capacity(&device.unwrap(), "inner", 101);
            assert!(matches!(refused, Err(Error::DeviceLimit { .. })));
        })
        .host()
        .unwrap();
    *weak.lock().unwrap() = Some(device.clone());
    assert!(Buffer::<u32>::with_capacity(&device, "outer", 200).is_err());
    assert!(path.exists());
    *weak.lock().unwrap() = None;
}
