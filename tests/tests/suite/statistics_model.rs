//! Random operations on many threads. The statistics of each buffer, each set and the device are compared
//! with a plain model, which counts by itself.

use crate::{Open, Told, on_each_backend, open};
use gpumem::{Async, Buffer, BufferStats, Device, DeviceStats, Download, Error, GpuBuffers};
use gpumem_tests::{Random, TestBackend};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};

const THREADS: usize = 8;

/// Operations of each thread between two meetings.
const STEPS: usize = 250;

const MEETINGS: usize = 5;

/// The most elements of a buffer.
const MAX: usize = 10_000;

/// A set, of which each thread has one at a time.
#[derive(GpuBuffers)]
struct Pair {
    #[buffer(max = 40000, growth = 1.4, async)]
    one: Vec<u32>,
    #[buffer(max = 40000, growth = 1.4, async)]
    two: Vec<u32>,
}

/// The operations on a buffer, on all of a thread, or on all of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    in_place: u64,
    by_copy: u64,
    shrunk: u64,
    uploads: u64,
    uploaded: u64,
    downloads: u64,
    downloaded: u64,
    started: u64,
    finished: u64,
    dropped: u64,
    limited: u64,
    busy: u64,
    allocations: u64,
    frees: u64,
}

impl Counts {
    fn fields(&mut self) -> [&mut u64; 14] {
        let Self { in_place, by_copy, shrunk, uploads, uploaded, downloads, downloaded, .. } = self;
        let first = [in_place, by_copy, shrunk, uploads, uploaded, downloads, downloaded];
        let Self { started, finished, dropped, limited, busy, allocations, frees, .. } = self;
        let rest = [started, finished, dropped, limited, busy, allocations, frees];
        let [a, b, c, d, e, f, g] = first;
        let [h, i, j, k, l, m, n] = rest;
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n]
    }

    fn add(&mut self, mut other: Self) {
        self.fields().into_iter().zip(other.fields()).for_each(|(sum, count)| *sum += *count);
    }
}

/// The model of a buffer.
#[derive(Default)]
struct Model<B: TestBackend> {
    counts: Counts,
    /// The most bytes that it has had.
    peak: u64,
    tickets: Vec<Download<u32, B>>,
}

/// A thread's set, with the models of its buffers and the most bytes that both have had together.
struct Modelled<B: TestBackend> {
    set: PairBuffers<B>,
    models: [Model<B>; 2],
    peak: u64,
}

impl<B: TestBackend> Modelled<B> {
    fn new(device: &Device<B>, random: &mut Random) -> Self {
        let lengths = [0, 1].map(|_| 1 + random.below(MAX / 4));
        let pair = Pair { one: random.vec(lengths[0]), two: random.vec(lengths[1]) };
        let set = pair.upload(device).unwrap();
        let models = lengths.map(|len| {
            let bytes = 4 * len as u64;
            let counts = Counts { uploads: 1, uploaded: bytes, allocations: 1, ..Counts::default() };
            Model { counts, peak: bytes, tickets: Vec::new() }
        });
        Self { set, models, peak: lengths.iter().sum::<usize>() as u64 * 4 }
    }

    /// Does a random operation on one of the buffers, and to the models.
    fn step(&mut self, random: &mut Random) {
        let index = random.below(2);
        let (one, two) = (self.set.one().capacity_bytes(), self.set.two().capacity_bytes());
        let buffer = if index == 0 { self.set.one_mut() } else { self.set.two_mut() };
        let model = &mut self.models[index];
        let (capacity, address) = (buffer.capacity(), B::address(buffer));
        match model.operate(buffer, random) {
            Ok(()) => {}
            Err(Error::BufferLimit { .. }) => model.counts.limited += 1,
            Err(Error::SlotsBusy { .. }) => model.counts.busy += 1,
            Err(error) => panic!("{error}"),
        }
        model.resized((capacity, address), (buffer.capacity(), B::address(buffer)));
        let others = if index == 0 { two } else { one };
        self.peak = self.peak.max((buffer.capacity_bytes() + others) as u64);
        if random.below(200) == 0 {
            self.set.reset_peak();
            let bytes = [self.set.one(), self.set.two()].map(|buffer| buffer.capacity_bytes() as u64);
            self.peak = bytes.iter().sum();
            self.models.iter_mut().zip(bytes).for_each(|(model, bytes)| model.peak = bytes);
        }
    }

    /// Takes or drops the data of all downloads, and compares the set.
    fn check(&mut self, random: &mut Random) {
        self.models.iter_mut().for_each(|model| model.redeem(random));
        self.set.device().synchronize().unwrap();
        let stats = self.set.stats();
        assert_eq!(stats.peak_bytes, self.peak, "{stats}");
        for (model, stats) in self.models.iter().zip(&stats.buffers) {
            model.check(stats);
        }
    }

    /// Drops the set. Returns the operations on it.
    fn end(mut self, random: &mut Random) -> Counts {
        self.models.iter_mut().for_each(|model| model.redeem(random));
        let mut sum = Counts { frees: 2, ..Counts::default() };
        self.models.iter().for_each(|model| sum.add(model.counts));
        sum
    }
}

impl<B: TestBackend> Model<B> {
    fn operate(&mut self, buffer: &mut Buffer<u32, B, Async>, random: &mut Random) -> Result<(), Error> {
        let len = 1 + random.below(MAX + MAX / 20);
        match random.below(12) {
            0 => {
                let data = random.vec(len);
                buffer.upload(&data)?;
                self.uploaded(len);
            }
            1 => {
                let len = 1 + random.below(500);
                let data = random.vec(len);
                buffer.extend_from_slice(&data)?;
                self.uploaded(data.len());
            }
            2 => {
                buffer.write(0, &[7])?;
                self.uploaded(1);
            }
            3 => {
                let mut stage = buffer.stage(len)?;
                stage.fill(3);
                stage.commit()?;
                self.uploaded(len);
            }
            4 => buffer.resize(len)?,
            5 => buffer.reserve(random.below(MAX / 8))?,
            6 => buffer.truncate(1 + random.below(buffer.len())),
            7 => buffer.shrink_to_fit()?,
            8 => {
                let from = random.below(buffer.len());
                drop(buffer.view(from..)?.download()?);
                self.downloaded(buffer.len() - from);
            }
            9 | 10 => {
                let from = random.below(buffer.len());
                self.tickets.push(buffer.view(from..)?.start_download()?);
                self.downloaded(buffer.len() - from);
                self.counts.started += 1;
            }
            _ => self.redeem(random),
        }
        Ok(())
    }

    fn uploaded(&mut self, elements: usize) {
        self.counts.uploads += 1;
        self.counts.uploaded += 4 * elements as u64;
    }

    fn downloaded(&mut self, elements: usize) {
        self.counts.downloads += 1;
        self.counts.downloaded += 4 * elements as u64;
    }

    /// Compares capacity and address with those before an operation.
    fn resized(&mut self, before: (usize, u64), after: (usize, u64)) {
        self.peak = self.peak.max(4 * after.0 as u64);
        let moved = before.1 != after.1;
        match (after.0.cmp(&before.0), moved) {
            (std::cmp::Ordering::Equal, _) => assert!(!moved, "it moved and has the same capacity"),
            (std::cmp::Ordering::Greater, false) => self.counts.in_place += 1,
            (std::cmp::Ordering::Greater, true) => self.counts.by_copy += 1,
            (std::cmp::Ordering::Less, _) => self.counts.shrunk += 1,
        }
        self.counts.allocations += u64::from(moved);
        self.counts.frees += u64::from(moved);
    }

    fn redeem(&mut self, random: &mut Random) {
        for ticket in self.tickets.drain(..) {
            if random.below(3) > 0 {
                drop(ticket.wait().unwrap());
                self.counts.finished += 1;
            } else {
                drop(ticket);
                self.counts.dropped += 1;
            }
        }
    }

    fn check(&self, stats: &BufferStats) {
        let Counts { in_place, by_copy, shrunk, .. } = self.counts;
        assert_eq!((stats.grown_in_place, stats.grown_by_copy), (in_place, by_copy), "{stats:?}");
        assert_eq!((stats.resizes, stats.peak_bytes), (in_place + by_copy + shrunk, self.peak), "{stats:?}");
        let Counts { uploads, uploaded, downloads, downloaded, .. } = self.counts;
        assert_eq!((stats.uploads, stats.uploaded_bytes), (uploads, uploaded), "{stats:?}");
        assert_eq!((stats.downloads, stats.downloaded_bytes), (downloads, downloaded), "{stats:?}");
        let Counts { started, finished, dropped, .. } = self.counts;
        assert_eq!((stats.async_downloads, stats.finished_downloads), (started, finished), "{stats:?}");
        assert_eq!((stats.dropped_downloads, stats.slots_taken), (dropped, 0), "{stats:?}");
        assert!(stats.last_use.is_some());
    }
}

/// The models of all threads, added up at a meeting.
#[derive(Default)]
struct Sum {
    counts: Counts,
    live_bytes: u64,
    /// The most of these at any meeting.
    most_bytes: u64,
}

impl Sum {
    fn check(&mut self, stats: &DeviceStats) {
        let Counts { in_place, by_copy, shrunk, uploads, uploaded, downloads, downloaded, .. } = self.counts;
        assert_eq!((stats.grown_in_place, stats.grown_by_copy), (in_place, by_copy), "{stats}");
        assert_eq!(stats.resizes, in_place + by_copy + shrunk, "{stats}");
        assert_eq!((stats.uploads, stats.uploaded_bytes), (uploads, uploaded), "{stats}");
        assert_eq!((stats.downloads, stats.downloaded_bytes), (downloads, downloaded), "{stats}");
        let Counts { started, finished, dropped, limited, busy, allocations, frees, .. } = self.counts;
        assert_eq!((stats.async_downloads, stats.finished_downloads), (started, finished), "{stats}");
        assert_eq!(stats.dropped_downloads, dropped, "{stats}");
        let errors = stats.errors;
        assert_eq!((errors.buffer_limit, errors.slots_busy), (limited, busy), "{stats}");
        assert_eq!((errors.total(), stats.slot_waits), (limited + busy, 0), "{stats}");
        assert_eq!((stats.allocations, stats.frees), (allocations, frees), "{stats}");
        assert_eq!((stats.live_buffers, stats.live_bytes), (2 * THREADS as u64, self.live_bytes), "{stats}");
        self.most_bytes = self.most_bytes.max(self.live_bytes);
        assert!(stats.peak_bytes >= self.most_bytes && stats.peak_held_bytes >= stats.held_bytes, "{stats}");
        assert!(stats.held_bytes >= stats.live_bytes + stats.free_bytes, "{stats}");
        assert!(stats.largest_free_bytes <= stats.free_bytes && stats.reused <= allocations, "{stats}");
        assert_eq!((stats.retired_bytes, stats.lost_bytes), (0, 0), "{stats}");
    }
}

/// The threads' meetings. A thread that has failed still comes to them, or the others would wait for ever.
struct Meeting<'a, B: TestBackend> {
    device: &'a Device<B>,
    /// The statistics at the beginning.
    before: DeviceStats,
    barrier: Barrier,
    sum: Mutex<Sum>,
    failed: AtomicBool,
}

impl<B: TestBackend> Meeting<'_, B> {
    /// Does `work`, unless a thread has failed.
    fn attempt(&self, work: impl FnOnce()) {
        if !self.failed.load(SeqCst) && catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.failed.store(true, SeqCst);
        }
    }

    /// Waits for all threads. While the others wait, one compares the device with the sum of all.
    fn meet(&self, counts: Counts, bytes: u64) {
        {
            let mut sum = self.sum.lock().unwrap();
            sum.counts.add(counts);
            sum.live_bytes += bytes;
        }
        if self.barrier.wait().is_leader() {
            let mut all = std::mem::take(&mut *self.sum.lock().unwrap());
            self.attempt(|| {
                self.device.synchronize().unwrap();
                all.check(&self.device.stats().since(&self.before));
            });
            *self.sum.lock().unwrap() = Sum { most_bytes: all.most_bytes, ..Sum::default() };
        }
        self.barrier.wait();
    }

    /// The work of one thread.
    fn work(&self, seed: u64) {
        let mut random = Random::new(seed);
        let (mut own, mut gone) = (Modelled::new(self.device, &mut random), Counts::default());
        for _ in 0..MEETINGS {
            self.attempt(|| {
                let _told = Told(format!("seed {seed}"));
                for _ in 0..STEPS {
                    own.step(&mut random);
                    if random.below(100) == 0 {
                        let old = std::mem::replace(&mut own, Modelled::new(self.device, &mut random));
                        gone.add(old.end(&mut random));
                    }
                }
                own.check(&mut random);
            });
            let mut counts = gone;
            own.models.iter().for_each(|model| counts.add(model.counts));
            self.meet(counts, own.set.stats().live_bytes());
        }
    }
}

on_each_backend!(statistics_equal_a_plain_model_after_random_operations_on_many_threads);
fn statistics_equal_a_plain_model_after_random_operations_on_many_threads<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    // Something that was done before, which `since` leaves out.
    let early = Buffer::<u32, B>::from_slice(&device, "early", &[1; 100]).unwrap();
    early.download().unwrap();
    drop(early);
    device.synchronize().unwrap();
    let meeting = Meeting {
        device: &device,
        before: device.stats(),
        barrier: Barrier::new(THREADS),
        sum: Mutex::default(),
        failed: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for seed in 1..=THREADS as u64 {
            let meeting = &meeting;
            scope.spawn(move || meeting.work(seed));
        }
    });
    assert!(!meeting.failed.into_inner(), "see above");
}
