//! What a derived manager does, on each backend.

use crate::{Open, on_each_backend, open};
use gpumem::{Buffer, Device, Error, GpuBuffers};
use gpumem_tests::{Random, TestBackend};
use std::time::Duration;

/// A set with every kind of field.
#[derive(GpuBuffers, Default, Debug, PartialEq)]
struct Graph {
    /// Where the nodes are.
    #[buffer(growth = 1.3, max = "1MiB", async)]
    positions: Vec<[f32; 2]>,
    /// What they are.
    #[buffer(async)]
    kinds: Vec<u32>,
    /// Pairs of nodes.
    #[buffer(growth = 2.0, max = 8192, min = "1 KiB")]
    edges: Vec<[u32; 2]>,
    /// Stays here.
    #[buffer(skip)]
    title: String,
}

fn graph(nodes: usize, edges: usize) -> Graph {
    let mut random = Random::new(7);
    #[allow(clippy::cast_precision_loss)]
    let positions = (0..nodes).map(|node| [node as f32, -1.0]).collect();
    let edges = random.vec(edges).into_iter().map(|node| [node, node / 2]).collect();
    Graph { positions, kinds: random.vec(nodes), edges, title: "a graph".into() }
}

on_each_backend!(a_set_is_uploaded_and_downloaded);
fn a_set_is_uploaded_and_downloaded<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let host = graph(1_000, 300);
    let mut gpu = host.upload(&device).unwrap();
    assert_eq!(gpu.lens(), GraphLens { positions: 1_000, kinds: 1_000, edges: 300 });
    let expected = Graph { title: String::new(), ..graph(1_000, 300) };
    assert_eq!(gpu.download().unwrap(), expected, "a skipped field has its default");
    let mut into = Graph { title: "kept".into(), ..Graph::default() };
    gpu.download_into(&mut into).unwrap();
    assert_eq!(into, Graph { title: "kept".into(), ..graph(1_000, 300) });
    let smaller = graph(10, 1_024);
    gpu.upload_from(&smaller).unwrap();
    gpu.download_into(&mut into).unwrap();
    assert_eq!(into, Graph { title: "kept".into(), ..graph(10, 1_024) });
    let stats = gpu.stats();
    assert_eq!((stats.label, stats.buffers.len()), ("Graph", 3));
    assert_eq!(stats.used_bytes(), 10 * 8 + 10 * 4 + 1_024 * 8);
    gpu.clear();
    gpu.shrink_to_fit().unwrap();
    assert_eq!(gpu.capacities(), GraphLens { positions: 0, kinds: 0, edges: 128 }, "`min` is 1 KiB");
    gpu.check_leaks().unwrap();
    gpu.close().unwrap();
    device.check_leaks().unwrap();
}

on_each_backend!(whole_set_operations_are_all_or_nothing);
fn whole_set_operations_are_all_or_nothing<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(40_000));
    let mut gpu = graph(100, 50).upload(&device).unwrap();
    let before = (gpu.stats(), device.stats().live_bytes);
    // `edges`, the last field, has a limit of 8192 bytes; the device's is 40000.
    let beyond_edges = GraphLens { positions: 1_000, kinds: 1_000, edges: 1_025 };
    let beyond_device = GraphLens { positions: 3_000, kinds: 6_000, edges: 60 };
    for lens in [beyond_edges, beyond_device] {
        assert!(gpu.resize(lens).is_err());
        assert!(gpu.reserve(lens).is_err());
        assert_eq!((gpu.stats(), device.stats().live_bytes), before);
    }
    let error = gpu.resize(beyond_edges).unwrap_err();
    assert!(error.to_string().starts_with("buffer `Graph.edges` needs "), "{error}");
    assert!(gpu.upload_from(&graph(4, 2_000)).is_err());
    assert!(graph(4, 2_000).upload(&device).is_err());
    assert_eq!((gpu.stats(), device.stats().live_bytes), before);
    assert_eq!(gpu.download().unwrap(), Graph { title: String::new(), ..graph(100, 50) });
    gpu.resize(GraphLens { positions: 200, kinds: 10, edges: 1_024 }).unwrap();
    assert_eq!(gpu.positions().view(100..).unwrap().download().unwrap(), [[0.0; 2]; 100]);
}

on_each_backend!(a_frame_is_one_point_of_the_stream);
fn a_frame_is_one_point_of_the_stream<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let host = graph(10_000, 1);
    let mut gpu = host.upload(&device).unwrap();
    B::occupy(&device, Duration::from_millis(150));
    let ticket = gpu.start_download().unwrap();
    assert!(!ticket.is_ready().unwrap());
    let all = gpu.split_mut();
    all.positions.fill([0.0; 2]).unwrap();
    B::add_one(all.kinds);
    let frame = ticket.wait().unwrap();
    assert!(*frame.positions() == *host.positions && *frame.kinds() == *host.kinds);
    assert_eq!(device.stats().async_downloads, 2);
}

on_each_backend!(a_stolen_buffer_is_a_leak_of_its_set);
fn a_stolen_buffer_is_a_leak_of_its_set<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let line = line!() + 1;
    let mut gpu = graph(10, 10).upload(&device).unwrap();
    let stolen = std::mem::replace(gpu.edges_mut(), Buffer::new(&device, "stand-in").unwrap());
    let Err(Error::Leaked(report)) = gpu.check_leaks() else { panic!("`edges` is not in the set") };
    let [edges] = report.buffers() else { panic!("one escaped: {report}") };
    assert_eq!(edges.label.to_string(), "buffer `Graph.edges`");
    assert_eq!((edges.bytes, edges.made_at.line()), (1_024, line));
    assert!(matches!(gpu.close(), Err(Error::Leaked(_))));
    drop(stolen);
    device.check_leaks().unwrap();
}
