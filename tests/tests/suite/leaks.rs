//! Leak checks: their finds, and things that they leave out.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Error, GpuBuffers, Held, LeakReport};
use gpumem_tests::TestBackend;
use std::mem;
use std::time::Duration;

#[derive(GpuBuffers)]
struct Graph {
    #[buffer(async)]
    positions: Vec<[f32; 2]>,
    #[buffer(async)]
    weights: Vec<u8>,
    edges: Vec<u32>,
}

fn graph() -> Graph {
    Graph { positions: vec![[0.5; 2]; 3], weights: vec![1; 4], edges: vec![0, 1] }
}

fn frame<B: TestBackend>(device: &Device<B>) -> Buffer<u32, B, Async> {
    Buffer::from_slice(device, "frame", &[1, 2, 3]).unwrap().into_async()
}

fn report<B: TestBackend>(device: &Device<B>) -> LeakReport {
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("something is held") };
    report
}

fn kinds(report: &LeakReport) -> Vec<&'static str> {
    report.held().iter().map(Held::kind).collect()
}

/// The last of the list, which is the youngest: its kind, its buffer, its bytes and its line in this file.
fn youngest(report: &LeakReport) -> (&'static str, &str, u64, u32) {
    let held = report.held().last().expect("something is held");
    assert!(held.made_at.file().ends_with("suite/leaks.rs"), "{report}");
    (held.kind(), held.name(), held.bytes, held.made_at.line())
}

on_each_backend!(each_kind_is_found_with_its_line);
fn each_kind_is_found_with_its_line<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let (mut buffer, line) = (frame(&device), line!());
    let found = report(&device);
    let held = &found.held()[0];
    assert_eq!((held.kind(), held.element, held.bytes), ("buffer", "u32", 12));
    assert!(held.made_at.line() < line, "`frame` made it");

    let (ticket, line) = (buffer.start_download().unwrap(), line!());
    assert_eq!(youngest(&report(&device)), ("download", "frame", 12, line));
    let guard = ticket.wait().unwrap();
    let found = report(&device);
    assert_eq!(youngest(&found), ("guard", "frame", 12, line), "with the line that started it");
    assert_eq!(kinds(&found), ["buffer", "guard"]);
    drop(guard);

    let (stage, line) = (buffer.stage(5).unwrap(), line!());
    assert_eq!(youngest(&report(&device)), ("stage", "frame", 20, line));
    let (upload, line) = (stage.commit().unwrap(), line!());
    let found = report(&device);
    assert_eq!(youngest(&found), ("upload", "frame", 0, line));
    assert_eq!(kinds(&found), ["buffer", "upload"], "the stage is gone");
    drop(upload);

    let (own, line) = (device.create_stream().unwrap(), line!());
    assert_eq!(youngest(&report(&device)), ("stream", "", 0, line));
    let (lent, line) = (buffer.use_on(&own).unwrap(), line!());
    assert_eq!(youngest(&report(&device)), ("use", "frame", 0, line));
    lent.finish().unwrap();
    let (bound, line) = (buffer.bind(&own).unwrap(), line!());
    assert_eq!(youngest(&report(&device)), ("binding", "frame", 0, line));
    let (ticket, line) = (bound.start_download().unwrap(), line!());
    assert_eq!(youngest(&report(&device)), ("download", "frame", 20, line));
    drop((ticket, bound));
    drop((own, buffer));
    device.check_leaks().unwrap();
    device.close().unwrap();
}

on_each_backend!(each_way_to_start_a_transfer_has_its_line);
fn each_way_to_start_a_transfer_has_its_line<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer = frame(&device);
    let (ticket, line) = (buffer.view(1..).unwrap().start_download().unwrap(), line!());
    assert_eq!(youngest(&report(&device)), ("download", "frame", 8, line));
    drop(ticket.wait().unwrap());
    let (when_free, line) = (buffer.start_download_when_free(), line!());
    let ticket = when_free.wait().unwrap();
    assert_eq!(youngest(&report(&device)), ("download", "frame", 12, line));
    drop(ticket.wait().unwrap());
    for way in 0..2 {
        let stage = buffer.stage(2).unwrap();
        let (upload, line) = if way == 0 {
            (stage.commit_at(1).unwrap(), line!())
        } else {
            (stage.append().unwrap(), line!())
        };
        assert_eq!(youngest(&report(&device)), ("upload", "frame", 0, line));
        drop(upload);
    }
    drop(buffer);

    let gpu = graph().upload(&device).unwrap();
    let (ticket, line) = (gpu.start_download().unwrap(), line!());
    let held = |expected: &[(&str, &str, &str)], line: u32| {
        let report = report(&device);
        let made: Vec<_> = report.held().iter().filter(|held| held.kind() != "buffer").collect();
        let seen: Vec<_> = made.iter().map(|held| (held.kind(), held.name(), held.element)).collect();
        assert_eq!(seen, expected, "{report}");
        assert!(made.iter().all(|held| held.made_at.line() == line), "{report}");
        assert!(made.iter().all(|held| held.label.as_ref().unwrap().set() == Some("Graph")), "{report}");
    };
    let both = |kind| [(kind, "positions", "[f32; 2]"), (kind, "weights", "u8")];
    held(&both("download"), line);
    let read = ticket.wait().unwrap();
    held(&both("guard"), line);
    drop(read);
    let (when_free, line) = (gpu.start_download_when_free(), line!());
    let ticket = when_free.wait().unwrap();
    held(&both("download"), line);
    drop(ticket.wait().unwrap());
    let (ticket, line) = (device.start_downloads((gpu.weights(), gpu.positions())).unwrap(), line!());
    let [first, second] = both("download");
    held(&[second, first], line);
    drop(ticket.wait().unwrap());
    gpu.close().unwrap();
    device.check_leaks().unwrap();
}

on_each_backend!(what_was_forgotten_is_found);
fn what_was_forgotten_is_found<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let stream = device.create_stream().unwrap();
    let mut buffer = frame(&device);
    mem::forget(buffer.start_download().unwrap());
    mem::forget(buffer.start_download().unwrap().wait().unwrap());
    mem::forget(buffer.use_on(&stream).unwrap());
    mem::forget(buffer.stage(5).unwrap());
    drop((buffer, stream));
    device.synchronize().unwrap();
    let found = report(&device);
    let expected = ["download", "guard", "use", "stage"];
    assert_eq!(kinds(&found), expected);
    assert!(found.held().iter().all(|held| held.name() == "frame"));
    let Err(Error::Leaked(closing)) = device.close() else { panic!("four are held") };
    assert_eq!(kinds(&closing), expected, "`close` lists all of it");
    let text = closing.to_string();
    assert!(text.starts_with("1 download, 1 guard, 1 stage and 1 use of device `"), "{text}");
    for row in ["download of buffer `frame`  u32 ", "guard of buffer `frame` ", "stage for buffer `frame` "] {
        assert!(text.contains(row), "{text}");
    }
}

on_each_backend!(what_is_no_leak_is_not_reported);
fn what_is_no_leak_is_not_reported<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let stream = device.create_stream().unwrap();
    let mut buffer = frame(&device);
    let scope = device.leak_scope("scope");
    // A ticket that was waited for, and one whose data was copied and given back.
    drop(buffer.start_download().unwrap().wait().unwrap());
    let copied: Vec<u32> = buffer.start_download().unwrap().wait().unwrap().into();
    assert_eq!(copied, [1, 2, 3]);
    // A ticket that was dropped, and one that was given up.
    drop(buffer.start_download().unwrap());
    let given_up = buffer.start_download().unwrap();
    buffer.abandon_downloads();
    scope.check().unwrap();
    assert!(given_up.wait().is_err());
    // Stages: sent, dropped, and empty.
    buffer.stage(4).unwrap().commit().unwrap().wait().unwrap();
    drop(buffer.stage(4).unwrap());
    let empty = buffer.stage(0).unwrap();
    scope.check().unwrap();
    let nothing = empty.append().unwrap();
    scope.check().unwrap();
    drop(nothing);
    // Uses that ended, and downloads of nothing.
    drop(buffer.use_on(&stream).unwrap());
    buffer.use_on(&stream).unwrap().finish().unwrap();
    drop(buffer.bind(&stream).unwrap());
    let nothing = buffer.view(4..).unwrap().start_download().unwrap();
    scope.check().unwrap();
    drop(nothing);
    // Frames of a queue that was emptied.
    let mut frames = buffer.frame_queue();
    for step in 0..3 {
        buffer.fill(step).unwrap();
        drop(frames.push(buffer.start_download().unwrap()).unwrap());
    }
    assert!(scope.check().is_err(), "the queue still has a ticket");
    frames.drain().for_each(|frame| drop(frame.unwrap()));
    scope.check().unwrap();
    // A buffer of before, which grows and moves.
    buffer.resize(100_000).unwrap();
    let moved = Box::new(buffer);
    scope.check().unwrap();
    drop((scope, moved, stream));
    // Kernels, which are a module on a card and nothing on the host.
    let kernels = B::occupier(&device);
    device.check_leaks().unwrap();
    drop(kernels);
    device.close().unwrap();
}

on_each_backend!(what_is_in_flight_is_told_apart);
fn what_is_in_flight_is_told_apart<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let occupy = B::occupier(&device);
    let buffer: Buffer<u8, B, Async> =
        Buffer::from_slice(&device, "buffer", &[1; 100_000]).unwrap().into_async();
    device.synchronize().unwrap();
    assert_eq!(report(&device).in_flight_bytes(), 0);
    occupy(Duration::from_millis(200));
    drop(buffer.start_download().unwrap());
    let later = buffer.start_download().unwrap();
    let found = report(&device);
    // The copies end in order.
    let still_running = !later.is_ready().unwrap();
    let mut listed = kinds(&found);
    listed.retain(|kind| *kind != "module"); // the one that keeps a card busy
    assert_eq!(listed, ["buffer", "download"], "the dropped ticket is not listed");
    if still_running {
        assert!(found.in_flight_bytes() >= 100_000, "{found}");
        assert!(found.to_string().contains("\nnot held by the application: "), "{found}");
    }
    // The memory of a dropped buffer that a copy still reads.
    drop(buffer);
    drop(later);
    device.check_leaks().unwrap();
    device.synchronize().unwrap();
    drop(occupy);
    device.close().unwrap();
}

on_each_backend!(a_scope_reports_what_was_made_inside);
fn a_scope_reports_what_was_made_inside<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let before = frame(&device);
    let outer = device.leak_scope("outer");
    outer.check().unwrap();
    let first = Buffer::<u8, B>::with_capacity(&device, "first", 10).unwrap();
    let inner = device.leak_scope("inner");
    let second = std::thread::scope(|threads| {
        threads.spawn(|| Buffer::<u8, B>::with_capacity(&device, "second", 20).unwrap()).join().unwrap()
    });
    let names = |check: Result<(), Error>| {
        let Err(Error::Leaked(report)) = check else { panic!("something was made inside") };
        report.held().iter().map(|held| held.name().to_owned()).collect::<Vec<_>>()
    };
    let mut found = names(outer.check());
    found.sort(); // two threads made them, perhaps at the same time
    assert_eq!(found, ["first", "second"]);
    let text = inner.check().unwrap_err().to_string();
    assert!(text.starts_with("1 buffer of scope `inner` of device `"), "{text}");
    drop(before);
    assert_eq!(names(inner.check()), ["second"], "what was dropped was made outside");
    drop(second);
    inner.check().unwrap();
    drop(inner);
    assert_eq!(names(outer.check()), ["first"]);
    drop(first);
    outer.check().unwrap();
    let unread = Buffer::<u8, B>::with_capacity(&device, "unread", 10).unwrap();
    drop(outer); // it reports nothing
    drop(unread);
    device.close().unwrap();
}

on_each_backend!(an_upload_ticket_does_not_keep_a_device_open);
fn an_upload_ticket_does_not_keep_a_device_open<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer = frame(&device);
    let upload = buffer.stage(10).unwrap().commit().unwrap();
    drop(buffer);
    let found = report(&device);
    assert_eq!(kinds(&found), ["upload"]);
    assert!(found.to_string().starts_with("1 upload of device `"), "{found}");
    device.close().unwrap();
    upload.wait().unwrap();
}

on_each_backend!(a_set_finds_its_buffers_and_not_its_frames);
fn a_set_finds_its_buffers_and_not_its_frames<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut gpu = graph().upload(&device).unwrap();
    let frame = gpu.start_download().unwrap().wait().unwrap();
    gpu.check_leaks().unwrap(); // the frame is there to be read
    let other = Buffer::<u32, B>::new(&device, "other").unwrap();
    let edges = mem::replace(gpu.edges_mut(), other);
    let Err(Error::Leaked(report)) = gpu.check_leaks() else { panic!("`edges` has left the set") };
    let [held] = report.held() else { panic!("{report}") };
    assert_eq!((held.kind(), held.name(), held.element, held.bytes), ("buffer", "edges", "u32", 8));
    assert!(report.to_string().contains("buffer `Graph.edges`  u32 "), "{report}");
    assert_eq!(frame.weights().len(), 4);
    drop((edges, frame, gpu));
    device.check_leaks().unwrap();
}

on_each_backend!(lists_are_in_order_of_age_and_empty_buffers_share_a_line);
fn lists_are_in_order_of_age_and_empty_buffers_share_a_line<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let empty: Vec<Buffer<u8, B>> =
        (0..3).map(|number| Buffer::new(&device, format!("empty_{number}")).unwrap()).collect();
    let old = Buffer::<u64, B>::with_capacity(&device, "old", 100).unwrap();
    let age = |name: &str| {
        let live = device.live_buffers();
        live.iter().find(|held| held.name() == name).expect("it lives").age
    };
    while age("old") < Duration::from_millis(30) {
        std::thread::yield_now();
    }
    let young = Buffer::<u64, B>::with_capacity(&device, "young", 100).unwrap();
    assert!(age("young") < age("old"));
    let found = report(&device);
    let names: Vec<_> = found.held().iter().map(Held::name).collect();
    assert_eq!(names, ["empty_0", "empty_1", "empty_2", "old", "young"]);
    let text = found.to_string();
    let rows: Vec<_> = text.lines().collect();
    assert!(rows[1].starts_with("  held            element      bytes"), "{text}");
    assert!(rows[2].starts_with("  buffer `old`    u64      800 bytes  "), "{text}");
    assert!(rows[3].starts_with("  buffer `young`  u64      800 bytes  "), "{text}");
    let line = "  3 buffers without memory; the oldest is buffer `empty_0`, made at ";
    assert!(rows[4].starts_with(line) && rows.len() <= 6, "{text}");
    assert_eq!(format!("{found:?}"), text, "`main` and `unwrap` print `Debug`");
    drop((empty, old, young));
}

#[inline(never)]
fn made_deep_inside<B: TestBackend>(device: &Device<B>) -> Buffer<u32, B, Async> {
    // Not as its last call, which would be a jump, and leave no frame of this function.
    let made = frame(device);
    std::hint::black_box(&made);
    made
}

on_each_backend!(backtraces_are_captured_if_asked_for);
fn backtraces_are_captured_if_asked_for<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().capture_backtraces(true));
    let buffer = made_deep_inside(&device);
    let guard = buffer.start_download().unwrap().wait().unwrap();
    let found = report(&device);
    let traces: Vec<_> =
        found.held().iter().map(|held| held.backtrace().expect("captured").to_string()).collect();
    if !traces.iter().any(|trace| trace.contains("gpumem")) {
        return println!("skipped: this program has no symbols");
    }
    assert!(traces[0].contains("made_deep_inside"), "{}", traces[0]);
    assert!(!traces[1].contains("made_deep_inside") && traces[1].contains("start_download"), "{}", traces[1]);
    drop((buffer, guard));
    // The places of their records are used again.
    let next = frame(&device);
    assert!(!report(&device).held()[0].backtrace().unwrap().to_string().contains("made_deep_inside"));
    drop(next);
    device.close().unwrap();

    let device = open!(open);
    let _plain = frame(&device);
    assert!(report(&device).held()[0].backtrace().is_none());
}

on_each_backend!(a_report_can_be_serialised);
fn a_report_can_be_serialised<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let gpu = graph().upload(&device).unwrap();
    let stream = device.create_stream().unwrap();
    let line = line!() - 1;
    let spec = BufferSpec::new("tile").named(format!("tile_{}", 7));
    let tile = Buffer::<u32, B>::new(&device, spec).unwrap();
    let report = report(&device);
    let json = serde_json::to_value(&report).unwrap();
    let held = json["held"].as_array().unwrap();
    assert_eq!((held.len(), &json["lost_bytes"]), (5, &0.into()));
    assert!(json["owner"].as_str().unwrap().starts_with("device `"));
    assert_eq!((&held[0]["kind"], &held[0]["element"]), (&"buffer".into(), &"[f32; 2]".into()));
    assert_eq!(held[0]["label"], serde_json::json!({ "set": "Graph", "name": "positions" }));
    assert_eq!((&held[3]["kind"], &held[3]["label"]), (&"stream".into(), &serde_json::Value::Null));
    assert_eq!(held[3]["made_at"]["line"], line);
    assert!(held[3]["made_at"]["file"].as_str().unwrap().ends_with("leaks.rs"));
    assert!(held[3]["age_seconds"].as_f64().unwrap() < 600.0);
    assert_eq!(held[4]["label"], serde_json::json!({ "set": null, "name": "tile_7" }));
    assert!(held[4].get("backtrace").is_none());
    drop((gpu, stream, tile));
}
