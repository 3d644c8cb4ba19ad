//! Totals and peaks, statistics, and reports of leaks.

use crate::{bytes, graph, listed, uploaded};
use gpumem::{Buffer, Device, Error, GpuBuffers};
use std::mem;

// Totals and peaks.

#[test]
fn totals_are_the_sums_over_all_buffers() {
    let device = Device::host();
    let gpu = graph().upload(&device).unwrap();
    let cells = bytes(&device, "cells", 900).unwrap();
    assert_eq!((gpu.stats().used_bytes(), gpu.stats().live_bytes()), (24 + 12 + 16, 24 + 12 + 64));
    assert_eq!((cells.stats().used_bytes(), cells.stats().live_bytes()), (0, 900));
    assert_eq!((device.stats().live_buffers, device.stats().live_bytes), (4, 1_000));
}

#[test]
fn the_peak_stays_when_memory_is_freed() {
    let device = Device::host();
    drop((bytes(&device, "first", 600).unwrap(), bytes(&device, "second", 500).unwrap()));
    let _small = bytes(&device, "small", 300).unwrap();
    assert_eq!((device.stats().live_bytes, device.stats().peak_bytes), (300, 1_100));
}

#[test]
fn freed_memory_is_retained_until_it_is_asked_back() {
    let device = Device::host();
    drop(bytes(&device, "scratch", 4 << 20).unwrap());
    let stats = device.stats();
    assert_eq!((stats.live_bytes, stats.held_bytes, stats.retained_bytes), (0, 4 << 20, 4 << 20));
    assert_eq!(device.trim(0).unwrap(), 4 << 20);
    assert_eq!((device.stats().held_bytes, device.stats().peak_held_bytes), (0, 4 << 20));
}

// Statistics.

#[test]
fn changes_of_capacity_are_counted() {
    let device = Device::host();
    let mut cells = Buffer::from_slice(&device, "cells", &[0_u8; 100]).unwrap();
    assert_eq!((cells.stats().resizes, device.stats().resizes), (0, 0), "the first memory is no change");
    cells.reserve_to(200).unwrap();
    cells.reserve_to(3_000).unwrap();
    cells.resize(3_000).unwrap();
    assert_eq!((cells.stats().resizes, device.stats().resizes), (2, 2));
}

#[test]
fn transfers_are_counted_with_their_bytes() {
    let device = Device::host();
    let mut cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3]).unwrap().into_async();
    cells.write(1, &[5]).unwrap();
    drop(cells.download().unwrap());
    drop(cells.view(1..).unwrap().download().unwrap());
    drop(cells.start_download().unwrap().wait().unwrap());
    let stats = device.stats();
    assert_eq!((stats.uploads, stats.uploaded_bytes), (2, 12 + 4));
    assert_eq!((stats.downloads, stats.downloaded_bytes), (3, 12 + 8 + 12));
    assert_eq!(stats.async_downloads, 1);
}

#[test]
fn the_rate_at_which_freed_memory_is_used_again_is_known() {
    let device = Device::host();
    for _ in 0..100 {
        drop(bytes(&device, "scratch", 2_000_000).unwrap());
    }
    let stats = device.stats();
    let percent = stats.reused * 100 / stats.allocations;
    assert_eq!((stats.allocations, stats.frees, percent), (100, 100, 99));
}

// Leaks.

#[test]
fn a_report_lists_names_and_bytes_the_oldest_first() {
    let device = Device::host();
    let gone = bytes(&device, "gone", 1).unwrap();
    let first = bytes(&device, "first", 12).unwrap();
    drop(gone);
    let second = bytes(&device, "second", 2_048).unwrap();
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("two buffers are alive") };
    assert_eq!(listed(&report), [("first", 12), ("second", 2_048)]);
    let text = report.to_string();
    assert!(text.starts_with("2 buffers of device `host` are still alive:\n  held "), "{text}");
    let rows = ["\n  buffer `first`   u8       12 bytes  ", "\n  buffer `second`  u8          2 KiB  "];
    assert!(rows.iter().all(|row| text.contains(row)), "{text}");
    drop((first, second));
    device.check_leaks().unwrap();
}

#[test]
fn a_forgotten_buffer_is_reported_with_the_line_that_made_it() {
    let device = Device::host();
    let (kept, line) = (Buffer::<u8>::new(&device, "kept").unwrap(), line!());
    mem::forget(kept);
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("it was never dropped") };
    let made_at = report.held()[0].made_at;
    assert_eq!((made_at.file(), made_at.line()), (file!(), line));
}

#[test]
fn a_buffer_that_was_moved_out_of_its_set_is_found() {
    let mut gpu = uploaded();
    gpu.check_leaks().unwrap();
    let other = Buffer::new(gpu.device(), "other").unwrap();
    let mut moved = mem::replace(gpu.edges_mut(), other);
    let Err(Error::Leaked(report)) = gpu.check_leaks() else { panic!("`edges` is elsewhere") };
    assert_eq!(listed(&report), [("edges", 64)]);
    assert!(report.to_string().starts_with("1 buffer of set `Graph` is still alive:"), "{report}");
    mem::swap(gpu.edges_mut(), &mut moved);
    gpu.check_leaks().unwrap();
}
