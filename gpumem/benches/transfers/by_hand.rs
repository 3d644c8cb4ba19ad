//! The transfers of gpumem, written by hand with the driver's calls, as for one program.

use crate::cases::launches::{BATCH, LEN};
use crate::common::Failure;
use crate::common::context::{Context, Stream};
use crate::common::turns::{each, us};
use crate::handles::{Event, Memory, Nothing, Occupy, Pinned};
use crate::workload::{Crowd, FRAME_BUFFERS, FRAME_BYTES, FRAME_WORK, Pace, play, rate, read, repeat};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The driver calls that start a download, or, if `whole`, all calls until the data is there.
pub(crate) fn start(bytes: usize, behind: Duration, times: usize, whole: bool) -> Result<[f64; 1], Failure> {
    let context = Context::start()?;
    let occupy = Occupy::load(context)?;
    let [compute, copies] = [Stream::new(context)?, Stream::new(context)?];
    let [ready, done] = [Event::new(context)?, Event::new(context)?];
    let memory = Memory::new(context, bytes, &compute)?;
    let pinned = Pinned::new(context, bytes)?;
    repeat(times, || {
        if !behind.is_zero() {
            occupy.launch(&compute, behind)?;
        }
        let began = Instant::now();
        fetch(&compute, &ready, &copies, &memory, &pinned)?;
        done.record(&copies)?;
        let started = us(began);
        done.synchronize()?;
        let time = if whole { us(began) } else { started };
        black_box(pinned.as_slice().first());
        Ok(time)
    })
}

/// The driver calls that start the download of `N` buffers: a call per copy, or one call for all of them.
pub(crate) fn start_together<const N: usize>(
    bytes: usize,
    times: usize,
    batch: bool,
) -> Result<[f64; 1], Failure> {
    let context = Context::start()?;
    let [compute, copies] = [Stream::new(context)?, Stream::new(context)?];
    let [ready, done] = [Event::new(context)?, Event::new(context)?];
    let memory: [Memory; N] = array(many(N, || Memory::new(context, bytes, &compute))?)?;
    let pinned: [Pinned; N] = array(many(N, || Pinned::new(context, bytes))?)?;
    repeat(times, || {
        let began = Instant::now();
        ready.record(&compute)?;
        copies.wait(&ready)?;
        if batch {
            copies.fetch_batch(&memory, &pinned)?;
        } else {
            for (memory, pinned) in memory.iter().zip(&pinned) {
                copies.fetch(memory, 0, pinned, bytes)?;
            }
        }
        done.record(&copies)?;
        let time = us(began);
        done.synchronize()?;
        pinned.iter().for_each(|pinned| read(pinned.as_slice()));
        Ok(time)
    })
}

fn array<T, const N: usize>(list: Vec<T>) -> Result<[T; N], Failure> {
    Ok(list.try_into().map_err(|_| "a list of another length")?)
}

/// The driver call that launches a kernel.
pub(crate) fn launch(times: usize) -> Result<[f64; 1], Failure> {
    let context = Context::start()?;
    let nothing = Nothing::load(context)?;
    let stream = Stream::new(context)?;
    let [written, read] = [Memory::new(context, 4 * LEN, &stream)?, Memory::new(context, 4 * LEN, &stream)?];
    repeat(times, || {
        let began = Instant::now();
        for count in 0..BATCH {
            nothing.launch(&stream, &written, &read, count)?;
        }
        let time = us(began) / f64::from(BATCH);
        stream.synchronize()?;
        Ok(time)
    })
}

/// Queues a copy that waits for all earlier work on `compute`.
#[inline]
fn fetch(
    compute: &Stream,
    ready: &Event,
    copies: &Stream,
    memory: &Memory,
    pinned: &Pinned,
) -> Result<(), Failure> {
    ready.record(compute)?;
    copies.wait(ready)?;
    copies.fetch(memory, 0, pinned, pinned.bytes())
}

/// Copies to or from pinned memory that was allocated before.
pub(crate) fn pinned(up: bool, bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    let context = Context::start()?;
    let stream = Stream::new(context)?;
    let memory = Memory::new(context, bytes, &stream)?;
    let pinned = Pinned::new(context, bytes)?;
    rate(bytes, times, || {
        let began = Instant::now();
        if up {
            stream.send(&pinned, &memory, 0, bytes)?;
        } else {
            stream.fetch(&memory, 0, &pinned, bytes)?;
        }
        stream.synchronize()?;
        let time = us(began);
        black_box(pinned.as_slice().first());
        Ok(time)
    })
}

/// Frames with two sets of pinned memory: one set is read while the other is filled.
pub(crate) fn frames(pace: Pace) -> Result<[f64; 2], Failure> {
    let context = Context::start()?;
    let occupy = Occupy::load(context)?;
    let [compute, copies] = [Stream::new(context)?, Stream::new(context)?];
    let ready = Event::new(context)?;
    let memory = many(FRAME_BUFFERS, || Memory::new(context, FRAME_BYTES, &compute))?;
    let sets =
        many(2, || Ok((Event::new(context)?, many(FRAME_BUFFERS, || Pinned::new(context, FRAME_BYTES))?)))?;
    let mut last: Option<(Instant, usize)> = None;
    let figures = play(pace, || {
        occupy.launch(&compute, FRAME_WORK)?;
        let started = Instant::now();
        let turn = last.map_or(0, |(_, turn)| 1 - turn);
        let (done, pinned) = &sets[turn];
        ready.record(&compute)?;
        copies.wait(&ready)?;
        for (memory, pinned) in memory.iter().zip(pinned) {
            copies.fetch(memory, 0, pinned, FRAME_BYTES)?;
        }
        done.record(&copies)?;
        let Some((started, turn)) = last.replace((started, turn)) else { return Ok(None) };
        let (done, pinned) = &sets[turn];
        done.synchronize()?;
        pinned.iter().for_each(|pinned| read(pinned.as_slice()));
        Ok(Some(started))
    });
    copies.synchronize()?;
    figures
}

/// Many downloads, with memory and events that were made before.
pub(crate) fn crowd(crowd: Crowd) -> Result<[f64; 2], Failure> {
    let context = Context::start()?;
    let occupy = Occupy::load(context)?;
    let [compute, copies] = [Stream::new(context)?, Stream::new(context)?];
    let memory = Memory::new(context, crowd.bytes, &compute)?;
    let one = || Ok((Event::new(context)?, Event::new(context)?, Pinned::new(context, crowd.bytes)?));
    let all = many(crowd.count, one)?;
    let once = || {
        occupy.launch(&compute, crowd.behind)?;
        let began = Instant::now();
        for (ready, done, pinned) in &all {
            fetch(&compute, ready, &copies, &memory, pinned)?;
            done.record(&copies)?;
        }
        let start = us(began);
        while let Some((_, done, _)) = all.last() {
            if done.is_done()? {
                break;
            }
            std::thread::yield_now();
        }
        let began = Instant::now();
        for (_, done, pinned) in &all {
            done.synchronize()?;
            black_box(pinned.as_slice().first());
        }
        Ok([each(start, crowd.count), each(us(began), crowd.count)])
    };
    once()?;
    once()
}

pub(crate) fn many<T>(count: usize, make: impl Fn() -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
    (0..count).map(|_| make()).collect()
}

/// The bytes that a worker copies at a time.
const SLOT: usize = 2 << 20;
const WORKERS: usize = 4;

/// One of the workers that share a copy: a stream and two slots.
struct Worker {
    context: Context,
    stream: Stream,
    slots: Vec<(Event, Pinned)>,
}

/// A piece of pageable memory, and the way it is copied.
enum Piece<'a> {
    Down(&'a mut [u8]),
    Up(&'a [u8]),
}

/// The pieces of a copy, each with its offset in device memory.
type Share<'a> = Vec<(usize, Piece<'a>)>;

/// Copies to or from a slice through the workers' slots.
pub(crate) fn staged(up: bool, bytes: usize, times: usize) -> Result<[f64; 1], Failure> {
    let context = Context::start()?;
    let worker = || {
        let slot = || Ok((Event::new(context)?, Pinned::new(context, SLOT)?));
        Ok(Worker { context, stream: Stream::new(context)?, slots: many(2, slot)? })
    };
    let mut workers = many(WORKERS, worker)?;
    let memory = Memory::new(context, bytes, &workers[0].stream)?;
    let mut host = vec![1_u8; bytes];
    rate(bytes, times, || {
        let began = Instant::now();
        let mut shares: [Share; WORKERS] = std::array::from_fn(|_| Vec::new());
        if up {
            for (index, piece) in black_box(&host).chunks(SLOT).enumerate() {
                shares[index % WORKERS].push((index * SLOT, Piece::Up(piece)));
            }
        } else {
            for (index, piece) in black_box(&mut host).chunks_mut(SLOT).enumerate() {
                shares[index % WORKERS].push((index * SLOT, Piece::Down(piece)));
            }
        }
        let memory = &memory;
        std::thread::scope(|scope| {
            let pairs = workers.iter_mut().zip(shares);
            // A `Failure` cannot be sent to another thread, but its text can.
            let threads: Vec<_> = pairs
                .map(|(worker, share)| {
                    scope.spawn(move || worker.copy(memory, share).map_err(|error| error.to_string()))
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| "a worker panicked")?.map_err(Failure::from))
        })?;
        Ok(us(began))
    })
}

impl Worker {
    /// Copies its share, and returns when all of it has arrived.
    fn copy(&mut self, memory: &Memory, share: Share<'_>) -> Result<(), Failure> {
        self.context.make_current()?;
        // The pieces that are under way to the host, one per slot.
        let mut coming: [Option<&mut [u8]>; 2] = [None, None];
        for (index, (offset, piece)) in share.into_iter().enumerate() {
            let turn = index % 2;
            if index >= 2 {
                self.finish(turn, coming[turn].take())?;
            }
            let (event, pinned) = &mut self.slots[turn];
            match piece {
                Piece::Up(piece) => {
                    pinned.as_mut_slice()[..piece.len()].copy_from_slice(piece);
                    self.stream.send(pinned, memory, offset, piece.len())?;
                }
                Piece::Down(piece) => {
                    self.stream.fetch(memory, offset, pinned, piece.len())?;
                    coming[turn] = Some(piece);
                }
            }
            event.record(&self.stream)?;
        }
        for (turn, piece) in coming.into_iter().enumerate() {
            self.finish(turn, piece)?;
        }
        self.stream.synchronize()
    }

    /// Waits for the copy of a slot, and copies its bytes to `target`.
    fn finish(&self, turn: usize, target: Option<&mut [u8]>) -> Result<(), Failure> {
        let (event, pinned) = &self.slots[turn];
        event.synchronize()?;
        if let Some(target) = target {
            target.copy_from_slice(&pinned.as_slice()[..target.len()]);
        }
        Ok(())
    }
}
