//! Buffers by name: `NamedBuffers`, keys, and `pooled`.

use crate::{Open, on_each_backend, open};
use gpumem::named::{BufferConfig, Key, NamedBuffers, NamedSpec, PoolingStatistics, pooled};
use gpumem::{AnySet, Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use std::{mem, thread};

/// Settings for a buffer of `u32` with async downloads.
const FRAME: BufferConfig = BufferConfig { enable_async: true, ..BufferConfig::of::<u32>() };

fn text<T>(result: Result<T, Error>) -> String {
    result.err().expect("this is a mistake").to_string()
}

on_each_backend!(a_buffer_is_found_by_name_and_by_key);
fn a_buffer_is_found_by_name_and_by_key<B: TestBackend>(open: Open<'_, B>) {
    let mut buffers = NamedBuffers::new(&open!(open));
    let numbers = buffers.allocate::<u32>("numbers", 3, FRAME).unwrap();
    buffers.allocate::<[f32; 3]>(String::from("positions"), 2, BufferConfig::positions()).unwrap();
    assert_eq!(buffers.at(numbers).unwrap().download().unwrap(), [0; 3]);
    buffers.get_mut::<u32>("numbers").unwrap().upload(&[1, 2]).unwrap();
    B::add_one(buffers.at_mut(numbers).unwrap());
    assert_eq!(buffers.get::<u32>("numbers").unwrap().download().unwrap(), [2, 3]);
    assert_eq!(buffers.get::<[f32; 3]>("positions").unwrap().download().unwrap(), [[0.0; 3]; 2]);
    assert_eq!(buffers.names().collect::<Vec<_>>(), ["numbers", "positions"]);
    assert_eq!(AnySet::lengths_by_name(&buffers), [("numbers", 2), ("positions", 2)]);
    assert_eq!(buffers.stats().live_bytes(), 12 + 24);
}

on_each_backend!(mistakes_say_what_is_there);
fn mistakes_say_what_is_there<B: TestBackend>(open: Open<'_, B>) {
    let mut buffers = NamedBuffers::new(&open!(open));
    assert_eq!(text(buffers.get::<u32>("x")), "no buffer is named `x`; there are no buffers yet");
    buffers.allocate::<[f32; 3]>("positions", 2, BufferConfig::positions()).unwrap();
    buffers.allocate::<u32>("edges", 2, FRAME).unwrap();
    let misspelt = "no buffer is named `postions`; is it `positions`? There are `edges`, `positions`";
    assert_eq!(text(buffers.get::<[f32; 3]>("postions")), misspelt);
    assert_eq!(text(buffers.free("postions")), misspelt);
    assert_eq!(text(buffers.wait_for_download::<u32>("postions")), misspelt);
    assert_eq!(text(buffers.get::<u32>("x")), "no buffer is named `x`; there are `edges`, `positions`");
    let wrong = "buffer `named.edges` has elements of `u32`, and was asked for as one of `f32`";
    assert_eq!(text(buffers.get_mut::<f32>("edges")), wrong, "the size is the same");
    assert_eq!(text(buffers.ensure_capacity::<f32>("edges", 9)), wrong);
    assert_eq!(text(buffers.start_async_download::<f32>("edges")), wrong);
    let twice = "buffer `named.edges` is there already, with 2 elements of `u32`: take it with `get` or `get_mut`, or `free` it first";
    assert_eq!(text(buffers.allocate::<f32>("edges", 5, BufferConfig::of::<f32>())), twice);
    let unnamed = text(buffers.allocate::<f32>("", 5, BufferConfig::of::<f32>()));
    assert!(unnamed.ends_with("a name has a letter at least"), "{unnamed}");
    for number in 0..20 {
        buffers.allocate::<u8>(format!("tile_{number:02}"), 0, BufferConfig::of::<u8>()).unwrap();
    }
    let many = text(buffers.get::<u8>("tile"));
    assert!(many.ends_with("`tile_12`, `tile_13` and 6 more") && !many.contains("tile_14"), "{many}");
}

on_each_backend!(a_key_of_a_buffer_that_is_gone_is_an_error);
fn a_key_of_a_buffer_that_is_gone_is_an_error<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let (mut buffers, mut others) = (NamedBuffers::new(&device), NamedBuffers::new(&device));
    let old = buffers.allocate::<u32>("frame", 1, FRAME).unwrap();
    let foreign = others.allocate::<u32>("frame", 2, FRAME).unwrap();
    let is_bad = |result: Result<&Buffer<u32, B, _>, Error>| matches!(result, Err(Error::BadKey { .. }));
    assert!(is_bad(buffers.at(foreign)) && is_bad(others.at(old)), "both have place 0");
    buffers.free("frame").unwrap();
    assert!(is_bad(buffers.at(old)));
    let new = buffers.allocate::<u32>("frame", 3, FRAME).unwrap();
    assert!(is_bad(buffers.at(old)), "another buffer of that name, type and place");
    assert!(matches!(buffers.at_mut(old), Err(Error::BadKey { .. })));
    assert_eq!(buffers.at(new).unwrap().len(), 3);
    assert_eq!((buffers.key::<u32>("frame").unwrap(), old == new), (new, false));
    let message = text(buffers.at(old));
    assert!(
        message.starts_with("the key of a buffer of `u32` is not valid here: the buffer was freed"),
        "{message}"
    );
    drop(others.free("frame"));
    assert!(is_bad(others.at(foreign)), "there is no buffer at all");
}

on_each_backend!(messages_have_the_names_of_the_manager_after_a_swap);
fn messages_have_the_names_of_the_manager_after_a_swap<B: TestBackend>(open: Open<'_, B>) {
    let mut buffers = NamedBuffers::new(&open!(open));
    let keys =
        (buffers.allocate::<u32>("a", 1, FRAME).unwrap(), buffers.allocate::<u32>("b", 2, FRAME).unwrap());
    let (a, b) = buffers.split_mut(keys).unwrap();
    std::mem::swap(a, b);
    assert_eq!((buffers.at(keys.0).unwrap().len(), buffers.at(keys.1).unwrap().len()), (2, 1));
    for message in [
        text(buffers.get::<f32>("a")),
        text(buffers.allocate::<u32>("a", 1, FRAME)),
        text(buffers.wait_for_download::<u32>("a")),
    ] {
        assert!(message.starts_with("buffer `named.a`"), "{message}");
    }
}

on_each_backend!(a_capacity_is_ensured_by_its_absolute_value);
fn a_capacity_is_ensured_by_its_absolute_value<B: TestBackend>(open: Open<'_, B>) {
    let mut buffers = NamedBuffers::new(&open!(open));
    let key = buffers.allocate::<u32>("cells", 100, BufferConfig { growth_factor: 1.3, ..FRAME }).unwrap();
    buffers.at_mut(key).unwrap().fill(7).unwrap();
    for (asked, capacity) in [(50, 100), (100, 100), (101, 130), (500, 500), (1, 500)] {
        buffers.ensure_capacity::<u32>("cells", asked).unwrap();
        let cells = buffers.at(key).unwrap();
        assert_eq!((cells.len(), cells.capacity()), (100, capacity), "{asked}");
    }
    assert_eq!(buffers.at(key).unwrap().download().unwrap(), [7; 100]);
}

on_each_backend!(downloads_come_in_the_order_of_their_starts);
fn downloads_come_in_the_order_of_their_starts<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffers = NamedBuffers::new(&device);
    let key = buffers.allocate::<u32>("frame", 3, FRAME).unwrap();
    B::occupy(&device, Duration::from_millis(5));
    for step in 1..=2 {
        buffers.at_mut(key).unwrap().fill(step).unwrap();
        buffers.start_async_download::<u32>("frame").unwrap();
    }
    buffers.at_mut(key).unwrap().fill(3).unwrap();
    assert!(matches!(buffers.start_async_download::<u32>("frame"), Err(Error::SlotsBusy { slots: 2, .. })));
    assert_eq!(*buffers.wait_for_download::<u32>("frame").unwrap(), [1; 3]);
    buffers.start_async_download::<u32>("frame").unwrap();
    assert_eq!(*buffers.wait_for_download::<u32>("frame").unwrap(), [2; 3]);
    let last = buffers.wait_for_download::<u32>("frame").unwrap();
    assert!(matches!(buffers.wait_for_download::<u32>("frame"), Err(Error::NoDownload { .. })));
    buffers.start_async_download::<u32>("frame").unwrap();
    buffers.free("frame").unwrap();
    assert_eq!(*last, [3; 3], "the guard outlives the buffer");
    drop(last);
    device.synchronize().unwrap();
    device.check_leaks().unwrap();
}

on_each_backend!(a_buffer_without_async_downloads_says_how_to_get_them);
fn a_buffer_without_async_downloads_says_how_to_get_them<B: TestBackend>(open: Open<'_, B>) {
    let mut buffers = NamedBuffers::new(&open!(open));
    buffers.allocate::<u64>("grid", 3, BufferConfig::grid_cells()).unwrap();
    let expected = "buffer `named.grid`: `enable_async` is false, and an async download needs it";
    assert!(text(buffers.start_async_download::<u64>("grid")).starts_with(expected));
    buffers.allocate::<u32>("three", 3, BufferSpec::new("").asynchronous().slots(3)).unwrap();
    (0..3).for_each(|_| buffers.start_async_download::<u32>("three").unwrap());
    assert!(matches!(buffers.start_async_download::<u32>("three"), Err(Error::SlotsBusy { slots: 3, .. })));
}

on_each_backend!(several_buffers_are_borrowed_at_once);
fn several_buffers_are_borrowed_at_once<B: TestBackend>(open: Open<'_, B>) {
    let mut buffers = NamedBuffers::new(&open!(open));
    let keys: Vec<Key<u32>> =
        ["a", "b", "c"].map(|name| buffers.allocate(name, 2, FRAME).unwrap()).into_iter().collect();
    let bytes = buffers.allocate::<u8>("bytes", 2, BufferConfig::of::<u8>()).unwrap();
    let (c, bytes_now, a) = buffers.split_mut((keys[2], bytes, keys[0])).unwrap();
    a.upload(&[1, 2]).unwrap();
    c.copy_from(a).unwrap();
    bytes_now.fill(9).unwrap();
    assert_eq!(buffers.at(keys[2]).unwrap().download().unwrap(), [1, 2]);
    assert_eq!(buffers.at(bytes).unwrap().download().unwrap(), [9; 2]);
    let twice = text(buffers.split_mut((keys[0], keys[1], keys[0])));
    assert!(twice.starts_with("the key of a buffer of `u32` was given twice"), "{twice}");
    buffers.free("b").unwrap();
    assert!(text(buffers.split_mut((keys[0], keys[1]))).contains("was freed"));
}

on_each_backend!(settings_are_checked_when_a_buffer_is_allocated);
fn settings_are_checked_when_a_buffer_is_allocated<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffers = NamedBuffers::new(&device);
    let bad = [
        (BufferConfig { growth_factor: f64::NAN, ..FRAME }, "growth"),
        (BufferConfig { growth_factor: 1.0, ..FRAME }, "growth"),
        (BufferConfig { bytes_per_element: 8, ..FRAME }, "bytes_per_element"),
        (BufferConfig { max_size_bytes: Some(8), min_size_bytes: 12, ..FRAME }, "min"),
        (BufferConfig { max_size_bytes: Some(3), ..FRAME }, "max"),
    ];
    for (config, setting) in bad {
        let error = buffers.allocate::<u32>("cells", 1, config).unwrap_err();
        assert!(matches!(error, Error::InvalidSpec { key, .. } if key == setting), "{config:?}: {error}");
    }
    let limit = BufferConfig { max_size_bytes: Some(8), ..FRAME };
    assert!(matches!(buffers.allocate::<u32>("cells", 3, limit), Err(Error::BufferLimit { .. })));
    assert!(buffers.is_empty() && device.stats().live_bytes == 0, "nothing is left of them");
    let open_size = BufferConfig { bytes_per_element: 0, min_size_bytes: 40, ..FRAME };
    let cells = buffers.allocate::<u32>("cells", 0, open_size).unwrap();
    assert_eq!((buffers.at(cells).unwrap().len(), buffers.at(cells).unwrap().capacity()), (0, 10));
}

#[test]
fn presets_are_those_of_the_derive() {
    #[derive(gpumem::GpuBuffers)]
    #[allow(dead_code)]
    struct Presets {
        #[buffer(preset = "positions")]
        positions: Vec<[f32; 3]>,
        #[buffer(preset = "velocities")]
        velocities: Vec<[f32; 3]>,
        #[buffer(preset = "edges")]
        edges: Vec<[u64; 4]>,
        #[buffer(preset = "grid_cells")]
        grid_cells: Vec<u64>,
    }
    let configs = [
        BufferConfig::positions(),
        BufferConfig::velocities(),
        BufferConfig::edges(),
        BufferConfig::grid_cells(),
    ];
    let figures = [(12, 1.3, 512, true), (12, 1.3, 512, true), (32, 2.0, 2048, false), (8, 1.5, 256, false)];
    for ((config, derived), figures) in
        configs.into_iter().zip(<Presets as gpumem::GpuBuffers>::BUFFERS).zip(figures)
    {
        let facts = |spec: &BufferSpec| {
            let mebibytes = spec.max_bytes().unwrap() >> 20;
            (spec.element_size(), spec.growth_factor(), mebibytes, spec.is_async())
        };
        assert_eq!((facts(&config.into()), facts(derived)), (figures, figures), "{}", derived.name());
    }
}

on_each_backend!(the_buffers_of_a_manager_share_a_limit);
fn the_buffers_of_a_manager_share_a_limit<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffers = NamedBuffers::with_limit(&device, 1_000);
    buffers.allocate::<u8>("first", 600, BufferConfig::of::<u8>()).unwrap();
    let error = buffers.allocate::<u8>("second", 401, BufferConfig::of::<u8>()).unwrap_err();
    assert!(matches!(error, Error::SetLimit { requested: 401, used: 600, limit: 1_000, .. }), "{error}");
    assert!(!buffers.contains("second") && buffers.len() == 1);
    buffers.allocate::<u8>("second", 400, BufferConfig::of::<u8>()).unwrap();
    assert!(matches!(buffers.ensure_capacity::<u8>("first", 601), Err(Error::SetLimit { .. })));
    buffers.free("second").unwrap();
    buffers.ensure_capacity::<u8>("first", 1_000).unwrap();
    let stats = NamedBuffers::with_default_limit(&device).stats();
    assert_eq!(stats.limit_bytes, Some(6 * 1024 * 1024 * 1024));
}

on_each_backend!(a_buffer_that_left_the_manager_is_found);
fn a_buffer_that_left_the_manager_is_found<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffers = NamedBuffers::new(&device);
    let (_, line) = (buffers.allocate::<u32>("cells", 5, FRAME).unwrap(), line!());
    buffers.check_leaks().unwrap();
    let other = Buffer::new(&device, "other").unwrap().into_async();
    let mut moved = mem::replace(buffers.get_mut::<u32>("cells").unwrap(), other);
    let Err(Error::Leaked(report)) = buffers.check_leaks() else { panic!("`cells` is elsewhere") };
    let held = &report.held()[0];
    assert_eq!((held.name(), held.bytes, held.made_at.line()), ("cells", 20, line), "{report}");
    assert!(report.to_string().starts_with("1 buffer of set `named` is still alive:"), "{report}");
    mem::swap(buffers.get_mut::<u32>("cells").unwrap(), &mut moved);
    buffers.close().unwrap();
    drop(moved);
    device.close().unwrap();
}

on_each_backend!(a_manager_is_shared_by_threads);
fn a_manager_is_shared_by_threads<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffers = Mutex::new(NamedBuffers::new(&device));
    let keys: Vec<Key<u32>> = thread::scope(|scope| {
        let fill = |number: u32| {
            let buffers = &buffers;
            move || {
                let key = buffers.lock().unwrap().allocate(format!("of {number}"), 5, FRAME).unwrap();
                buffers.lock().unwrap().at_mut(key).unwrap().fill(number).unwrap();
                key
            }
        };
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(fill(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let buffers: Box<dyn AnySet> = Box::new(buffers.into_inner().unwrap());
    assert_eq!((buffers.label(), buffers.lengths_by_name().len()), ("named", 8));
    drop(buffers);
    assert_eq!((keys.len(), device.stats().live_bytes), (8, 0), "keys hold nothing");
}

on_each_backend!(a_thousand_names_live_at_once);
fn a_thousand_names_live_at_once<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(4_000));
    let mut buffers = NamedBuffers::new(&device);
    let make =
        |buffers: &mut NamedBuffers<B>, number: u32| buffers.allocate(format!("tile {number}"), 1, FRAME);
    let keys: Vec<Key<u32>> = (0..1_000).map(|number| make(&mut buffers, number).unwrap()).collect();
    assert!(matches!(make(&mut buffers, 1_000), Err(Error::DeviceLimit { used: 4_000, .. })));
    buffers.at_mut(keys[567]).unwrap().fill(567).unwrap();
    assert_eq!(buffers.get::<u32>("tile 567").unwrap().download().unwrap(), [567]);
    (0..500).for_each(|number| buffers.free(&format!("tile {number}")).unwrap());
    (1_000..1_500).for_each(|number| assert!(make(&mut buffers, number).is_ok())); // in their places
    assert!(keys[..500].iter().all(|key| buffers.at(*key).is_err()));
    assert!(keys[500..].iter().all(|key| buffers.at(*key).is_ok()));
    assert_eq!((buffers.len(), buffers.names().count(), buffers.stats().peak_bytes), (1_000, 1_000, 4_000));
}

on_each_backend!(several_buffers_come_down_as_of_one_moment);
fn several_buffers_come_down_as_of_one_moment<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffers = NamedBuffers::new(&device);
    let [now, next] = ["now", "next"].map(|name| buffers.allocate::<u32>(name, 3, FRAME).unwrap());
    buffers.at_mut(next).unwrap().fill(1).unwrap();
    B::occupy(&device, Duration::from_millis(5));
    let ticket = device.start_downloads((buffers.at(now).unwrap(), buffers.at(next).unwrap())).unwrap();
    let (now, next) = buffers.split_mut((now, next)).unwrap();
    now.swap_contents(next).unwrap();
    next.fill(9).unwrap();
    let (first, second) = ticket.wait().unwrap();
    assert_eq!((&*first, &*second), (&[0; 3][..], &[1; 3][..]));
    assert_eq!(now.download().unwrap(), [1; 3]);
}

on_each_backend!(pooled_buffers_use_memory_again);
fn pooled_buffers_use_memory_again<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let specs = [
        NamedSpec::new::<u32>("height", 600_000, FRAME),
        NamedSpec::new::<[f32; 3]>("normal", 600_000, BufferConfig::positions()),
    ];
    let (mut first, mut later) = (PoolingStatistics::default(), PoolingStatistics::default());
    for chunk in 0..10 {
        let (download, pooling) = pooled(&device, &specs, |features| {
            features.get_mut::<u32>("height")?.fill(chunk)?;
            assert_eq!(features.get::<[f32; 3]>("normal")?.view(599_999..)?.download()?, [[0.0; 3]]);
            features.get_mut::<[f32; 3]>("normal")?.fill([1.0; 3])?;
            features.get::<u32>("height")?.start_download()
        })
        .unwrap();
        assert_eq!(download.wait().unwrap()[599_999], chunk, "it outlives its buffer");
        *(if chunk == 0 { &mut first } else { &mut later }) += pooling;
    }
    assert_eq!((first.allocations, later.allocations), (2, 18));
    assert!(first.reuse_rate() < 1.0 && later.reuse_rate() > 0.99, "{first}, then {later}");
    assert_eq!((first.peak_bytes, later.peak_bytes), (600_000 * 16, 600_000 * 16));
    assert_eq!(device.stats().live_buffers, 0);
}

on_each_backend!(pooled_buffers_are_freed_after_a_failure);
fn pooled_buffers_are_freed_after_a_failure<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(1_000));
    let spec = |name, len| NamedSpec::new::<u8>(name, len, BufferConfig::of::<u8>());
    let fits = [spec("first", 500), spec("second", 500)];
    let unknown = pooled(&device, &fits, |features| features.get::<u8>("third").map(Buffer::len));
    assert!(matches!(unknown, Err(Error::UnknownName { .. })));
    let large = pooled(&device, &[spec("first", 500), spec("second", 501)], |_| Ok(()));
    assert!(matches!(large, Err(Error::DeviceLimit { .. })));
    let twice = pooled(&device, &[spec("first", 5), spec("first", 5)], |_| Ok(()));
    assert!(matches!(twice, Err(Error::DuplicateName { .. })));
    let wrong = [NamedSpec::new::<u8>("first", 5, BufferConfig::edges())];
    assert!(matches!(pooled(&device, &wrong, |_| Ok(())), Err(Error::InvalidSpec { .. })));
    let other = Buffer::new(&device, "other").unwrap().into_async();
    let moved = pooled(&device, &fits, |features| {
        mem::forget(mem::replace(features.get_mut::<u8>("first")?, other));
        Ok(())
    });
    assert!(matches!(moved, Err(Error::Leaked(_))));
    assert_eq!(device.stats().live_bytes, 500, "the forgotten one");
}

on_each_backend!(random_names_behave_as_a_map_of_vecs);
fn random_names_behave_as_a_map_of_vecs<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let (mut buffers, mut random) = (NamedBuffers::new(&device), Random::new(7));
    let mut model: HashMap<String, (Key<u32>, Vec<u32>)> = HashMap::new();
    let mut gone: Vec<Key<u32>> = Vec::new();
    for _ in 0..if B::is_card(&device) { 200 } else { 2_000 } {
        let (name, len) = (format!("b{}", random.below(12)), random.below(40));
        let Some((key, elements)) = model.get_mut(&name) else {
            assert!(matches!(buffers.free(&name), Err(Error::UnknownName { .. })));
            let key = buffers.allocate::<u32>(name.clone(), len, FRAME).unwrap();
            model.insert(name, (key, vec![0; len]));
            continue;
        };
        match random.below(5) {
            0 => {
                gone.push(*key);
                buffers.free(&name).unwrap();
                model.remove(&name);
            }
            1 => {
                *elements = random.vec(len);
                buffers.at_mut(*key).unwrap().upload(elements).unwrap();
            }
            2 => {
                elements.resize(len, 0);
                buffers.get_mut::<u32>(&name).unwrap().resize(len).unwrap();
            }
            3 => {
                buffers.start_async_download::<u32>(&name).unwrap();
                assert_eq!(*buffers.wait_for_download::<u32>(&name).unwrap(), **elements);
            }
            _ => {
                assert!(matches!(
                    buffers.allocate::<u32>(name, len, FRAME),
                    Err(Error::DuplicateName { .. })
                ));
            }
        }
    }
    for (name, (key, elements)) in &model {
        assert_eq!(buffers.at(*key).unwrap().download().unwrap(), *elements);
        assert_eq!(buffers.key::<u32>(name).unwrap(), *key);
    }
    assert!(gone.len() > 20 && gone.iter().all(|key| buffers.at(*key).is_err()), "{} were freed", gone.len());
    assert_eq!(buffers.len(), model.len());
    buffers.close().unwrap();
    device.close().unwrap();
}
