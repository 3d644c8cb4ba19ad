//! Memory of buffers: creation, the memory limit, allocation, growth, limits, freeing.

use crate::{Graph, GraphBuffers, GraphLengths, PresetsBuffers, bytes, graph, limited, occupy, uploaded};
use gpumem::{Buffer, Device, Error, GpuBuffers};

// A manager is created.

#[test]
fn a_manager_starts_with_empty_buffers() {
    let device = Device::host();
    let small = GraphBuffers::new(&device).unwrap();
    let stats = device.stats();
    assert_eq!((stats.live_buffers, stats.live_bytes), (3, 64), "`edges` has its `min`");
    let large = GraphBuffers::with_capacity(&device, GraphLengths::all(100)).unwrap();
    assert_eq!((small.lengths(), large.lengths()), (GraphLengths::all(0), GraphLengths::all(0)));
    assert_eq!(large.capacities(), GraphLengths::all(100));
}

// The device has a limit for all managers and buffers on it.

#[test]
fn a_manager_beyond_the_memory_limit_is_refused_and_leaves_nothing() {
    let device = limited(99);
    let refused = graph().upload(&device);
    let Err(Error::DeviceLimit { buffer, requested: 64, used: 36, limit: 99 }) = refused else {
        panic!("it needs 100 bytes: {refused:?}")
    };
    assert_eq!(buffer.to_string(), "buffer `Graph.edges`");
    assert_eq!((device.stats().live_buffers, device.stats().live_bytes), (0, 0));
}

#[test]
fn the_memory_limit_is_exact() {
    let device = limited(100);
    let gpu = graph().upload(&device).unwrap();
    assert_eq!(device.stats().live_bytes, device.memory_limit());
    let refused = bytes(&device, "one more", 1);
    assert!(matches!(refused, Err(Error::DeviceLimit { requested: 1, used: 100, limit: 100, .. })));
    drop(gpu);
    bytes(&device, "all", 100).unwrap();
}

#[test]
fn growth_beyond_the_memory_limit_changes_nothing() {
    let device = limited(1_000);
    let mut cells = Buffer::from_slice(&device, "cells", &[7_u8; 400]).unwrap();
    let error = cells.resize(1_001).unwrap_err();
    assert!(matches!(error, Error::DeviceLimit { requested: 1_001, limit: 1_000, .. }), "{error}");
    assert_eq!((cells.capacity(), cells.download().unwrap()), (400, vec![7; 400]));
    assert_eq!(device.stats().live_bytes, 400);
}

// A buffer is allocated.

#[test]
fn a_zeroed_buffer_holds_zeros() {
    let device = Device::host();
    drop(Buffer::from_slice(&device, "old", &[9_u8; 400]).unwrap());
    let cells = Buffer::<[f32; 2]>::zeroed(&device, "cells", 50).unwrap();
    assert_eq!(device.stats().reused, 1, "in memory that was retained");
    assert_eq!((cells.len(), cells.download().unwrap()), (50, vec![[0.0; 2]; 50]));
}

#[test]
fn a_set_is_allocated_with_its_data() {
    let gpu = uploaded();
    assert_eq!(gpu.lengths(), GraphLengths { positions: 3, weights: 3, edges: 2 });
    assert_eq!(gpu.capacities(), GraphLengths { positions: 3, weights: 3, edges: 8 });
    assert_eq!(gpu.download().unwrap(), graph());
}

#[test]
fn a_buffer_is_allocated_by_its_capacity() {
    let cells = Buffer::<u32>::with_capacity(&Device::host(), "cells", 1_000).unwrap();
    assert_eq!((cells.len(), cells.capacity()), (0, 1_000));
    assert_eq!((cells.bytes(), cells.capacity_bytes()), (0, 4_000));
}

// A capacity is ensured, and a full buffer grows.

#[test]
fn a_capacity_is_ensured_by_its_absolute_value() {
    let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3]).unwrap();
    cells.reserve_to(100).unwrap();
    assert_eq!((cells.len(), cells.capacity()), (3, 100));
    assert_eq!(cells.download().unwrap(), [1, 2, 3]);
}

#[test]
fn a_capacity_that_is_large_enough_stays() {
    let device = Device::host();
    let mut cells = Buffer::<u32>::with_capacity(&device, "cells", 100).unwrap();
    let before = (cells.stats(), device.stats());
    cells.reserve_to(100).unwrap();
    cells.reserve_to(7).unwrap();
    assert_eq!((cells.stats(), device.stats()), before);
}

#[test]
fn a_set_ensures_all_its_capacities_or_none() {
    let mut gpu = GraphBuffers::new(&Device::host()).unwrap();
    gpu.resize(GraphLengths::all(10)).unwrap();
    gpu.reserve_to(GraphLengths::all(50)).unwrap();
    assert_eq!(gpu.capacities(), GraphLengths::all(50));
    gpu.reserve_to(GraphLengths::all(20)).unwrap();
    let error = gpu.reserve_to(GraphLengths { positions: 1_000, weights: 1_000, edges: 513 }).unwrap_err();
    assert!(matches!(error, Error::BufferLimit { requested: 4_104, limit: 4_096, .. }), "{error}");
    assert_eq!(gpu.capacities(), GraphLengths::all(50));
}

#[test]
fn a_full_buffer_grows_by_its_factor() {
    let mut gpu = GraphBuffers::with_capacity(&Device::host(), GraphLengths::all(100)).unwrap();
    gpu.resize(GraphLengths::all(101)).unwrap();
    assert_eq!(gpu.capacities(), GraphLengths { positions: 130, weights: 120, edges: 200 });
}

#[test]
fn a_buffer_keeps_its_min() {
    let mut gpu = uploaded();
    gpu.edges_mut().resize(100).unwrap();
    gpu.edges_mut().clear();
    gpu.edges_mut().shrink_to_fit().unwrap();
    assert_eq!((gpu.edges().spec().min_bytes(), gpu.edges().capacity_bytes()), (64, 64));
}

// A buffer, and a set, have limits of their own.

#[test]
fn a_buffer_never_exceeds_its_max() {
    let mut gpu = uploaded();
    gpu.edges_mut().resize(300).unwrap();
    gpu.edges_mut().resize(301).unwrap();
    assert_eq!(gpu.edges().capacity(), 512, "the factor would give 600, and `max` is 4 KiB");
    let error = gpu.edges_mut().resize(513).unwrap_err();
    assert_eq!(error.to_string(), "buffer `Graph.edges` needs 4104 bytes, and its `max` is 4 KiB");
    assert_eq!((gpu.edges().len(), gpu.edges().capacity()), (301, 512));
}

#[test]
fn the_buffers_of_a_set_share_a_limit() {
    let mut gpu = PresetsBuffers::new(&Device::host()).unwrap();
    gpu.cells_mut().resize(200).unwrap();
    gpu.edges_mut().resize(28).unwrap();
    let error = gpu.positions_mut().resize(1).unwrap_err();
    assert!(matches!(error, Error::SetLimit { requested: 8, used: 1_024, limit: 1_024, .. }), "{error}");
    gpu.cells_mut().clear();
    gpu.cells_mut().shrink_to_fit().unwrap();
    gpu.positions_mut().resize(100).unwrap();
}

// A buffer is freed.

#[test]
fn the_memory_of_a_freed_buffer_is_available_again() {
    let device = limited(1_000);
    let first = bytes(&device, "first", 600).unwrap();
    assert!(matches!(bytes(&device, "second", 600), Err(Error::DeviceLimit { used: 600, .. })));
    first.close().unwrap(); // or `drop(first)`, which does not wait
    let second = bytes(&device, "second", 600).unwrap();
    assert_eq!((device.stats().live_buffers, second.capacity()), (1, 600));
}

#[test]
fn one_buffer_of_a_set_gives_its_memory_back() {
    let mut gpu = uploaded();
    gpu.positions_mut().clear();
    gpu.positions_mut().shrink_to_fit().unwrap();
    assert_eq!(gpu.device().stats().live_bytes, 12 + 64);
    gpu.positions_mut().upload(&[[6.0, 7.0]]).unwrap();
    let back = Graph { positions: vec![[6.0, 7.0]], ..graph() };
    assert_eq!(gpu.download().unwrap(), back, "it is usable, and the others are as they were");
}

#[test]
fn memory_that_a_download_reads_is_available_after_it() {
    let device = limited(1_000);
    let frame = Buffer::from_slice(&device, "frame", &[7_u8; 600]).unwrap().into_async();
    let busy = occupy(&device);
    let ticket = frame.start_download().unwrap();
    drop(frame);
    assert_eq!((device.stats().live_bytes, device.stats().retired_bytes), (0, 600));
    drop(busy);
    let next = Buffer::from_slice(&device, "next", &[0_u8; 600]).unwrap(); // waits for the download
    assert_eq!((next.len(), ticket.wait().unwrap().to_vec()), (600, vec![7; 600]));
}
