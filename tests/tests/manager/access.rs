//! How buffers are found, and how they are configured.

use crate::{Graph, GraphBuffersMut, Presets, SLOW_GROWTH, graph, uploaded};
use gpumem::{AnySet, Async, Buffer, BufferSpec, Device, Error, GpuBuffers, Host};
use std::collections::HashMap;

// A buffer is got.

#[test]
fn a_buffer_is_got_with_its_type() {
    let mut gpu = uploaded();
    let edges: &Buffer<[u32; 2]> = gpu.edges();
    assert_eq!(edges.download().unwrap(), graph().edges);
    let positions: &mut Buffer<[f32; 2], Host, Async> = gpu.positions_mut();
    positions.write(1, &[[8.0, 9.0]]).unwrap();
    assert_eq!(gpu.positions().view(1..).unwrap().download().unwrap(), [[8.0, 9.0], [4.0, 5.0]]);
}

#[test]
fn two_buffers_are_got_at_once() {
    let mut gpu = uploaded();
    let device = gpu.device().clone();
    let GraphBuffersMut { positions, weights, .. } = gpu.split_mut();
    device
        .launch((positions, &*weights), |(positions, weights)| {
            positions.iter_mut().zip(weights).for_each(|(position, weight)| position[0] += weight);
        })
        .unwrap();
    assert_eq!(gpu.positions().download().unwrap(), [[0.5, 1.0], [3.5, 3.0], [6.5, 5.0]]);
}

/// The length of the buffer with this name.
fn len_of(set: &dyn AnySet, name: &str) -> Option<usize> {
    set.lengths_by_name().into_iter().find(|(key, _)| *key == name).map(|(_, len)| len)
}

#[test]
fn a_buffer_is_found_by_a_name_of_run_time() {
    let gpu = uploaded();
    assert_eq!((len_of(&gpu, "edges"), len_of(&gpu, "faces")), (Some(2), None));
    let stats = gpu.stats();
    let edges = stats.buffers.iter().find(|buffer| buffer.label.name() == "edges").unwrap();
    assert_eq!((edges.len, edges.capacity, edges.element_size), (2, 8, 8));
}

#[test]
fn sets_of_different_structs_are_in_one_list() {
    let device = Device::host();
    let (graph, presets) = (graph().upload(&device).unwrap(), Presets::default().upload(&device).unwrap());
    let sets: Vec<Box<dyn AnySet>> = vec![Box::new(graph), Box::new(presets)];
    assert_eq!(sets.iter().map(|set| set.label()).collect::<Vec<_>>(), ["Graph", "Presets"]);
    assert_eq!(sets[0].lengths_by_name(), [("positions", 3), ("weights", 3), ("edges", 2)]);
    assert_eq!(len_of(&*sets[1], "cells"), Some(0));
}

#[test]
fn buffers_with_names_made_at_run_time_are_in_a_map() {
    let device = Device::host();
    let mut tiles: HashMap<String, Buffer<u8>> = HashMap::new();
    for number in 0..4 {
        let name = format!("tile_{number}");
        let spec = SLOW_GROWTH.named(name.clone());
        tiles.insert(name, Buffer::from_slice(&device, spec, &[number]).unwrap());
    }
    assert_eq!(tiles["tile_3"].download().unwrap(), [3]);
    assert_eq!(tiles["tile_2"].label().to_string(), "buffer `tile_2`");
    drop(tiles.remove("tile_0"));
    let live = device.live_buffers();
    assert_eq!((live.len(), live[0].name()), (3, "tile_1"));
}

// Presets and configs.

#[test]
fn a_preset_is_a_name_for_settings_and_keys_beside_it_win() {
    let facts = |spec: &BufferSpec| (spec.growth_factor(), spec.max_bytes(), spec.is_async());
    let [positions, velocities, edges, cells] = Presets::BUFFERS else { panic!("four buffers") };
    assert_eq!(facts(positions), (1.3, Some(512 << 20), true));
    assert_eq!(facts(velocities), facts(positions));
    assert_eq!(facts(edges), (2.0, Some(1 << 20), false), "the preset alone has 2 GiB");
    assert_eq!(facts(cells), (1.5, Some(256 << 20), false));
}

#[test]
fn a_config_is_a_constant_that_buffers_share() {
    assert_eq!(Graph::BUFFERS[1], SLOW_GROWTH.named("weights").element::<f32>());
    let gpu = uploaded();
    let other = Buffer::<u8>::new(gpu.device(), SLOW_GROWTH.named("other")).unwrap();
    assert_eq!((gpu.weights().name(), other.name()), ("weights", "other"));
    assert_eq!((gpu.weights().spec().slot_count(), other.spec().slot_count()), (3, 3));
}

#[test]
fn a_config_of_run_time_is_a_specification() {
    let (growth, max) = ("1.25".parse().unwrap(), "1000".parse().unwrap());
    let spec = BufferSpec::new("cells").growth(growth).max(max);
    let mut cells = Buffer::<u8>::with_capacity(&Device::host(), spec, 400).unwrap();
    cells.resize(401).unwrap();
    assert_eq!(cells.capacity(), 500);
    assert!(matches!(cells.resize(1_001), Err(Error::BufferLimit { limit: 1_000, .. })));
}
