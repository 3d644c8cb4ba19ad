//! Copies, fills, and the order of streams.

use super::{Bench, card, numbers};
use crate::backend::cuda::Cuda;
use crate::backend::{ALIGNMENT, BackendOps};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[test]
fn bytes_travel() {
    let Some(cuda) = card() else { return };
    let info = cuda.memory_info().unwrap();
    assert!(info.free.unwrap() > 0 && info.total.unwrap() >= info.free.unwrap());

    let bench = Bench::new(cuda, 4_096);
    assert_eq!(bench.memory.address() % ALIGNMENT as u64, 0);
    assert_eq!(Cuda::pinned_address(&bench.pinned).addr() % ALIGNMENT, 0);

    let data = numbers(4_096);
    bench.upload(&data);
    let second = bench.cuda.allocate(4_096).unwrap();
    // SAFETY: in bounds, of different blocks, and `download` waits before any other use of them (rule 1).
    unsafe {
        bench.cuda.copy_on_device(&bench.stream, (&bench.memory, 1_000), (&second, 3), 500).unwrap();
        bench.cuda.copy_on_device(&bench.stream, (&second, 3), (&bench.memory, 0), 500).unwrap();
        bench.cuda.copy_on_device(&bench.stream, (&second, 0), (&bench.memory, 0), 0).unwrap();
    }
    let mut expected = data.clone();
    expected.copy_within(1_000..1_500, 0);
    assert_eq!(bench.download(), expected);
    // SAFETY: `download` has waited for the stream (rule 2).
    unsafe { bench.cuda.free(second).unwrap() };
    bench.close();
}

#[test]
fn fills_write_what_they_are_given() {
    let Some(cuda) = card() else { return };
    let bench = Bench::new(cuda, 256);
    let patterns: [&[u8]; 7] = [
        &[7],
        &[1, 2],
        &[1, 2, 3, 4],
        &[9, 9, 9],
        &[1, 2, 1, 2, 1, 2],
        &[1, 2, 3],
        &[1, 2, 3, 4, 1, 2, 3, 4],
    ];
    for pattern in patterns {
        for offset in [0, 1, 2, 4, 12] {
            for count in [0, 1, 3, 8] {
                let mut expected = numbers(256);
                bench.upload(&expected);
                // SAFETY: at most 76 bytes of a block of 256, and `download` waits (rule 1).
                let filled =
                    unsafe { bench.cuda.fill(&bench.stream, (&bench.memory, offset), pattern, count) };
                if filled.unwrap() {
                    let bytes = pattern.repeat(count);
                    expected[offset..offset + bytes.len()].copy_from_slice(&bytes);
                }
                assert_eq!(bench.download(), expected, "{pattern:?} at {offset} x {count}");
            }
        }
    }
    bench.close();
}

#[test]
fn an_event_ties_two_streams() {
    let Some(cuda) = card() else { return };
    let bytes = 64 << 20;
    let bench = Bench::new(cuda, bytes);
    let other = bench.cuda.create_stream().unwrap();
    for round in 1..=20 {
        // SAFETY: in bounds; the second stream waits for the first, the bench's stream for the second (rule
        // 1).
        unsafe {
            assert!(bench.cuda.fill(&bench.stream, (&bench.memory, 0), &[round], bytes).unwrap());
            let filled = bench.cuda.record(&bench.stream).unwrap();
            bench.cuda.wait(&other, &filled).unwrap();
            drop(filled);
            bench.cuda.copy_to_host(&other, (&bench.memory, 0), (&bench.pinned, 0), bytes).unwrap();
            let copied = bench.cuda.record(&other).unwrap();
            bench.cuda.wait(&bench.stream, &copied).unwrap();
            assert!(bench.cuda.fill(&bench.stream, (&bench.memory, 0), &[0], bytes).unwrap());
            while !bench.cuda.is_done(&copied).unwrap() {
                thread::yield_now();
            }
            let pinned = std::slice::from_raw_parts(Cuda::pinned_address(&bench.pinned), bytes);
            assert!(pinned.iter().all(|byte| *byte == round));
        }
    }
    drop(other);
    bench.close();
}

// While one thread was half-way through recording an event of a stream, another thread could let its stream
// wait for a point that the first had yet to queue, and that point could wait for this stream.
#[test]
fn streams_that_threads_put_behind_each_other_never_wait_in_a_circle() {
    const ROUNDS: usize = 5_000;
    let Some(cuda) = card() else { return };
    let (compute, download) = (cuda.create_stream().unwrap(), cuda.create_stream().unwrap());
    let (send, ended) = mpsc::channel();
    let work = move || {
        let turns = || {
            for round in 0..ROUNDS {
                cuda.order(&download, &compute).unwrap();
                let read = cuda.record(&download).unwrap();
                cuda.wait(&compute, &read).unwrap();
                // Not too far ahead.
                if round % 64 == 0 {
                    cuda.synchronize(&read).unwrap();
                }
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(turns))));
        for stream in [&compute, &download] {
            cuda.synchronize(&cuda.record(stream).unwrap()).unwrap();
        }
        send.send(()).unwrap();
    };
    thread::spawn(work);
    ended.recv_timeout(Duration::from_secs(60)).expect("the streams wait for each other");
}

#[test]
fn events_are_used_again() {
    let Some(cuda) = card() else { return };
    let bench = Bench::new(cuda, 16);
    for _ in 0..1_000 {
        drop(bench.cuda.record(&bench.stream).unwrap());
    }
    assert_eq!(bench.cuda.context.spare_events().len(), 1);
    bench.close();
}

#[test]
fn any_thread_uses_anything() {
    let Some(cuda) = card() else { return };
    let bench = Bench::new(cuda, 4 * 1_024);
    thread::scope(|scope| {
        for worker in 0..4_u8 {
            let bench = &bench;
            scope.spawn(move || {
                for round in 0..200_u8 {
                    // SAFETY: each worker fills a quarter of its own (rule 1).
                    unsafe {
                        let to = (&bench.memory, 1_024 * usize::from(worker));
                        bench.cuda.fill(&bench.stream, to, &[worker, round, worker, round], 256).unwrap();
                    }
                    let event = bench.cuda.record(&bench.stream).unwrap();
                    bench.cuda.synchronize(&event).unwrap();
                }
            });
        }
    });
    let expected: Vec<u8> = (0..4_u8).flat_map(|worker| [worker, 199].repeat(512)).collect();
    assert_eq!(bench.download(), expected);
    bench.close();
}
