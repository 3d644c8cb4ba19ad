//! The operations of a derived manager, on each backend.

use crate::tasks::block_on;
use crate::{Open, on_each_backend, open};
use gpumem::{AnySet, Buffer, BufferSet, Device, Error, GpuBuffers};
use gpumem_tests::{Random, TestBackend};
use std::time::Duration;

/// A set with every kind of field.
#[derive(GpuBuffers, Default, Debug, PartialEq)]
struct Graph {
    /// Positions of the nodes.
    #[buffer(growth = 1.3, max = "1MiB", async)]
    positions: Vec<[f32; 2]>,
    /// Kinds of the nodes.
    #[buffer(async)]
    kinds: Vec<u32>,
    /// Pairs of nodes.
    #[buffer(growth = 2.0, max = 8192, min = "1 KiB")]
    edges: Vec<[u32; 2]>,
    /// Stays on the host.
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
    assert_eq!(gpu.lengths(), GraphLengths { positions: 1_000, kinds: 1_000, edges: 300 });
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
    assert_eq!(gpu.capacities(), GraphLengths { positions: 0, kinds: 0, edges: 128 }, "`min` is 1 KiB");
    gpu.check_leaks().unwrap();
    gpu.close().unwrap();
    device.check_leaks().unwrap();
}

on_each_backend!(whole_set_operations_are_all_or_nothing);
fn whole_set_operations_are_all_or_nothing<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(40_000));
    let mut gpu = graph(100, 50).upload(&device).unwrap();
    let before = (gpu.stats(), device.stats().live_bytes);
    // `edges`, the last field, has a limit of 8192 bytes. The device has one of 40000.
    let beyond_edges = GraphLengths { positions: 1_000, kinds: 1_000, edges: 1_025 };
    let beyond_device = GraphLengths { positions: 3_000, kinds: 6_000, edges: 60 };
    for lengths in [beyond_edges, beyond_device] {
        assert!(gpu.resize(lengths).is_err());
        assert!(gpu.reserve(lengths).is_err());
        assert_eq!((gpu.stats(), device.stats().live_bytes), before);
    }
    let error = gpu.resize(beyond_edges).unwrap_err();
    assert!(error.to_string().starts_with("buffer `Graph.edges` needs "), "{error}");
    assert!(gpu.upload_from(&graph(4, 2_000)).is_err());
    assert!(graph(4, 2_000).upload(&device).is_err());
    assert_eq!((gpu.stats(), device.stats().live_bytes), before);
    assert_eq!(gpu.download().unwrap(), Graph { title: String::new(), ..graph(100, 50) });
    gpu.resize(GraphLengths { positions: 200, kinds: 10, edges: 1_024 }).unwrap();
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

on_each_backend!(whole_sets_are_extended_shortened_and_copied);
fn whole_sets_are_extended_shortened_and_copied<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(40_000));
    let mut gpu = graph(100, 50).upload(&device).unwrap();
    gpu.extend_from(&graph(10, 3)).unwrap();
    assert_eq!(gpu.lengths(), GraphLengths { positions: 110, kinds: 110, edges: 53 });
    let (first, second) = (graph(100, 50), graph(10, 3));
    let both = |[one, two]: [Vec<u32>; 2]| [one, two].concat();
    assert_eq!(gpu.kinds().download().unwrap(), both([first.kinds.clone(), second.kinds.clone()]));
    assert_eq!(gpu.edges().view(50..).unwrap().download().unwrap(), second.edges);

    gpu.truncate(GraphLengths { positions: 101, edges: 53, kinds: 200 });
    assert_eq!(gpu.lengths(), GraphLengths { positions: 101, kinds: 110, edges: 53 });
    gpu.swap_remove(0).unwrap();
    assert_eq!(gpu.lengths(), GraphLengths { positions: 100, kinds: 109, edges: 52 });
    assert_eq!(gpu.positions().view(..2).unwrap().download().unwrap(), [second.positions[0], [1.0, -1.0]]);
    assert_eq!(gpu.edges().view(..1).unwrap().download().unwrap(), [second.edges[2]]);

    let mut other = GraphBuffers::new(&device).unwrap();
    let uploads = device.stats().uploads;
    other.copy_from(&gpu).unwrap();
    assert_eq!(device.stats().uploads, uploads, "nothing went over the bus");
    assert_eq!(other.download().unwrap(), gpu.download().unwrap());
    assert_eq!(other.capacities().kinds, 109);

    // All or nothing: `edges` has a limit of 8192 bytes, and only the other two have an element 52.
    other.reserve(GraphLengths { kinds: 6_000, ..GraphLengths::default() }).unwrap();
    other.kinds_mut().resize(5_500).unwrap();
    let elsewhere = graph(1, 1).upload(&open!(open)).unwrap();
    let contents = gpu.download().unwrap();
    let before = (gpu.stats(), contents, device.stats().live_bytes);
    assert!(matches!(gpu.extend_from(&graph(500, 1_000)), Err(Error::BufferLimit { .. })));
    assert!(matches!(gpu.extend_from(&graph(4_000, 1)), Err(Error::DeviceLimit { .. })));
    let error = gpu.swap_remove(52).unwrap_err();
    assert_eq!(error.to_string(), "buffer `Graph.edges`: elements 52..53 were asked for, and it has 52");
    assert!(matches!(gpu.copy_from(&other), Err(Error::DeviceLimit { .. })));
    assert!(matches!(gpu.copy_from(&elsewhere), Err(Error::DifferentDevices { .. })));
    assert_eq!((gpu.stats(), gpu.download().unwrap(), device.stats().live_bytes), before);
    gpu.truncate(GraphLengths::all(1));
    assert_eq!(gpu.lengths(), GraphLengths { positions: 1, kinds: 1, edges: 1 });
}

on_each_backend!(a_frame_is_taken_apart);
fn a_frame_is_taken_apart<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let host = graph(100, 10);
    let gpu = host.upload(&device).unwrap();
    let GraphFrame { positions, kinds } = gpu.start_download().unwrap().wait().unwrap();
    drop(positions);
    let slots =
        |gpu: &GraphBuffers<B>| [gpu.positions().stats(), gpu.kinds().stats()].map(|stats| stats.slots_taken);
    assert_eq!(slots(&gpu), [0, 1], "each part has its own slot");
    drop(gpu);
    assert!(kinds == host.kinds);
    assert_eq!(
        kinds.into_iter().copied().map(u64::from).sum::<u64>(),
        host.kinds.iter().copied().map(u64::from).sum::<u64>()
    );
}

/// Operations that any set has.
fn first_buffer<S: GpuBuffers + Default, B: TestBackend>(
    data: &S,
    device: &Device<B>,
) -> (S, usize, <S::Manager<B> as BufferSet<B>>::Lengths) {
    let mut gpu = data.upload(device).unwrap();
    assert_eq!(gpu.device().name(), device.name());
    gpu.upload_from(data).unwrap();
    gpu.check_leaks().unwrap();
    let mut into = S::default();
    gpu.download_into(&mut into).unwrap();
    let (copy, len, lengths) = (gpu.download().unwrap(), gpu.stats().buffers[0].len, gpu.lengths());
    gpu.close().unwrap();
    (copy, len, lengths)
}

/// Another set, with another name in reports.
#[derive(GpuBuffers, Default, Debug, PartialEq)]
#[buffers(label = "a picture")]
struct Picture {
    pixels: Vec<[u8; 4]>,
}

on_each_backend!(any_set_is_used_without_its_type);
fn any_set_is_used_without_its_type<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let (graph, picture) = (graph(7, 3), Picture { pixels: vec![[1, 2, 3, 4]; 5] });
    let (copy, len, lengths) = first_buffer(&graph, &device);
    assert_eq!((copy.kinds, len, lengths.edges), (graph.kinds.clone(), 7, 3));
    let (copy, len, lengths) = first_buffer(&picture, &device);
    assert_eq!((&copy, len, lengths), (&picture, 5, PictureLengths { pixels: 5 }));

    let sets: Vec<Box<dyn AnySet>> =
        vec![Box::new(graph.upload(&device).unwrap()), Box::new(picture.upload(&device).unwrap())];
    assert_eq!(sets.iter().map(|set| set.label()).collect::<Vec<_>>(), ["Graph", "a picture"]);
    assert_eq!(sets[0].lengths_by_name(), [("positions", 7), ("kinds", 7), ("edges", 3)]);
    assert_eq!(sets[1].stats().used_bytes(), 20);
    assert!(sets.iter().all(|set| set.check_leaks().is_ok()));
    assert!(format!("{sets:?}").starts_with("[GraphBuffers {"), "{sets:?}");
    // Sets can be moved to other threads.
    std::thread::spawn(move || drop(sets)).join().unwrap();
    device.check_leaks().unwrap();
}

on_each_backend!(a_buffer_of_another_set_or_device_is_found_out);
fn a_buffer_of_another_set_or_device_is_found_out<B: TestBackend>(open: Open<'_, B>) {
    let (device, elsewhere) = (open!(open), open!(open));
    let mut gpu = graph(10, 10).upload(&device).unwrap();
    let mut other = graph(20, 5).upload(&device).unwrap();
    let mut far = graph(3, 3).upload(&elsewhere).unwrap();
    std::mem::swap(gpu.kinds_mut(), other.kinds_mut());
    std::mem::swap(other.edges_mut(), far.edges_mut());

    let told = |error: Error| error.to_string();
    let message = "buffer `Graph.kinds` is in the place of a buffer of the set `Graph`, which has not made it; `mem::swap` or \
                   `mem::replace` has put it there: put the set's own buffer back, and exchange elements with `swap_contents` or \
                   `copy_from`";
    assert_eq!(told(gpu.resize(GraphLengths::all(1)).unwrap_err()), message);
    let foreign = |result: Result<(), Error>| {
        matches!(result, Err(Error::ForeignBuffer { set: "Graph", elsewhere: false, .. }))
    };
    assert!(foreign(gpu.reserve(GraphLengths::all(1))));
    assert!(foreign(gpu.upload_from(&graph(1, 1))));
    assert!(foreign(gpu.extend_from(&graph(1, 1))));
    assert!(foreign(gpu.copy_from(&far)));
    assert!(foreign(gpu.swap_remove(0)));
    assert!(foreign(gpu.shrink_to_fit()));
    assert!(foreign(gpu.download().map(drop)));
    assert!(foreign(gpu.start_download().map(drop)));
    assert!(foreign(gpu.start_download_when_free().wait().map(drop)));
    assert!(foreign(block_on(gpu.start_download_when_free()).map(drop)));
    assert!(matches!(gpu.check_leaks(), Err(Error::Leaked(_))), "its own buffer is alive elsewhere");
    assert!(
        told(far.resize(GraphLengths::all(1)).unwrap_err())
            .contains("which has not made it, and lives on another device; ")
    );

    // After swapping back, the sets work.
    std::mem::swap(other.edges_mut(), far.edges_mut());
    std::mem::swap(gpu.kinds_mut(), other.kinds_mut());
    assert_eq!(gpu.download().unwrap().kinds, graph(10, 10).kinds);
    other.close().unwrap();
    far.close().unwrap();
    // The set's own buffer is gone, so it is no leak. The foreign one is found nevertheless.
    *gpu.edges_mut() = Buffer::new(&device, "stand-in").unwrap();
    assert!(matches!(gpu.check_leaks(), Err(Error::ForeignBuffer { .. })));
    let Err(Error::ForeignBuffer { buffer, .. }) = gpu.close() else { panic!("it is still there") };
    assert_eq!(buffer.name(), "stand-in");
    device.check_leaks().unwrap();
}

/// Two generations that alternate.
#[derive(GpuBuffers)]
#[buffers(limit = "4KiB")]
struct Generations {
    #[buffer(async)]
    now: Vec<u32>,
    next: Vec<u32>,
}

on_each_backend!(ping_pong_keeps_names_and_limits);
fn ping_pong_keeps_names_and_limits<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut gpu = Generations { now: vec![1; 500], next: vec![2; 400] }.upload(&device).unwrap();
    for round in 1..=3 {
        let all = gpu.split_mut();
        all.now.swap_contents(all.next).unwrap();
        let expected = if round % 2 == 1 { (400, 500) } else { (500, 400) };
        assert_eq!((gpu.lengths().now, gpu.lengths().next), expected);
    }
    gpu.check_leaks().unwrap();
    assert!(matches!(gpu.resize(GenerationsLengths { now: 525, next: 500 }), Err(Error::SetLimit { .. })));
    // Each set has its own limit: 900 of 1024 elements are charged to this set, and 600 to the other.
    let mut other = Generations { now: vec![3; 600], next: Vec::new() }.upload(&device).unwrap();
    let error = gpu.now_mut().swap_contents(other.now_mut()).unwrap_err();
    assert!(matches!(error, Error::SetLimit { requested: 800, used: 3_600, .. }), "{error}");
    gpu.next_mut().swap_contents(other.now_mut()).unwrap();
    assert_eq!((gpu.lengths().next, other.lengths().now), (600, 500));
    assert_eq!((gpu.next().download().unwrap()[0], other.now().download().unwrap()[0]), (3, 1));
    assert!(gpu.reserve(GenerationsLengths { now: 24, next: 1 }).is_err(), "1024 are all that it has");
    other.now_mut().reserve_to(1_024).unwrap();
    gpu.close().unwrap();
    other.close().unwrap();
    device.check_leaks().unwrap();
}

on_each_backend!(a_stolen_buffer_is_a_leak_of_its_set);
fn a_stolen_buffer_is_a_leak_of_its_set<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let line = line!() + 1;
    let mut gpu = graph(10, 10).upload(&device).unwrap();
    let stolen = std::mem::replace(gpu.edges_mut(), Buffer::new(&device, "stand-in").unwrap());
    let Err(Error::Leaked(report)) = gpu.check_leaks() else { panic!("`edges` is not in the set") };
    let [edges] = report.held() else { panic!("one escaped: {report}") };
    assert_eq!(edges.to_string(), "buffer `Graph.edges`");
    assert_eq!((edges.bytes, edges.made_at.line()), (1_024, line));
    assert!(matches!(gpu.close(), Err(Error::Leaked(_))));
    drop(stolen);
    device.check_leaks().unwrap();
}
