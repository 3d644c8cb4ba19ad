//! Queues of frames: a loop reads one frame while the next ones are downloaded.

use crate::tasks::{Counter, NEVER, block_on, poll};
use crate::{Open, on_each_backend, open};
use futures_core::Stream;
use gpumem::{Async, Buffer, BufferSpec, Device, DownloadGuard, Error, FrameQueue, GpuBuffers, Ticket};
use gpumem_tests::TestBackend;
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

const BUSY: Duration = Duration::from_millis(150);
const LEN: usize = 5_000;

type Numbers<B> = Buffer<u32, B, Async>;
type Queue<B> = FrameQueue<DownloadGuard<u32, B>, B>;

fn numbers<B: TestBackend>(device: &Device<B>, slots: usize) -> Numbers<B> {
    let numbers: Numbers<B> =
        Buffer::from_slice(device, BufferSpec::new("numbers").slots(slots), &[0; LEN]).unwrap().into_async();
    // The first download pins memory and starts threads.
    drop(block_on(numbers.start_download().unwrap()).unwrap());
    numbers
}

/// The number that all elements of a frame have.
fn number(frame: &[u32]) -> u32 {
    assert!(frame.iter().all(|number| *number == frame[0]), "a frame of two moments");
    frame[0]
}

/// Fills a buffer with `step` and starts a download of it.
fn step<B: TestBackend>(numbers: &mut Numbers<B>, step: u32) -> Ticket<DownloadGuard<u32, B>, B> {
    numbers.fill(step).unwrap();
    numbers.start_download().unwrap()
}

// A queue for as many frames as there are slots: no start is refused, and frames come in their order.
on_each_backend!(frames_come_in_the_order_of_their_starts);
fn frames_come_in_the_order_of_their_starts<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    for slots in 1..=4 {
        let mut numbers = numbers(&device, slots);
        let mut frames = numbers.frame_queue();
        let mut seen = Vec::new();
        for index in 1..=20 {
            if let Some(frame) = frames.push(step(&mut numbers, index)).unwrap() {
                seen.push(number(&frame));
                assert_eq!(numbers.stats().slots_taken, slots, "all slots are in use while a frame is read");
            }
            assert_eq!(frames.len(), (slots - 1).min(index as usize));
        }
        assert_eq!(seen.len(), 20 - (slots - 1));
        for frame in frames.drain() {
            seen.push(number(&frame.unwrap()));
        }
        assert!(seen == (1..=20).collect::<Vec<_>>() && frames.is_empty() && frames.drain().next().is_none());
        assert_eq!(numbers.stats().slots_taken, 0);
    }
}

on_each_backend!(frames_are_awaited_in_the_order_of_their_starts);
fn frames_are_awaited_in_the_order_of_their_starts<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    for slots in 1..=4 {
        let mut numbers = numbers(&device, slots);
        let mut seen = Vec::new();
        block_on(async {
            let mut frames = numbers.frame_queue();
            for index in 1..=20 {
                let frame = frames.push_async(step(&mut numbers, index)).await.unwrap();
                seen.extend(frame.map(|frame| number(&frame)));
                assert_eq!(frames.len(), (slots - 1).min(index as usize));
            }
            while let Some(frame) = frames.next().await {
                seen.push(number(&frame.unwrap()));
            }
        });
        assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    }
}

#[derive(GpuBuffers)]
struct Pair {
    #[buffer(async(slots = 3))]
    left: Vec<u32>,
    #[buffer(async(slots = 4, snapshot))]
    right: Vec<u32>,
}

// For a set, a selection and a view, the buffer with the fewest slots limits the length of the queue.
on_each_backend!(queues_are_for_as_many_frames_as_there_are_slots);
fn queues_are_for_as_many_frames_as_there_are_slots<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut pair = Pair { left: vec![0; LEN], right: vec![0; LEN] }.upload(&device).unwrap();
    let mut frames = pair.frame_queue();
    let mut seen = 0;
    for step in 1..=10 {
        pair.left_mut().fill(step).unwrap();
        pair.right_mut().fill(step).unwrap();
        if let Some(frame) = frames.push(pair.start_download().unwrap()).unwrap() {
            seen += 1;
            assert_eq!((number(frame.left()), number(frame.right())), (seen, seen));
        }
    }
    assert_eq!((seen, frames.len()), (8, 2), "three slots: one for the frame that is read");
    assert!(frames.drain().all(|frame| frame.is_ok()));
    // Two parts of one buffer halve its slots.
    let (left, right) = (pair.left(), pair.right());
    let parts = || (right.view(..5).unwrap(), left, right.view(1..).unwrap());
    let mut frames = device.frame_queue(parts());
    for _ in 0..5 {
        frames.push(device.start_downloads(parts()).unwrap()).unwrap();
        assert_eq!(frames.len(), 1);
    }
    drop(frames);
    // The downloads of a view have the same type as those of its buffer.
    let mut frames: Queue<B> = left.frame_queue();
    for _ in 0..5 {
        frames.push(left.view(10..).unwrap().start_download_when_free().wait().unwrap()).unwrap();
    }
    assert_eq!(frames.len(), 2);
}

on_each_backend!(a_push_waits_for_the_oldest_download_alone);
fn a_push_waits_for_the_oldest_download_alone<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut numbers = numbers(&device, 2);
    let occupy = B::occupier(&device);
    let mut frames = numbers.frame_queue();
    let began = Instant::now();
    occupy(BUSY / 3);
    let first = step(&mut numbers, 1);
    assert!(frames.push(first).unwrap().is_none());
    assert!(began.elapsed() < BUSY / 3 || !B::is_card(&device), "nothing is waited for where there is room");
    occupy(BUSY * 6);
    let second = step(&mut numbers, 2);
    let frame = frames.push(second).unwrap().expect("the queue is full");
    assert_eq!(number(&frame), 1);
    assert!(began.elapsed() < BUSY * 5, "it waited for the second download");
    assert_eq!(frames.drain().map(|frame| number(&frame.unwrap())).collect::<Vec<_>>(), [2]);
    assert!(began.elapsed() >= BUSY * 6);
}

// A frame that the loop keeps has a slot: the start is refused, and the queue is as it was.
on_each_backend!(a_frame_that_is_kept_has_a_slot);
fn a_frame_that_is_kept_has_a_slot<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut numbers = numbers(&device, 3);
    let mut frames = numbers.frame_queue();
    let mut kept = None;
    for index in 1..=3 {
        kept = frames.push(step(&mut numbers, index)).unwrap();
    }
    assert!(matches!(numbers.start_download(), Err(Error::SlotsBusy { slots: 3, .. })));
    assert_eq!((number(kept.as_deref().unwrap()), frames.len()), (1, 2));
    drop(kept);
    let kept = frames.push(step(&mut numbers, 4)).unwrap();
    assert_eq!(number(kept.as_deref().unwrap()), 2);
    // A queue for one slot less leaves that slot to the kept frame.
    drop((kept, frames));
    device.synchronize().unwrap();
    let mut frames = FrameQueue::new(2);
    let (mut kept, mut seen) = (None, Vec::new());
    for index in 1..=10 {
        if let Some(frame) = frames.push(step(&mut numbers, index)).unwrap() {
            seen.push((kept.as_deref().map_or(0, number), number(&frame)));
            kept = Some(frame);
        }
    }
    assert_eq!(seen, (1..=9).map(|index| (index - 1, index)).collect::<Vec<_>>());
    // A queue for 0 slots behaves as one for 1 slot.
    assert_eq!(Queue::<B>::new(0).push(step(&mut numbers, 7)).unwrap().as_deref().map(number), Some(7));
}

on_each_backend!(another_thread_reads_the_frames);
fn another_thread_reads_the_frames<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut numbers = numbers(&device, 3);
    let (send, receive) = mpsc::channel::<DownloadGuard<u32, B>>();
    let reader = thread::spawn(move || {
        let read = |frame: DownloadGuard<u32, B>| {
            thread::sleep(Duration::from_millis(1));
            number(&frame)
        };
        receive.into_iter().map(read).collect::<Vec<_>>()
    });
    let mut frames = numbers.frame_queue();
    for index in 1..=30 {
        numbers.fill(index).unwrap();
        let download = numbers.start_download_when_free();
        let download = if index % 2 == 0 { download.wait() } else { block_on(download) };
        if let Some(frame) = frames.push(download.unwrap()).unwrap() {
            send.send(frame).unwrap();
        }
    }
    for frame in frames.drain() {
        send.send(frame.unwrap()).unwrap();
    }
    drop(send);
    assert_eq!(reader.join().unwrap(), (1..=30).collect::<Vec<_>>());
}

on_each_backend!(an_error_takes_the_place_of_its_frame);
fn an_error_takes_the_place_of_its_frame<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut numbers = numbers(&device, 4);
    let mut frames = numbers.frame_queue();
    for index in 1..=3 {
        assert!(frames.push(step(&mut numbers, index)).unwrap().is_none());
    }
    numbers.abandon_downloads();
    let abandoned = |error: Error| assert!(matches!(error, Error::DownloadAbandoned { .. }), "{error:?}");
    // The downloads that are pushed meanwhile are in the queue.
    abandoned(frames.push(step(&mut numbers, 4)).unwrap_err());
    abandoned(block_on(frames.push_async(step(&mut numbers, 5))).unwrap_err());
    abandoned(frames.drain().next().unwrap().unwrap_err());
    assert_eq!(frames.len(), 2);
    assert!(frames.push(step(&mut numbers, 6)).unwrap().is_none());
    let rest: Vec<u32> = frames.drain().map(|frame| number(&frame.unwrap())).collect();
    assert_eq!(rest, [4, 5, 6]);
}

on_each_backend!(a_loop_over_a_queue_may_end_early);
fn a_loop_over_a_queue_may_end_early<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut numbers = numbers(&device, 4);
    let mut frames = numbers.frame_queue();
    for index in 1..=3 {
        frames.push(step(&mut numbers, index)).unwrap();
    }
    assert_eq!(frames.drain().take(1).map(|frame| number(&frame.unwrap())).collect::<Vec<_>>(), [1]);
    drop(frames.drain());
    assert_eq!(frames.len(), 2);
    assert!(frames.push(step(&mut numbers, 4)).unwrap().is_none());
    assert_eq!(frames.drain().map(|frame| number(&frame.unwrap())).collect::<Vec<_>>(), [2, 3, 4]);
}

on_each_backend!(a_queue_may_be_dropped_at_any_time);
fn a_queue_may_be_dropped_at_any_time<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut numbers = numbers(&device, 3);
    let occupy = B::occupier(&device);
    for awaited in [false, true] {
        occupy(BUSY / 3);
        let mut frames = numbers.frame_queue();
        frames.push(step(&mut numbers, 1)).unwrap();
        frames.push(step(&mut numbers, 2)).unwrap();
        assert!(format!("{frames:?}").starts_with("FrameQueue { downloads: [Ticket { numbers: 5000 el"));
        let woken = Arc::new(Counter::default());
        if awaited {
            assert!(poll(&mut Box::pin(frames.next()), &woken).is_pending());
        }
        let began = Instant::now();
        drop(frames);
        assert!(began.elapsed() < BUSY / 4, "the drop waited");
        // The slots are free after the copies have ended.
        drop(numbers.start_download_when_free().wait().unwrap());
        device.synchronize().unwrap();
        assert_eq!((numbers.stats().slots_taken, woken.count()), (0, 0));
    }
    assert_eq!(device.stats().lost_bytes, 0);
}

// Whenever a future of the queue is dropped, the frames stay in the queue.
on_each_backend!(cancelled_futures_of_a_queue_lose_no_frame);
fn cancelled_futures_of_a_queue_lose_no_frame<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut numbers = numbers(&device, 3);
    let occupy = B::occupier(&device);
    for polls in 0..3 {
        let mut frames = numbers.frame_queue();
        for index in 1..=2 {
            occupy(BUSY / 5);
            frames.push(step(&mut numbers, index)).unwrap();
        }
        let woken = Arc::new(Counter::default());
        let mut push = Box::pin(frames.push_async(step(&mut numbers, 3)));
        for _ in 0..polls {
            assert!(poll(&mut push, &woken).is_pending());
        }
        drop(push);
        assert_eq!(frames.len(), 3, "the download is in the queue");
        let mut next = Box::pin(frames.next());
        for _ in 0..polls {
            assert!(poll(&mut next, &woken).is_pending());
        }
        drop(next);
        // The loop goes on with the oldest frame, and then with the next push.
        let first = block_on(frames.next()).unwrap().unwrap();
        assert_eq!((number(&first), frames.len()), (1, 2));
        drop(first);
        let second = block_on(frames.push_async(step(&mut numbers, 4))).unwrap();
        assert_eq!(second.as_deref().map(number), Some(2));
        assert_eq!(frames.drain().map(|frame| number(&frame.unwrap())).collect::<Vec<_>>(), [3, 4]);
    }
}

on_each_backend!(a_queue_is_a_stream);
fn a_queue_is_a_stream<B: TestBackend>(open: Open<'_, B>) {
    fn next<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
        Pin::new(stream).poll_next(&mut Context::from_waker(waker))
    }
    let device = open!(open);
    let mut numbers = numbers(&device, 3);
    let occupy = B::occupier(&device);
    let mut frames = numbers.frame_queue();
    assert!(matches!(next(&mut frames, Waker::noop()), Poll::Ready(None)));
    occupy(BUSY / 3);
    frames.push(step(&mut numbers, 1)).unwrap();
    frames.push(step(&mut numbers, 2)).unwrap();
    assert_eq!(Stream::size_hint(&frames), (2, Some(2)));
    let woken = Arc::new(Counter::default());
    let waker = Waker::from(woken.clone());
    assert!(next(&mut frames, &waker).is_pending());
    woken.wait();
    let began = Instant::now();
    for expected in 1..=2 {
        let frame = loop {
            match next(&mut frames, &waker) {
                Poll::Ready(frame) => break frame.expect("there is a frame").unwrap(),
                Poll::Pending => assert!(began.elapsed() < NEVER),
            }
        };
        assert_eq!(number(&frame), expected);
    }
    assert!(matches!(next(&mut frames, &waker), Poll::Ready(None)));
    // The stream goes on when a download is added, and ends with the error of the abandoned one.
    frames.push(step(&mut numbers, 3)).unwrap();
    numbers.abandon_downloads();
    let ends = block_on(async {
        let mut frames = pin!(frames);
        let mut ends = Vec::new();
        while let Some(end) = std::future::poll_fn(|context| frames.as_mut().poll_next(context)).await {
            ends.push(end.map(|frame| number(&frame)));
        }
        ends
    });
    assert!(matches!(ends[..], [Err(Error::DownloadAbandoned { .. })]), "{ends:?}");
}
