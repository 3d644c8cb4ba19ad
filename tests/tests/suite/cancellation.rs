//! Futures that are dropped, moved to other threads, or forgotten, while their downloads are under way.

use crate::tasks::{Counter, NEVER, block_on, poll};
use crate::{Open, on_each_backend};
use gpumem::testing::SlowBus;
use gpumem::{Async, Buffer, BufferSpec, Device, Download, Error, Held};
use gpumem_tests::{Random, TestBackend};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The elements of a buffer that the bus of [`slow`] takes 2 ms for.
const LEN: usize = 20_000;

/// How long a card is busy first, so that no copy has ended before the first poll.
const BUSY: Duration = Duration::from_millis(2);

fn slow<B: TestBackend>(open: Open<'_, B>) -> Option<Device<B>> {
    open(Device::builder().slow_bus(&SlowBus::new(40_000_000)))
}

fn specs() -> [BufferSpec; 2] {
    [BufferSpec::new("plain"), BufferSpec::new("snapshot").snapshot()]
}

/// Checks that no memory of buffers and downloads is left, and no other handle of the device.
fn close<B: TestBackend>(device: Device<B>) {
    device.synchronize().unwrap();
    let stats = device.stats();
    assert_eq!((stats.live_bytes, stats.retired_bytes, stats.lost_bytes), (0, 0, 0));
    device.close().unwrap();
}

/// A dropped future must not keep its waker alive. The wake thread may be about to call the waker, so this
/// waits.
fn let_go<T>(waker: &Arc<T>) {
    let began = Instant::now();
    while Arc::strong_count(waker) > 1 {
        assert!(began.elapsed() < NEVER, "the waker of a dropped future is not dropped");
        thread::yield_now();
    }
}

on_each_backend!(futures_may_be_dropped_at_every_poll);
fn futures_may_be_dropped_at_every_poll<B: TestBackend>(open: Open<'_, B>) {
    for spec in specs() {
        let Some(device) = slow(open) else { return };
        let occupy = B::occupier(&device);
        let data = Random::new(8).vec(LEN);
        let mut buffer: Buffer<u32, B, Async> = Buffer::new(&device, spec).unwrap().into_async();
        for round in 0..40 {
            buffer.upload(&data).unwrap();
            occupy(BUSY);
            let mut dropped = buffer.start_download().unwrap();
            let kept = buffer.start_download().unwrap();
            let woken = Arc::new(Counter::default());
            for _ in 0..round % 4 {
                let _ = poll(&mut dropped, &woken);
                thread::sleep(Duration::from_micros(round * 100));
            }
            if round % 5 == 4 {
                std::mem::forget(dropped);
            } else {
                drop(dropped);
                let_go(&woken);
            }
            buffer.fill(7).unwrap();
            assert!(*block_on(kept).unwrap() == data, "round {round}");
            buffer.abandon_downloads();
        }
        device.synchronize().unwrap();
        assert_eq!(buffer.stats().slots_taken, 0);
        drop((buffer, occupy));
        close(device);
    }
}

/// A task with three awaits, and writes in between.
async fn three_frames<B: TestBackend>(buffer: &mut Buffer<u32, B, Async>) {
    for frame in 1..=3 {
        buffer.fill(frame).unwrap();
        let ticket = buffer.start_download().unwrap();
        buffer.fill(0).unwrap();
        assert!(ticket.await.unwrap().iter().all(|element| *element == frame), "frame {frame}");
    }
}

on_each_backend!(tasks_may_be_dropped_at_every_poll);
fn tasks_may_be_dropped_at_every_poll<B: TestBackend>(open: Open<'_, B>) {
    for spec in specs() {
        let Some(device) = slow(open) else { return };
        let mut buffer: Buffer<u32, B, Async> = Buffer::new(&device, spec).unwrap().into_async();
        buffer.resize(LEN).unwrap();
        for polls in 0.. {
            let mut task = Box::pin(three_frames(&mut buffer));
            let mut ended = false;
            for _ in 0..polls {
                let woken = Arc::new(Counter::default());
                ended = poll(&mut task, &woken).is_ready();
                if ended {
                    break;
                }
                woken.wait();
            }
            drop(task);
            // The downloads of the dropped task do not change the next one.
            buffer.fill(9).unwrap();
            let next = buffer.start_download_when_free().wait().unwrap();
            buffer.fill(8).unwrap();
            assert!(block_on(next).unwrap().iter().all(|element| *element == 9), "after {polls} polls");
            device.synchronize().unwrap();
            buffer.abandon_downloads();
            assert_eq!(buffer.stats().slots_taken, 0, "after {polls} polls");
            if ended {
                // With a slow bus, each await needs a poll before the copy has ended and one after.
                assert!(B::NAME != "host" || polls > 1, "{polls} polls");
                break;
            }
        }
        drop(buffer);
        close(device);
    }
}

on_each_backend!(futures_move_between_threads);
fn futures_move_between_threads<B: TestBackend>(open: Open<'_, B>) {
    for spec in specs() {
        let Some(device) = slow(open) else { return };
        let occupy = B::occupier(&device);
        let data = Random::new(12).vec(LEN);
        let mut buffer: Buffer<u32, B, Async> = Buffer::new(&device, spec).unwrap().into_async();
        for moves in 0..12 {
            buffer.upload(&data).unwrap();
            occupy(BUSY);
            let mut ticket = buffer.start_download().unwrap();
            buffer.fill(1).unwrap();
            let mut wakers: Vec<Arc<Counter>> = Vec::new();
            let mut end = Poll::Pending;
            for _ in 0..moves {
                let waker = Arc::new(Counter::default());
                wakers.push(waker.clone());
                // Each thread has its own waker, and ends after the poll.
                let moved = thread::spawn(move || {
                    let end = poll(&mut ticket, &waker);
                    (ticket, end)
                });
                (ticket, end) = moved.join().unwrap();
                if end.is_ready() {
                    break;
                }
            }
            if moves % 3 == 2 {
                drop((ticket, end));
                wakers.iter().for_each(let_go);
                continue;
            }
            let guard = match end {
                Poll::Ready(guard) => guard.unwrap(),
                Poll::Pending => {
                    // Only the last waker is called.
                    if let Some(last) = wakers.pop() {
                        last.wait();
                        assert!(wakers.iter().all(|waker| waker.count() == 0));
                    }
                    block_on(ticket).unwrap()
                }
            };
            assert!(*guard == data, "{moves} moves");
        }
        drop((buffer, occupy));
        close(device);
    }
}

/// A waker that holds the future itself, and drops it when called. It then polls the next future.
struct Dropper<B: TestBackend> {
    future: Mutex<Option<[Download<u32, B>; 2]>>,
    dropped: Mutex<mpsc::Sender<()>>,
}

impl<B: TestBackend> Wake for Dropper<B> {
    fn wake(self: Arc<Self>) {
        if let Some([future, mut next]) = self.future.lock().unwrap().take() {
            drop(future);
            let _ = poll(&mut next, &Arc::default());
        }
        self.dropped.lock().unwrap().send(()).unwrap();
    }
}

/// A waker that lets another thread continue, and returns only after that thread has done its part.
struct Meeting {
    woken: Mutex<mpsc::Sender<()>>,
    done: Mutex<mpsc::Receiver<()>>,
}

impl Wake for Meeting {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap().send(()).unwrap();
        self.done.lock().unwrap().recv_timeout(NEVER).expect("a drop waits for a waker");
    }
}

on_each_backend!(futures_may_be_dropped_by_and_beside_their_wakers);
fn futures_may_be_dropped_by_and_beside_their_wakers<B: TestBackend>(open: Open<'_, B>) {
    for spec in specs() {
        let Some(device) = slow(open) else { return };
        let mut buffer: Buffer<u32, B, Async> =
            Buffer::from_slice(&device, spec, &[3; LEN]).unwrap().into_async();
        device.synchronize().unwrap();
        let occupy = B::occupier(&device);
        // The wake thread looks only at downloads that were awaited.
        let mut met = 0;
        for round in 0..30 {
            occupy(BUSY);
            let mut ticket = buffer.start_download().unwrap();
            buffer.fill(round).unwrap();
            buffer.fill(3).unwrap();
            if round % 2 == 0 {
                let (send, dropped) = mpsc::channel();
                let dropper = Arc::new(Dropper { future: Mutex::new(None), dropped: Mutex::new(send) });
                let waker = Waker::from(dropper.clone());
                let next = buffer.start_download().unwrap();
                // Locked until the waker has its futures.
                let mut place = dropper.future.lock().unwrap();
                if Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)).is_pending() {
                    *place = Some([ticket, next]);
                    drop(place);
                    dropped.recv_timeout(NEVER).expect("it was never woken");
                    met += 1;
                }
            } else {
                let ((woken, is_woken), (done, is_done)) = (mpsc::channel(), mpsc::channel());
                let waker =
                    Waker::from(Arc::new(Meeting { woken: Mutex::new(woken), done: Mutex::new(is_done) }));
                if Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)).is_pending() {
                    is_woken.recv_timeout(NEVER).expect("it was never woken");
                    // The wake thread is running the waker now.
                    drop(ticket);
                    done.send(()).unwrap();
                    met += 1;
                }
            }
            // The wake thread still works.
            assert!(
                *block_on(buffer.start_download_when_free().wait().unwrap()).unwrap() == [3; LEN],
                "round {round}"
            );
        }
        assert!(met > 10, "{met}");
        drop((buffer, occupy));
        close(device);
    }
}

on_each_backend!(pending_futures_outlive_buffers_and_device);
fn pending_futures_outlive_buffers_and_device<B: TestBackend>(open: Open<'_, B>) {
    for round in 0..10 {
        let Some(device) = slow(open) else { return };
        B::occupy(&device, BUSY);
        let mut pending = Vec::new();
        for (number, spec) in specs().into_iter().cycle().take(6).enumerate() {
            let data = Random::new(1 + number as u64).vec(LEN / 4);
            let mut buffer: Buffer<u32, B, Async> =
                Buffer::from_slice(&device, spec, &data).unwrap().into_async();
            for _ in 0..2 {
                let (mut ticket, woken) = (buffer.start_download().unwrap(), Arc::new(Counter::default()));
                // On a busy machine the download may have arrived already. The poll takes its data then,
                // which cannot be taken again.
                match poll(&mut ticket, &woken) {
                    Poll::Pending => pending.push((ticket, data.clone(), woken)),
                    Poll::Ready(arrived) => assert!(*arrived.unwrap() == data, "round {round}"),
                }
            }
            // Another operation on the buffer meanwhile, or none.
            match number % 3 {
                0 => buffer.fill(0).unwrap(),
                1 => buffer.resize(LEN).unwrap(),
                _ => {}
            }
        }
        drop(device);
        // Some downloads are dropped. The others arrive, and are taken in another order.
        for (index, (ticket, data, woken)) in pending.into_iter().enumerate().rev() {
            if (index + round) % 4 == 0 {
                drop(ticket);
                let_go(&woken);
            } else {
                assert!(*block_on(ticket).unwrap() == data, "round {round}, download {index}");
            }
        }
    }
}

on_each_backend!(forgotten_futures_keep_only_their_pinned_memory);
fn forgotten_futures_keep_only_their_pinned_memory<B: TestBackend>(open: Open<'_, B>) {
    for spec in specs() {
        let Some(device) = slow(open) else { return };
        let occupy = B::occupier(&device);
        let buffer: Buffer<u32, B, Async> =
            Buffer::from_slice(&device, spec, &[3; LEN]).unwrap().into_async();
        // Gives back the pinned memory of the upload, so that the last download cannot use it.
        device.synchronize().unwrap();
        device.trim(0).unwrap();
        assert_eq!(device.stats().pinned_bytes, 0);
        occupy(BUSY);
        drop(occupy);
        let mut tickets = [buffer.start_download().unwrap(), buffer.start_download().unwrap()];
        let _ = poll(&mut tickets[0], &Arc::default());
        // No call abandons these downloads, so they keep their pinned memory for good. The memory of the
        // buffer is used again after their copies have read it.
        let [first, second] = tickets;
        std::mem::forget(first);
        drop(buffer);
        std::mem::forget(second);
        let pinned = device.stats().pinned_bytes;
        let mut next: Buffer<u32, B, Async> = Buffer::new(&device, "next").unwrap().into_async();
        next.resize(LEN).unwrap();
        next.fill(4).unwrap();
        assert!(*block_on(next.start_download().unwrap()).unwrap() == [4; LEN]);
        device.synchronize().unwrap();
        let stats = device.stats();
        assert_eq!((stats.live_bytes, stats.retired_bytes, stats.lost_bytes), (LEN as u64 * 4, 0, 0));
        assert!(stats.pinned_bytes > pinned, "what was forgotten was used again");
        drop(next);
        let Err(Error::Leaked(report)) = device.close() else { panic!("two tickets were forgotten") };
        assert!(report.held().iter().map(Held::kind).eq(["download"; 2]), "{report}");
    }
}
