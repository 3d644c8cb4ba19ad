//! Downloads that are awaited, that are waited for with a timeout, or that wait for a slot.

use crate::tasks::{Counter, NEVER, Task, block_on, poll, run_on_threads};
use crate::{Open, on_each_backend, open};
use gpumem::testing::SlowBus;
use gpumem::{Async, Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

const BUSY: Duration = Duration::from_millis(150);
fn buffer<B: TestBackend>(device: &Device<B>, data: &[u32]) -> Buffer<u32, B, Async> {
    let buffer: Buffer<u32, B, Async> = Buffer::from_slice(device, "buffer", data).unwrap().into_async();
    // The first download pins memory and starts threads.
    drop(buffer.start_download().unwrap().wait().unwrap());
    device.synchronize().unwrap();
    buffer
}

on_each_backend!(an_awaited_download_wakes_once_it_is_there);
fn an_awaited_download_wakes_once_it_is_there<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(3).vec(100_000);
    let mut buffer = buffer(&device, &data);
    let occupy = B::occupier(&device);
    let began = Instant::now();
    occupy(BUSY);
    let mut ticket = buffer.start_download().unwrap();
    buffer.fill(0).unwrap();
    let woken = Arc::new(Counter::default());
    let first = poll(&mut ticket, &woken);
    if began.elapsed() >= BUSY {
        // The driver loaded a kernel for another test, and blocked this thread meanwhile.
        return println!("skipped: the kernel ended before its download was awaited");
    }
    assert!(first.is_pending());
    woken.wait();
    assert!(began.elapsed() >= BUSY);
    let Poll::Ready(guard) = poll(&mut ticket, &woken) else { panic!("it was woken for nothing") };
    assert!(*guard.unwrap() == data && woken.count() == 1);
    // The data can be taken only once.
    let again = poll(&mut ticket, &woken);
    assert!(matches!(again, Poll::Ready(Err(Error::DownloadAbandoned { .. }))), "{again:?}");
    assert!(*block_on(async { buffer.start_download()?.await }).unwrap() == vec![0; 100_000]);
    let empty: Buffer<u32, B, Async> = Buffer::new(&device, "empty").unwrap().into_async();
    assert!(block_on(empty.start_download().unwrap()).unwrap().is_empty());
}

on_each_backend!(the_last_waker_is_the_one_that_is_woken);
fn the_last_waker_is_the_one_that_is_woken<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer = buffer(&device, &[1, 2, 3]);
    B::occupy(&device, BUSY);
    let mut ticket = buffer.start_download().unwrap();
    let wakers: Vec<Arc<Counter>> = (0..5).map(|_| Arc::default()).collect();
    for waker in &wakers {
        assert!(poll(&mut ticket, waker).is_pending());
    }
    // The other wakers have been dropped.
    assert!(wakers[..4].iter().all(|waker| Arc::strong_count(waker) == 1));
    wakers[4].wait();
    assert!(wakers[..4].iter().all(|waker| waker.count() == 0));
    assert_eq!(*block_on(ticket).unwrap(), [1, 2, 3]);
}

on_each_backend!(an_earlier_download_does_not_wait_for_a_later_one);
fn an_earlier_download_does_not_wait_for_a_later_one<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer = buffer(&device, &[1, 2, 3]);
    let occupy = B::occupier(&device);
    for _ in 0..5 {
        occupy(BUSY);
        let mut first = buffer.start_download().unwrap();
        occupy(BUSY * 10);
        let mut second = buffer.start_download().unwrap();
        let (early, late) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
        // The later download is awaited first, so the wake thread may be waiting for it.
        assert!(poll(&mut second, &late).is_pending());
        thread::sleep(BUSY / 5);
        let awaited = poll(&mut first, &early).is_pending();
        if awaited {
            early.wait();
            assert_eq!(late.count(), 0, "the wake-up of the first came with that of the second");
            let both = (&*block_on(first).unwrap(), &*block_on(second).unwrap());
            assert_eq!(both, (&[1, 2, 3][..], &[1, 2, 3][..]));
            return;
        }
        // The driver loaded a kernel for another test, and blocked this thread until the first download had
        // arrived.
        drop((first, second));
        device.synchronize().unwrap();
    }
    panic!("the first download was there before it could be awaited, five times");
}

on_each_backend!(executors_may_poll_from_many_threads);
fn executors_may_poll_from_many_threads<B: TestBackend>(open: Open<'_, B>) {
    // The bus is slow, so that most polls come before the end of a copy.
    let device = open!(open, Device::builder().slow_bus(&SlowBus::new(200 << 20)));
    let done = Arc::new(AtomicUsize::new(0));
    let tasks = (0..24_u32).map(|task| {
        let (device, done) = (device.clone(), done.clone());
        let spec = BufferSpec::new("buffer");
        let spec = if task % 3 == 0 { spec.snapshot() } else { spec };
        Box::pin(async move {
            let mut buffer: Buffer<u32, B, Async> = Buffer::new(&device, spec).unwrap().into_async();
            for round in 0..20 {
                buffer.upload(&vec![task * 100 + round; 500 + 40 * round as usize]).unwrap();
                let ticket = buffer.start_download().unwrap();
                buffer.fill(u32::MAX).unwrap();
                let guard = ticket.await.unwrap();
                assert!(guard.iter().all(|element| *element == task * 100 + round));
            }
            done.fetch_add(1, Ordering::SeqCst);
        }) as Task
    });
    let polls = run_on_threads(tasks.collect());
    assert_eq!(done.load(Ordering::SeqCst), 24);
    assert!(B::NAME != "host" || polls > 24 * 20 * 2, "{polls} polls: nothing had to be waited for");
    device.close().unwrap();
}

on_each_backend!(a_wait_with_a_timeout_keeps_the_ticket);
fn a_wait_with_a_timeout_keeps_the_ticket<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer = buffer(&device, &[1, 2, 3]);
    B::occupy(&device, BUSY * 2);
    let mut ticket = buffer.start_download().unwrap();
    let began = Instant::now();
    assert!(ticket.wait_timeout(Duration::ZERO).unwrap().is_none());
    assert!(ticket.wait_timeout(BUSY / 3).unwrap().is_none());
    assert!(began.elapsed() >= BUSY / 3 && began.elapsed() < BUSY * 2);
    assert_eq!(*ticket.wait_timeout(Duration::MAX).unwrap().expect("no timeout"), [1, 2, 3]);
    let again = ticket.wait_timeout(Duration::ZERO);
    assert!(matches!(again, Err(Error::DownloadAbandoned { .. })), "{again:?}");
    // After a timeout a ticket can be waited for as any other. The kernel is long, because this thread may
    // have to wait for a processor meanwhile.
    B::occupy(&device, BUSY * 4);
    let mut ticket = buffer.start_download().unwrap();
    assert!(ticket.wait_timeout(Duration::from_millis(1)).unwrap().is_none());
    assert_eq!(*ticket.wait().unwrap(), [1, 2, 3]);
}

on_each_backend!(the_wake_thread_keeps_no_device_open);
fn the_wake_thread_keeps_no_device_open<B: TestBackend>(open: Open<'_, B>) {
    for round in 0..20 {
        let device = open!(open);
        let buffer = buffer(&device, &[round; 1_000]);
        let mut abandoned = buffer.start_download().unwrap();
        let woken = Arc::new(Counter::default());
        let _ = poll(&mut abandoned, &woken);
        B::occupy(&device, Duration::from_millis(1));
        assert_eq!(*block_on(buffer.start_download().unwrap()).unwrap(), [round; 1_000]);
        buffer.abandon_downloads();
        drop(buffer);
        device.close().unwrap();
        let end = block_on(abandoned);
        assert!(matches!(end, Err(Error::DownloadAbandoned { .. })), "{end:?}");
    }
}

on_each_backend!(an_awaited_download_outlives_buffer_and_device);
fn an_awaited_download_outlives_buffer_and_device<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(4).vec(1_000_000);
    let buffer = buffer(&device, &data);
    B::occupy(&device, BUSY / 3);
    let (ticket, mut dropped) = (buffer.start_download().unwrap(), buffer.start_download().unwrap());
    let _ = poll(&mut dropped, &Arc::default());
    drop((buffer, device));
    drop(dropped);
    assert!(*thread::spawn(move || block_on(ticket).unwrap()).join().unwrap() == data);
}

on_each_backend!(a_download_waits_for_a_slot);
fn a_download_waits_for_a_slot<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let spec = BufferSpec::new("buffer").slots(1);
    let buffer: Buffer<u32, B, Async> = Buffer::from_slice(&device, spec, &[1, 2]).unwrap().into_async();
    for round in 0..3 {
        let began = Instant::now();
        B::occupy(&device, BUSY);
        let ticket = buffer.start_download().unwrap();
        assert!(matches!(buffer.start_download(), Err(Error::SlotsBusy { slots: 1, .. })));
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            // The wait ends in time if the slot is freed without the help of the main thread.
            scope.spawn(|| {
                send.send(buffer.start_download_when_free().wait().map(|ticket| (ticket, began.elapsed())))
                    .unwrap();
            });
            thread::sleep(BUSY / 5);
            match round {
                // The copy is in flight. Its end frees the slot.
                0 => drop(ticket),
                // A guard holds the slot.
                1 => {
                    let guard = ticket.wait().unwrap();
                    thread::sleep(BUSY / 5);
                    assert!(receive.try_recv().is_err(), "the guard has the slot");
                    drop(guard);
                }
                // The download is abandoned.
                _ => {
                    buffer.abandon_downloads();
                    drop(ticket);
                }
            }
            let (next, after) = receive.recv_timeout(NEVER).expect("it waits for ever").unwrap();
            assert!(after >= BUSY / 5 && (round == 2 || after >= BUSY), "round {round}: {after:?}");
            assert_eq!(*next.wait().unwrap(), [1, 2]);
        });
        device.synchronize().unwrap();
    }
    assert!(matches!(buffer.view(1..3), Err(Error::OutOfBounds { .. })));
}

on_each_backend!(many_threads_wait_for_two_slots);
fn many_threads_wait_for_two_slots<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(6).vec(5_000);
    let buffer = buffer(&device, &data);
    let began = Instant::now();
    thread::scope(|scope| {
        for thread in 0..6 {
            let (buffer, data) = (&buffer, &data);
            scope.spawn(move || {
                for round in 0..100 {
                    let ticket = buffer.start_download_when_free().wait().unwrap();
                    match (thread + round) % 3 {
                        0 => drop(ticket),
                        1 => assert!(*ticket.wait().unwrap() == **data),
                        _ => assert!(*block_on(ticket).unwrap() == **data),
                    }
                }
            });
        }
    });
    assert!(began.elapsed() < NEVER);
    device.synchronize().unwrap();
    assert_eq!(buffer.stats().slots_taken, 0);
}
