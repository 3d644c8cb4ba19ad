//! Tasks that await a slot of a buffer.

use crate::tasks::{Counter, NEVER, block_on, poll};
use crate::{Open, on_each_backend, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Download, Error, GpuBuffers};
use gpumem_tests::{Random, TestBackend};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

const BUSY: Duration = Duration::from_millis(150);

fn buffer<B: TestBackend>(device: &Device<B>, slots: usize, data: &[u32]) -> Buffer<u32, B, Async> {
    let buffer: Buffer<u32, B, Async> =
        Buffer::from_slice(device, BufferSpec::new("buffer").slots(slots), data).unwrap().into_async();
    // The first download pins memory and starts threads.
    drop(buffer.start_download().unwrap().wait().unwrap());
    device.synchronize().unwrap();
    buffer
}

on_each_backend!(a_task_waits_for_a_slot);
fn a_task_waits_for_a_slot<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut buffer = buffer(&device, 1, &[1, 2, 3]);
    // One slot is free.
    drop(block_on(buffer.start_download_when_free()).unwrap().wait().unwrap());
    // A guard holds it, then a ticket.
    for by_ticket in [false, true] {
        let ticket = buffer.start_download().unwrap();
        let (guard, ticket) =
            if by_ticket { (None, Some(ticket)) } else { (Some(ticket.wait().unwrap()), None) };
        let woken = Arc::new(Counter::default());
        let mut future = Box::pin(buffer.start_download_when_free());
        assert!(poll(&mut future, &woken).is_pending());
        assert!(poll(&mut future, &woken).is_pending());
        drop(guard);
        drop(ticket.map(|ticket| ticket.wait().unwrap()));
        woken.wait();
        let Poll::Ready(ticket) = poll(&mut future, &woken) else { panic!("there is a slot") };
        assert_eq!(*ticket.unwrap().wait().unwrap(), [1, 2, 3]);
        drop(future);
        buffer.fill(1).unwrap();
        buffer.upload(&[1, 2, 3]).unwrap();
    }
    // A ticket that was dropped early, whose copy ends by itself. Then a ticket that was forgotten.
    B::occupy(&device, BUSY);
    drop(buffer.start_download().unwrap());
    assert_eq!(*block_on(async { buffer.start_download_when_free().await?.await }).unwrap(), [1, 2, 3]);
    std::mem::forget(buffer.start_download().unwrap());
    let woken = Arc::new(Counter::default());
    let mut future = Box::pin(buffer.view(1..).unwrap().start_download_when_free());
    assert!(poll(&mut future, &woken).is_pending());
    buffer.abandon_downloads();
    woken.wait();
    let Poll::Ready(ticket) = poll(&mut future, &woken) else { panic!("it was given back") };
    assert_eq!(*ticket.unwrap().wait().unwrap(), [2, 3]);
    // More parts than slots: no wait would help.
    let error = block_on(device.start_downloads_when_free((&buffer, &buffer))).unwrap_err();
    assert!(matches!(error, Error::TooFewSlots { slots: 1, parts: 2, .. }), "{error:?}");
    let error = buffer.view(4..9).unwrap_err();
    assert!(matches!(error, Error::OutOfBounds { .. }), "{error:?}");
}

on_each_backend!(a_task_that_waits_for_a_slot_may_be_dropped);
fn a_task_that_waits_for_a_slot_may_be_dropped<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer = buffer(&device, 1, &[1, 2, 3]);
    let guard = buffer.start_download().unwrap().wait().unwrap();
    let wakers: Vec<Arc<Counter>> = (0..10).map(|_| Arc::default()).collect();
    let mut futures: Vec<_> = wakers.iter().map(|_| Box::pin(buffer.start_download_when_free())).collect();
    for (future, waker) in futures.iter_mut().zip(&wakers) {
        assert!(poll(future, waker).is_pending());
    }
    // With another waker: the last one is called, and the first one has been dropped.
    let other = Arc::new(Counter::default());
    assert!(poll(&mut futures[0], &other).is_pending());
    assert_eq!(Arc::strong_count(&wakers[0]), 1);
    // Dropped waiters leave nothing, and take no slot with them.
    futures.truncate(3);
    assert!(wakers[3..].iter().all(|waker| Arc::strong_count(waker) == 1 && waker.count() == 0));
    drop(guard);
    other.wait();
    wakers[1].wait();
    assert_eq!(wakers[0].count(), 0);
    // The first waiter has the slot, and the others keep waiting.
    let Poll::Ready(first) = poll(&mut futures[2], &wakers[2]) else { panic!("there is a slot") };
    assert!(poll(&mut futures[0], &other).is_pending() && poll(&mut futures[1], &other).is_pending());
    drop(first.unwrap().wait().unwrap());
    drop(futures);
    assert_eq!(*buffer.start_download().unwrap().wait().unwrap(), [1, 2, 3]);
}

#[derive(GpuBuffers)]
struct Pair {
    #[buffer(async(slots = 1))]
    left: Vec<u32>,
    #[buffer(async(slots = 2, snapshot))]
    right: Vec<u32>,
}

// Threads wait for the same value that tasks await, for everything that has downloads.
on_each_backend!(what_waits_for_slots_starts_once_they_are_free);
fn what_waits_for_slots_starts_once_they_are_free<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut pair = Pair { left: vec![1, 2, 3], right: vec![4, 5, 6] }.upload(&device).unwrap();
    drop(pair.start_download_when_free().wait().unwrap().wait().unwrap());
    for awaited in [false, true] {
        let held = pair.left().start_download().unwrap().wait().unwrap();
        let woken = Arc::new(Counter::default());
        // Polled first, then waited for or awaited.
        let mut frame = pair.start_download_when_free();
        assert!(poll(&mut frame, &woken).is_pending());
        assert!(format!("{frame:?}").contains("Pair.right"), "{frame:?}");
        let mut tail = pair.left().view(1..).unwrap().start_download_when_free();
        assert!(poll(&mut tail, &woken).is_pending());
        // Waiters hold no slot, and may be dropped at any time.
        assert_eq!((pair.left().stats().slots_taken, pair.right().stats().slots_taken), (1, 0));
        drop(pair.start_download_when_free());
        let releases = thread::spawn(move || {
            thread::sleep(BUSY / 5);
            drop(held);
        });
        let frame = if awaited { block_on(frame) } else { frame.wait() }.unwrap();
        releases.join().unwrap();
        let frame = frame.wait().unwrap();
        assert_eq!((frame.left(), frame.right()), (&[1, 2, 3][..], &[4, 5, 6][..]));
        drop(frame);
        let tail = if awaited { block_on(tail) } else { tail.wait() }.unwrap();
        assert_eq!(*tail.wait().unwrap(), [2, 3]);
        let both = (pair.right().view(..1).unwrap(), pair.left());
        let both = device.start_downloads_when_free(both);
        let both = if awaited { block_on(both) } else { both.wait() }.unwrap();
        let (head, left) = both.wait().unwrap();
        assert_eq!((&*head, &*left), (&[4][..], &[1, 2, 3][..]));
    }
    // The dropped waiters have started nothing.
    assert_eq!((pair.left().stats().slots_taken, pair.right().stats().slots_taken), (0, 0));
    pair.left_mut().fill(0).unwrap();
}

on_each_backend!(what_has_given_its_ticket_is_not_asked_again);
fn what_has_given_its_ticket_is_not_asked_again<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let buffer = buffer(&device, 1, &[1, 2, 3]);
    let mut start = buffer.start_download_when_free();
    let woken = Arc::new(Counter::default());
    let Poll::Ready(ticket) = poll(&mut start, &woken) else { panic!("there is a slot") };
    assert_eq!(*ticket.unwrap().wait().unwrap(), [1, 2, 3]);
    let again = catch_unwind(AssertUnwindSafe(|| drop(poll(&mut start, &woken))));
    assert!(again.is_err(), "a second ticket");
    assert!(catch_unwind(AssertUnwindSafe(|| drop(start.wait()))).is_err(), "a second ticket");
    assert_eq!(buffer.stats().slots_taken, 0);
}

on_each_backend!(many_tasks_share_few_slots);
fn many_tasks_share_few_slots<B: TestBackend>(open: Open<'_, B>) {
    const THREADS: usize = 6;
    const ROUNDS: usize = 100;
    let device = open!(open);
    let data = Random::new(11).vec(5_000);
    let (a, b) = (buffer(&device, 2, &data), buffer(&device, 1, &data));
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for index in 0..THREADS {
            let (device, a, b, data, done) = (&device, &a, &b, &data, &done);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    match (index + round) % 5 {
                        0 => assert!(
                            *block_on(async { a.start_download_when_free().await?.await }).unwrap() == *data
                        ),
                        1 => {
                            let both = async { device.start_downloads_when_free((a, b)).await?.await };
                            let (a, b) = block_on(both).unwrap();
                            assert!(*a == *data && *b == *data);
                        }
                        2 => {
                            let both = async { device.start_downloads_when_free((b, a)).await?.await };
                            drop(block_on(both).unwrap());
                        }
                        // A thread among the tasks, and a ticket that is dropped unread.
                        3 => drop(b.start_download_when_free().wait().unwrap()),
                        _ => {
                            // The future is dropped in any state.
                            let mut future = pin!(b.start_download_when_free());
                            let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                        }
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.into_inner(), THREADS * ROUNDS);
    device.synchronize().unwrap();
    assert_eq!((a.stats().slots_taken, b.stats().slots_taken), (0, 0));
}

/// A task that runs inside the call that wakes it.
struct Inline<B: TestBackend> {
    buffer: Arc<Buffer<u32, B, Async>>,
    future: Mutex<Option<Starting<B>>>,
    tickets: Mutex<Vec<Download<u32, B>>>,
}

type Starting<B> = Pin<Box<dyn Future<Output = gpumem::Result<Download<u32, B>>> + Send>>;

impl<B: TestBackend> Wake for Inline<B> {
    fn wake(self: Arc<Self>) {
        let Some(mut future) = self.future.lock().unwrap().take() else { return };
        let waker = Waker::from(self.clone());
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(ticket) => self.tickets.lock().unwrap().push(ticket.unwrap()),
            Poll::Pending => *self.future.lock().unwrap() = Some(future),
        }
    }
}

on_each_backend!(tasks_may_run_where_a_slot_comes_back);
/// No lock is held when a slot is freed, wherever that happens.
fn tasks_may_run_where_a_slot_comes_back<B: TestBackend>(open: Open<'_, B>) {
    for spec in [BufferSpec::new("plain").slots(1), BufferSpec::new("snapshot").slots(1).snapshot()] {
        let device = open!(open);
        let buffer: Arc<Buffer<u32, B, Async>> =
            Arc::new(Buffer::from_slice(&device, spec, &[1, 2, 3]).unwrap().into_async());
        let occupy = B::occupier(&device);
        for round in 0..5 {
            let ticket = buffer.start_download().unwrap();
            let shared = buffer.clone();
            let start: Starting<B> = Box::pin(async move { shared.start_download_when_free().await });
            let task = Arc::new(Inline {
                buffer: buffer.clone(),
                future: Mutex::new(Some(start)),
                tickets: Mutex::default(),
            });
            task.clone().wake();
            assert!(task.tickets.lock().unwrap().is_empty(), "there was no slot");
            match round {
                // A guard frees the slot, or the end of a copy whose ticket was dropped, or
                // `abandon_downloads`, or a call of `stats`.
                0 | 1 => drop(ticket.wait().unwrap()),
                2 => {
                    occupy(BUSY / 5);
                    drop(ticket);
                }
                3 => {
                    std::mem::forget(ticket);
                    task.buffer.abandon_downloads();
                }
                _ => {
                    drop(ticket);
                    device.synchronize().unwrap();
                    let _ = task.buffer.stats();
                }
            }
            let began = std::time::Instant::now();
            let ticket = loop {
                if let Some(ticket) = task.tickets.lock().unwrap().pop() {
                    break ticket;
                }
                assert!(began.elapsed() < NEVER, "round {round}: the task was never woken");
                thread::sleep(Duration::from_millis(1));
            };
            assert_eq!(*ticket.wait().unwrap(), [1, 2, 3]);
        }
    }
}
