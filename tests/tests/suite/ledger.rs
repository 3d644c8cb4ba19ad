//! Statistics and leak reports.

use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Error};
use gpumem_tests::TestBackend;

on_each_backend!(statistics_count_every_operation);
fn statistics_count_every_operation<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer: Buffer<u32, B, Async> =
        Buffer::from_slice(&device, "buffer", &[0; 1_000]).unwrap().into_async();
    let stats = device.stats();
    assert_eq!((stats.live_buffers, stats.live_bytes, stats.peak_bytes), (1, 4_000, 4_000));
    assert_eq!((stats.allocations, stats.resizes), (1, 0), "the first memory is no resize");
    assert_eq!((stats.uploads, stats.uploaded_bytes), (1, 4_000));
    buffer.resize(1_001).unwrap();
    device.synchronize().unwrap();
    let stats = device.stats();
    assert_eq!((stats.live_bytes, stats.peak_bytes), (6_000, 10_000), "the move needs both for a moment");
    assert_eq!((stats.allocations, stats.frees, stats.resizes, stats.retired_bytes), (2, 1, 1, 0));
    buffer.download().unwrap();
    drop(buffer.start_download().unwrap().wait().unwrap());
    buffer.write(0, &[1, 2]).unwrap();
    let stats = device.stats();
    assert_eq!((stats.downloads, stats.downloaded_bytes, stats.async_downloads), (2, 8_008, 1));
    assert_eq!((stats.uploads, stats.uploaded_bytes), (2, 4_008));
    let own = buffer.stats();
    assert_eq!((own.len, own.capacity, own.resizes, own.element_size), (1_001, 1_500, 1, 4));
    assert_eq!((own.used_bytes(), own.live_bytes()), (4_004, 6_000));
    buffer.close().unwrap();
    let stats = device.stats();
    assert_eq!((stats.live_buffers, stats.live_bytes, stats.frees, stats.retired_bytes), (0, 0, 2, 0));
}

on_each_backend!(leaks_are_reported_with_the_line_that_made_them);
fn leaks_are_reported_with_the_line_that_made_them<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    device.check_leaks().unwrap();
    let line = line!() + 1;
    let buffer: Buffer<u64, B> = Buffer::from_slice(&device, "kept", &[1, 2]).unwrap();
    let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("a buffer is alive") };
    let [kept] = report.held() else { panic!("one is") };
    assert_eq!((kept.name(), kept.bytes, kept.made_at.line()), ("kept", 16, line));
    assert!(kept.made_at.file().ends_with("ledger.rs"));
    let text = report.to_string();
    assert!(text.contains("\n  buffer `kept`  u64      16 bytes  "), "{text}");
    assert!(text.contains(&format!("ledger.rs:{line}:")), "{text}");
    // `main` and `unwrap` print `Debug`.
    assert_eq!(format!("{:?}", Error::Leaked(report)), text);
    // A leak check finds forgotten buffers.
    std::mem::forget(buffer);
    assert!(device.check_leaks().is_err());
}

on_each_backend!(a_leak_report_names_a_stream_that_lives);
/// Regression: `close` succeeded while the stream kept the device's context.
fn a_leak_report_names_a_stream_that_lives<B: TestBackend>(open: Open<'_, B>) {
    let (device, other) = (open!(open), open!(open));
    let stream = device.create_stream().unwrap();
    let line = line!() - 1;
    let Err(Error::Leaked(report)) = device.clone().close() else { panic!("the stream is alive") };
    let [held] = report.held() else { panic!("{report}") };
    assert_eq!((held.kind(), held.made_at.line(), held.name()), ("stream", line, ""));
    let text = report.to_string();
    assert!(text.starts_with("1 stream of device `") && text.contains("\n  stream  -"), "{text}");

    // The other device does not list the stream.
    let error = other.synchronize_stream(&stream).unwrap_err();
    assert!(matches!(error, Error::DifferentDevices { buffer: None, .. }), "{error}");
    assert!(error.to_string().starts_with("the stream lives on another device, and device `"), "{error}");
    device.synchronize_stream(&stream).unwrap();
    drop(stream);
    device.close().unwrap();
    other.close().unwrap();
}

on_each_backend!(devices_close_in_order);
fn devices_close_in_order<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer: Buffer<u64, B, Async> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap().into_async();
    assert!(matches!(device.clone().close(), Err(Error::Leaked(_))));
    let guard = buffer.start_download().unwrap().wait().unwrap();
    buffer.close().unwrap();
    let second = device.clone();
    let Err(Error::Leaked(report)) = second.close() else { panic!("the guard is alive") };
    assert_eq!(report.held()[0].kind(), "guard");
    drop(guard);
    let second = device.clone();
    assert!(matches!(second.close(), Err(Error::DeviceInUse { handles: 1, .. })), "the first handle");
    let buffer: Buffer<u64, B, Async> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap().into_async();
    let ticket = buffer.start_download().unwrap();
    let forgotten = buffer.start_download().unwrap();
    device.synchronize().unwrap();
    std::mem::forget(forgotten);
    let second = device.clone();
    drop(buffer);
    let Err(Error::Leaked(report)) = second.close() else { panic!("two tickets are alive") };
    assert_eq!(report.held().len(), 2);
    drop(ticket);
    let buffer: Buffer<u64, B, Async> = Buffer::from_slice(&device, "buffer", &[1, 2]).unwrap().into_async();
    std::mem::forget(buffer.start_download().unwrap());
    buffer.abandon_downloads();
    drop(buffer);
    let Err(Error::Leaked(report)) = device.close() else { panic!("a ticket was forgotten") };
    assert_eq!(report.held().len(), 1, "of two forgotten tickets one was abandoned");
}

on_each_backend!(staging_copies_that_were_given_back_are_not_listed);
/// Regression: the record of the buffer still counted the memory of its staging copies.
fn staging_copies_that_were_given_back_are_not_listed<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    for stable in [false, true] {
        let spec = BufferSpec::new("buffer").snapshot().max(1 << 20);
        let spec = if stable { spec.stable() } else { spec };
        let mut buffer: Buffer<u8, B, Async> =
            Buffer::from_slice(&device, spec, &[1; 1_000]).unwrap().into_async();
        let listed = || device.live_buffers()[0].bytes;
        drop(buffer.start_download().unwrap().wait().unwrap());
        assert_eq!((listed(), buffer.stats().live_bytes()), (2_000, 2_000));
        buffer.shrink_to_fit().unwrap();
        assert_eq!((listed(), buffer.stats().live_bytes()), (1_000, 1_000), "nothing was to be shrunk");
        drop(buffer.start_download().unwrap().wait().unwrap());
        buffer.truncate(600);
        buffer.shrink_to_fit().unwrap();
        assert_eq!(listed(), buffer.stats().live_bytes());
        buffer.truncate(0);
        buffer.shrink_to_fit().unwrap();
        assert_eq!((listed(), buffer.stats().live_bytes()), (0, 0));
    }
}
