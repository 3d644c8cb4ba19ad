//! The workloads, the same for every allocator. `shared/peers/peers.hpp` has the same pairs, mix and threads.

use crate::common::Failure;
use crate::common::turns::{each, us};
use crate::heap;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

/// An allocator of memory blocks. The workloads do not touch the blocks.
pub(crate) trait Allocator: Sync {
    type Block;
    /// The allocator's own error type, so that the measurement moves nothing.
    type Error: Into<Failure>;

    fn take(&self, bytes: usize) -> Result<Self::Block, Self::Error>;

    fn give_back(&self, block: Self::Block);

    /// Called once on each thread before the thread uses the allocator.
    fn enter(&self) {}
}

/// Xorshift, with 64 bits.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    #[allow(clippy::cast_possible_truncation)] // less than `bound`
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The parameters of the random mix.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    /// The largest size. The smallest is 1.
    pub(crate) max: usize,
    /// The number of blocks to take.
    pub(crate) takes: usize,
    /// The most bytes that live.
    pub(crate) cap: usize,
}

/// The cost of a mix.
#[derive(Default)]
pub(crate) struct Mixed {
    /// Microseconds per operation, and those of the slowest one.
    pub(crate) us: f64,
    pub(crate) worst: f64,
    /// The most bytes that lived at once.
    pub(crate) peak: usize,
}

/// What an allocation log of RMM's format has: blocks that are taken and given back, in order.
#[derive(Default)]
pub(crate) struct Log {
    /// The place of each block while it lives, and its bytes where it is taken.
    operations: Vec<(usize, Option<usize>)>,
    places: usize,
}

impl Log {
    /// Reads a log. What failed is left out, and so is the end of a block that was there before. The error is
    /// the line that cannot be read.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut log = Self::default();
        // The places of the blocks that live, by pointer, and those that are free.
        let (mut live, mut free) = (HashMap::new(), Vec::new());
        for line in text.lines().skip(1) {
            let columns: Vec<_> = line.split(',').collect();
            let ([_, _, "allocate", pointer, bytes, ..] | [_, _, "free", pointer, bytes, ..]) = columns[..]
            else {
                if columns.get(2) == Some(&"allocate failure") {
                    continue;
                }
                return Err(line.into());
            };
            let bytes: usize = bytes.parse().map_err(|_| line.to_owned())?;
            if columns[2] == "free" {
                if let Some(place) = live.remove(pointer) {
                    free.push(place);
                    log.operations.push((place, None));
                }
            } else if bytes > 0 {
                let place = free.pop().unwrap_or_else(|| {
                    log.places += 1;
                    log.places - 1
                });
                live.insert(pointer, place);
                log.operations.push((place, Some(bytes)));
            }
        }
        Ok(log)
    }

    pub(crate) fn operations(&self) -> usize {
        self.operations.len()
    }

    /// Does all of it on one thread. The blocks that are left are given back afterwards.
    pub(crate) fn replay<A: Allocator + ?Sized>(&self, allocator: &A) -> Result<Mixed, Failure> {
        allocator.enter();
        let mut live: Vec<Option<(A::Block, usize)>> = (0..self.places).map(|_| None).collect();
        let (mut mixed, mut used) = (Mixed::default(), 0);
        let began = Instant::now();
        for (place, bytes) in &self.operations {
            let start = Instant::now();
            if let Some(bytes) = bytes {
                live[*place] = Some((allocator.take(*bytes).map_err(Into::into)?, *bytes));
                used += bytes;
            } else if let Some((block, bytes)) = live[*place].take() {
                allocator.give_back(block);
                used -= bytes;
            }
            mixed.worst = mixed.worst.max(us(start));
            mixed.peak = mixed.peak.max(used);
        }
        mixed.us = each(us(began), self.operations.len().max(1));
        live.into_iter().flatten().for_each(|(block, _)| allocator.give_back(block));
        Ok(mixed)
    }
}

/// The bytes per point in the buffers of a laser scanner: coordinates, time, colour, normal, intensity,
/// flags.
const FEATURES: [usize; 9] = [8, 8, 8, 8, 12, 12, 2, 1, 1];

/// The workloads, compiled for each allocator.
pub(crate) trait Workload {
    /// Takes and gives back blocks of one size. Microseconds per pair.
    fn pairs(&self, bytes: usize, most: usize) -> Result<f64, Failure>;

    /// 73 % of the operations take a block of a random size, the others give one back.
    fn mix(&self, mix: Mix) -> Result<Mixed, Failure>;

    /// The operations of a log.
    fn replay(&self, log: &Log) -> Result<Mixed, Failure>;

    /// Pairs of random sizes from 4 to 512 KiB on many threads. Millions of pairs per second, in all.
    fn threads(&self, threads: usize, most: usize) -> Result<f64, Failure>;

    /// Takes `count` blocks of 1 to 4096 bytes, calls `look`, and gives the blocks back. Microseconds per
    /// block, and the bytes of this thread's heap per block, without the handle.
    fn crowd(&self, count: usize, look: &mut dyn FnMut()) -> Result<[f64; 2], Failure>;

    /// Takes and gives back nine blocks for each of `chunks`, of about a million points. Microseconds per
    /// chunk.
    fn chunks(&self, chunks: usize, random: &mut Random) -> Result<f64, Failure>;
}

impl<A: Allocator> Workload for A {
    fn pairs(&self, bytes: usize, most: usize) -> Result<f64, Failure> {
        self.enter();
        let round = |pairs: usize| {
            let began = Instant::now();
            for _ in 0..pairs {
                self.give_back(black_box(self.take(black_box(bytes)).map_err(Into::into)?));
            }
            Ok::<f64, Failure>(each(us(began), pairs))
        };
        let pairs = affordable(round(100)?, most);
        round(pairs)
    }

    fn mix(&self, mix: Mix) -> Result<Mixed, Failure> {
        self.enter();
        let mut live = Vec::with_capacity(mix.takes);
        let mixed = run_mix(self, mix, &mut live);
        live.into_iter().for_each(|(block, _)| self.give_back(block));
        mixed
    }

    fn replay(&self, log: &Log) -> Result<Mixed, Failure> {
        log.replay(self)
    }

    fn threads(&self, threads: usize, most: usize) -> Result<f64, Failure> {
        self.enter();
        let pairs = affordable(random_pairs(self, &mut Random(99), 100)? * over(threads), most);
        // All threads start together after their warm-up. The time runs from the start of the first to the
        // end of the last.
        let barrier = Barrier::new(threads);
        let work = |thread: usize| {
            self.enter();
            let mut random = Random(1_234_567 + 77 * thread as u64);
            let warm = random_pairs(self, &mut random, 100);
            barrier.wait();
            let began = Instant::now();
            match warm.and_then(|_| random_pairs(self, &mut random, pairs)) {
                Ok(_) => Ok((began, Instant::now())),
                Err(failure) => Err(failure.to_string()),
            }
        };
        let times = std::thread::scope(|scope| {
            let work = &work;
            let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
            let joined = running.into_iter().map(|thread| thread.join().unwrap_or(Err("it panicked".into())));
            joined.collect::<Result<Vec<_>, String>>()
        })?;
        let (first, last) = (times.iter().map(|time| time.0).min(), times.iter().map(|time| time.1).max());
        let time = last.zip(first).map_or(0.0, |(last, first)| (last - first).as_secs_f64() * 1e6);
        Ok(1.0 / each(time, threads * pairs))
    }

    fn crowd(&self, count: usize, look: &mut dyn FnMut()) -> Result<[f64; 2], Failure> {
        self.enter();
        let mut random = Random(88_172_645_463_325_252);
        let mut live = Vec::with_capacity(count);
        let before = heap::bytes();
        let began = Instant::now();
        for _ in 0..count {
            live.push(self.take(1 + random.below(4096)).map_err(Into::into)?);
        }
        let taking = us(began);
        let beside = heap::bytes().wrapping_sub(before);
        look();
        let began = Instant::now();
        live.into_iter().for_each(|block| self.give_back(block));
        Ok([each(taking + us(began), count), each(over(beside), count)])
    }

    fn chunks(&self, chunks: usize, random: &mut Random) -> Result<f64, Failure> {
        self.enter();
        let mut live = Vec::with_capacity(FEATURES.len());
        let began = Instant::now();
        for _ in 0..chunks {
            let points = 800_000 + random.below(400_001);
            for bytes in FEATURES {
                live.push(self.take(points * bytes).map_err(Into::into)?);
            }
            live.drain(..).for_each(|block| self.give_back(block));
        }
        Ok(each(us(began), chunks))
    }
}

fn run_mix<A: Allocator + ?Sized>(
    allocator: &A,
    mix: Mix,
    live: &mut Vec<(A::Block, usize)>,
) -> Result<Mixed, Failure> {
    let Mix { max, takes, cap } = mix;
    let mut random = Random(88_172_645_463_325_252);
    let mut mixed = Mixed::default();
    let (mut used, mut taken, mut operations) = (0, 0, 0);
    let began = Instant::now();
    for _ in 0..2 * takes {
        let bytes = 1 + random.below(max);
        let takes_one = live.is_empty() || (random.below(100) < 73 && taken < takes && used + bytes < cap);
        if live.is_empty() && taken >= takes {
            break;
        }
        let start = Instant::now();
        if takes_one {
            live.push((allocator.take(bytes).map_err(Into::into)?, bytes));
            used += bytes;
            taken += 1;
        } else {
            let (block, bytes) = live.swap_remove(random.below(live.len()));
            allocator.give_back(block);
            used -= bytes;
        }
        mixed.worst = mixed.worst.max(us(start));
        mixed.peak = mixed.peak.max(used);
        operations += 1;
    }
    mixed.us = each(us(began), operations);
    Ok(mixed)
}

/// Microseconds per pair.
fn random_pairs<A: Allocator + ?Sized>(
    allocator: &A,
    random: &mut Random,
    pairs: usize,
) -> Result<f64, Failure> {
    let began = Instant::now();
    for _ in 0..pairs {
        let bytes = 4096 << random.below(8);
        allocator.give_back(black_box(allocator.take(black_box(bytes)).map_err(Into::into)?));
    }
    Ok(each(us(began), pairs))
}

/// How many operations of `us` each fit in a third of a second, but at most `most` and at least a few.
fn affordable(us: f64, most: usize) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates, and is bounded below
    let pairs = (333_000.0 / us.max(1e-3)) as usize;
    pairs.min(most).max(20)
}

/// A small number as a factor.
fn over(number: usize) -> f64 {
    crate::common::turns::over(number, 1_usize)
}
