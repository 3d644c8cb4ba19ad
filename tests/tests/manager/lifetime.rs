//! Threads, many buffers, and the end: clearing, and the order of the shutdown.

use crate::{GraphBuffers, GraphLengths, bytes, graph, limited, listed, uploaded};
use gpumem::{Buffer, Device, Error, GpuBuffers};
use std::collections::HashMap;
use std::sync::Mutex;
use std::{mem, thread};

// Threads.

#[test]
fn a_manager_moves_to_a_thread_and_back() {
    let mut gpu = uploaded();
    gpu = thread::spawn(move || {
        gpu.weights_mut().fill(7.0).unwrap();
        gpu
    })
    .join()
    .unwrap();
    assert_eq!(gpu.weights().download().unwrap(), [7.0; 3]);
}

#[test]
fn a_manager_is_shared_behind_a_mutex() {
    let gpu = Mutex::new(GraphBuffers::new(&Device::host()).unwrap());
    thread::scope(|scope| {
        for number in 0..8_u32 {
            let gpu = &gpu;
            scope.spawn(move || {
                gpu.lock().unwrap().edges_mut().extend_from_slice(&[[number; 2]; 10]).unwrap();
            });
        }
    });
    let mut edges = gpu.into_inner().unwrap().edges().download().unwrap();
    edges.sort_unstable();
    assert_eq!(edges, (0..80).map(|index| [index / 10; 2]).collect::<Vec<[u32; 2]>>());
}

#[test]
fn eight_threads_make_buffers_up_to_exactly_the_memory_limit() {
    let device = limited(40_000);
    let tiles: Vec<Buffer<u8>> = thread::scope(|scope| {
        let make = || (0..100).filter_map(|_| bytes(&device, "tile", 100).ok()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let stats = device.stats();
    assert_eq!((tiles.len(), stats.live_buffers, stats.live_bytes), (400, 400, 40_000), "of 800");
    drop(tiles);
    device.check_leaks().unwrap();
}

// Many buffers.

#[test]
fn a_thousand_buffers_live_at_once() {
    let device = Device::host();
    let mut tiles: HashMap<String, Buffer<u32>> = HashMap::new();
    for number in 0..1_000 {
        let name = format!("tile_{number}");
        tiles.insert(name.clone(), Buffer::from_slice(&device, name, &[number; 10]).unwrap());
    }
    assert_eq!((device.stats().live_buffers, device.stats().live_bytes), (1_000, 40_000));
    assert_eq!(tiles["tile_567"].download().unwrap(), [567; 10]);
    let report = device.check_leaks().unwrap_err().to_string();
    assert!(report.contains("\n  and 980 more with 39200 bytes"), "{report}");
    tiles.clear();
    device.check_leaks().unwrap();
    assert_eq!(device.stats().live_bytes, 0);
}

// Everything is cleared.

#[test]
fn a_set_is_cleared_and_its_memory_kept_or_given_back() {
    let mut gpu = uploaded();
    gpu.clear();
    assert_eq!((gpu.lengths(), gpu.stats().live_bytes()), (GraphLengths::all(0), 100));
    gpu.shrink_to_fit().unwrap();
    assert_eq!(gpu.device().stats().live_bytes, 64, "`edges` keeps its `min`");
    gpu.upload_from(&graph()).unwrap();
    assert_eq!(gpu.download().unwrap(), graph());
}

// The shutdown.

#[test]
fn buffers_close_first_and_their_device_last() {
    let device = Device::host();
    let (gpu, cells) = (graph().upload(&device).unwrap(), bytes(&device, "cells", 900).unwrap());
    gpu.close().unwrap();
    assert_eq!(device.stats().live_bytes, 900);
    cells.close().unwrap();
    device.close().unwrap();
}

#[test]
fn a_device_with_live_buffers_does_not_close_and_lists_them() {
    let device = Device::host();
    let gpu = graph().upload(&device).unwrap();
    let Err(Error::Leaked(report)) = device.clone().close() else { panic!("three buffers are alive") };
    assert_eq!(listed(&report), [("positions", 24), ("weights", 12), ("edges", 64)]);
    gpu.close().unwrap();
    device.close().unwrap();
}

#[test]
fn a_set_that_closes_without_one_of_its_buffers_lists_it() {
    let device = Device::host();
    let mut gpu = graph().upload(&device).unwrap();
    let moved = mem::replace(gpu.edges_mut(), Buffer::new(&device, "other").unwrap());
    let Err(Error::Leaked(report)) = gpu.close() else { panic!("`edges` is elsewhere") };
    assert_eq!(listed(&report), [("edges", 64)]);
    assert_eq!(device.stats().live_bytes, 64, "all the others are closed");
    drop(moved);
    device.close().unwrap();
}

#[test]
fn a_device_with_an_unread_download_does_not_close() {
    let device = Device::host();
    let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3]).unwrap().into_async();
    let guard = cells.start_download().unwrap().wait().unwrap();
    cells.close().unwrap();
    let Err(Error::Leaked(report)) = device.close() else { panic!("a guard is alive") };
    assert_eq!(listed(&report), [("cells", 12)]);
    assert_eq!(guard, [1, 2, 3], "the data outlives both");
}
