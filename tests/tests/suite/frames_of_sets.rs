//! Frames of sets: all async buffers of a set are downloaded together.

use crate::tasks::{NEVER, block_on};
use crate::{Open, on_each_backend, open};
use gpumem::{Error, GpuBuffers};
use gpumem_tests::TestBackend;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const BUSY: Duration = Duration::from_millis(150);

/// More async fields than a tuple of a selection can have.
#[derive(GpuBuffers)]
struct Wide {
    #[buffer(async)]
    f0: Vec<u8>,
    #[buffer(async(snapshot))]
    f1: Vec<u16>,
    #[buffer(async)]
    f2: Vec<u32>,
    #[buffer(async)]
    f3: Vec<u64>,
    #[buffer(async)]
    f4: Vec<[u8; 3]>,
    #[buffer(async)]
    f5: Vec<f32>,
    #[buffer(async)]
    f6: Vec<f64>,
    blocking: Vec<u32>,
    #[buffer(async)]
    f7: Vec<i8>,
    #[buffer(async)]
    f8: Vec<i16>,
    #[buffer(async(slots = 1))]
    f9: Vec<i32>,
    #[buffer(async)]
    f10: Vec<i64>,
    #[buffer(async)]
    f11: Vec<[f32; 4]>,
    #[buffer(async)]
    f12: Vec<u8>,
    #[buffer(async)]
    f13: Vec<u8>,
}

fn wide(len: usize) -> Wide {
    Wide {
        f0: vec![10; len],
        f1: vec![11; len],
        f2: vec![12; len],
        f3: vec![13; len],
        f4: vec![[14; 3]; len],
        f5: vec![15.0; len],
        f6: vec![16.0; len],
        blocking: vec![1; len],
        f7: vec![17; len],
        f8: vec![18; len],
        f9: vec![19; len],
        f10: vec![20; len],
        f11: vec![[21.0; 4]; len],
        f12: vec![22; len],
        f13: Vec::new(),
    }
}

on_each_backend!(a_set_is_started_whole_or_not_at_all);
fn a_set_is_started_whole_or_not_at_all<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let gpu = wide(100).upload(&device).unwrap();
    let held = gpu.f9().start_download().unwrap().wait().unwrap();
    let before = (gpu.stats(), device.stats().async_downloads);
    let busy = gpu.start_download().unwrap_err();
    assert!(matches!(busy, Error::SlotsBusy { slots: 1, .. }), "{busy}");
    assert!(busy.to_string().starts_with("buffer `Wide.f9`: "), "{busy}");
    assert_eq!((gpu.stats(), device.stats().async_downloads), before);
    drop(held);
    let frame = gpu.start_download().unwrap().wait().unwrap();
    assert_eq!(device.stats().async_downloads, before.1 + 13, "one is empty");
    assert_eq!((frame.f0(), frame.f1(), frame.f2()), (&[10; 100][..], &[11; 100][..], &[12; 100][..]));
    assert_eq!(
        (frame.f4(), frame.f9(), frame.f11()),
        (&[[14; 3]; 100][..], &[19; 100][..], &[[21.0; 4]; 100][..])
    );
    assert_eq!((frame.f12(), frame.f13()), (&[22; 100][..], &[][..]));
    assert!(format!("{frame:?}").starts_with("WideFrame { f0: 100, f1: 100, "));
}

on_each_backend!(a_frame_of_a_set_is_polled_awaited_and_waited_for);
fn a_frame_of_a_set_is_polled_awaited_and_waited_for<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let gpu = wide(10).upload(&device).unwrap();
    // The first download pins memory and starts threads.
    drop(block_on(gpu.start_download().unwrap()).unwrap());
    B::occupy(&device, BUSY);
    let mut ticket: WideDownload<B> = gpu.start_download().unwrap();
    assert!(format!("{ticket:?}").starts_with("Ticket { f0: 10 elements, "), "{ticket:?}");
    assert!(ticket.wait_timeout(Duration::from_millis(1)).unwrap().is_none());
    assert!(!ticket.is_ready().unwrap());
    let frame: WideFrame<B> = ticket.wait_timeout(NEVER).unwrap().expect("the device is free by then");
    assert_eq!(frame.f9(), [19; 10]);
    assert!(matches!(gpu.start_download(), Err(Error::SlotsBusy { .. })), "the frame has a slot");
    let waits = AtomicUsize::new(0);
    thread::scope(|scope| {
        let next = scope.spawn(|| {
            let ticket = gpu.start_download_when_free().wait().unwrap();
            waits.store(1, Ordering::SeqCst);
            assert_eq!(block_on(ticket).unwrap().f9(), [19; 10]);
        });
        thread::sleep(BUSY / 5);
        assert_eq!(waits.load(Ordering::SeqCst), 0);
        drop(frame);
        next.join().unwrap();
    });
    gpu.close().unwrap();
    device.close().unwrap();
}
