//! Figures that must not grow in a steady state: resident memory, mappings, driver calls, held memory, and
//! the duration of calls.
//!
//! The long tests are ignored by default. They take ten minutes on the host and two on a card;
//! `GPUMEM_SOAK_SECONDS` sets another time:
//!
//! ```sh
//! cargo test --release -p gpumem-tests --test soak -- --ignored --nocapture host
//! cargo test --release -p gpumem-tests --test soak --features cuda -- --ignored --nocapture cuda
//! ```

#![cfg(target_os = "linux")]

use gpumem::{Async, Buffer, BufferSpec, Device, GpuBuffers, Host, Stream};
use gpumem_tests::{Random, TestBackend, block_on};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

/// KiB of anonymous memory that the process has touched.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("RssAnon")).expect("the line is there");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("Linux tells").lines().count()
}

/// Regression: a steady program added 12 bytes per cycle to a list, although it took nothing from the driver.
#[test]
fn a_steady_program_does_not_grow() {
    let device = Device::host();
    // Five buffers of 1 MiB: one more than the thread's cache retains.
    let cycles = |count: usize| {
        for _ in 0..count {
            let block = || Buffer::<u8>::with_capacity(&device, "block", MIB).expect("there is room");
            drop((0..5).map(|_| block()).collect::<Vec<_>>());
        }
    };
    cycles(1_000);
    let (before, calls) = (resident(), device.stats().driver_calls);
    cycles(100_000);
    assert_eq!(device.stats().driver_calls, calls);
    // Before the fix this was 1.2 MB.
    assert!(resident() < before + 600, "{before} and {} KiB", resident());
}

#[test]
#[ignore = "takes ten minutes"]
fn host() {
    soak::<Host>(600);
}

#[cfg(feature = "cuda")]
#[test]
#[ignore = "takes two minutes"]
fn cuda() {
    soak::<gpumem::Cuda>(120);
}

#[derive(GpuBuffers)]
struct Frame {
    #[buffer(async)]
    positions: Vec<[f32; 2]>,
    #[buffer(async(snapshot))]
    colours: Vec<u32>,
    edges: Vec<[u32; 2]>,
}

/// Microseconds per call, for one kind of call. Only the last calls of a window are kept, so that a faster
/// window takes no more memory.
#[derive(Default)]
struct Times(Vec<f64>, usize);

const LAST: usize = 10_000;

impl Times {
    fn note<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = call();
        let time = began.elapsed().as_secs_f64() * 1e6;
        match self.0.get_mut(self.1 % LAST) {
            Some(oldest) => *oldest = time,
            None => self.0.push(time),
        }
        self.1 += 1;
        result
    }

    /// The median and the 99th percentile.
    fn summary(&mut self) -> [f64; 2] {
        self.0.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| self.0.get(self.0.len() * share / 100).copied().unwrap_or(0.0);
        [at(50), at(99)]
    }
}

#[derive(Default)]
struct Window {
    take: Times,
    drop: Times,
    awaited: Times,
    rounds: u64,
}

/// A program that runs for weeks.
struct Service<B: TestBackend> {
    device: Device<B>,
    stream: Stream<B>,
    random: Random,
    set: FrameBuffers<B>,
    /// The oldest buffer is dropped when a new one is added.
    live: VecDeque<Buffer<u8, B>>,
}

impl<B: TestBackend> Service<B> {
    fn round(&mut self, window: &mut Window) -> gpumem::Result<()> {
        window.rounds += 1;
        // The same sequence repeats. A longer one would reach a larger peak, for example, which is no growth.
        if window.rounds.is_multiple_of(500) {
            self.random = Random::new(2_026);
        }
        for _ in 0..8 {
            let most = [4_096, 200_000, 6 * MIB][self.random.below(3)];
            let bytes = 1 + self.random.below(most);
            let spec = BufferSpec::new("tile").max(8 << 20);
            let spec = if self.random.below(8) == 0 { spec.stable() } else { spec };
            self.live.push_back(window.take.note(|| Buffer::with_capacity(&self.device, spec, bytes))?);
            if self.live.len() > 64
                && let Some(oldest) = self.live.pop_front()
            {
                window.drop.note(|| drop(oldest));
            }
        }
        // A buffer that a stream of the application still uses when it is dropped.
        let mut lent: Buffer<u32, B> = Buffer::from_slice(&self.device, "lent", &[7; 1_000])?;
        drop(lent.use_on(&self.stream)?);
        lent.fill(8)?;
        window.drop.note(|| drop(lent));
        // The set grows and shrinks, and its frame is awaited.
        let nodes = 10_000 + self.random.below(10_000);
        self.set.resize(FrameLengths { positions: nodes, colours: nodes, edges: 2 * nodes })?;
        let frame = self.set.start_download()?;
        self.set.positions_mut().fill([1.0; 2])?;
        let frame = window.awaited.note(|| block_on(frame))?;
        assert_eq!((frame.positions().len(), frame.colours().len()), (nodes, nodes));
        drop(frame);
        // A dropped ticket, a staged upload, and growth by copying.
        drop(self.set.start_download()?);
        let mut stage = self.set.edges_mut().stage(nodes)?;
        stage.fill([1, 2]);
        stage.commit()?;
        let mut list: Buffer<u32, B, Async> = Buffer::new(&self.device, "list")?.into_async();
        for _ in 0..20 {
            list.extend_from_slice(&[3; 500])?;
        }
        let arrived = list.start_download()?.wait()?;
        assert!(arrived.iter().all(|element| *element == 3));
        Ok(())
    }
}

const WINDOWS: usize = 12;

/// The figures of a window.
#[derive(Debug)]
struct Row {
    rounds: u64,
    resident: u64,
    mappings: usize,
    held: u64,
    pinned: u64,
    driver_calls: u64,
    /// Percent of all allocations.
    reused: f64,
    take: [f64; 2],
    drop: [f64; 2],
    awaited: [f64; 2],
}

impl Row {
    fn print(&self) {
        let Self { rounds, resident, mappings, driver_calls, reused, take, drop, awaited, .. } = self;
        let (held, pinned) = (self.held >> 20, self.pinned >> 20);
        println!(
            "{rounds:>9} {resident:>12} {mappings:>9} {held:>9} {pinned:>11} {driver_calls:>13} {reused:>9.2}  {take:.2?} {drop:.2?} {awaited:.2?}"
        );
    }

    /// Compares a late window with an early one.
    fn assert_no_growth_since(&self, early: &Self) {
        let late = self;
        assert!(
            late.resident < early.resident + early.resident / 20 + 1_024,
            "resident memory grows: {early:?}, {late:?}"
        );
        assert!(late.mappings < early.mappings + 64, "mappings grow: {early:?}, {late:?}");
        assert!(late.held <= early.held + early.held / 20, "held memory grows: {early:?}, {late:?}");
        assert!(late.pinned <= early.pinned + (8 << 20), "pinned memory grows: {early:?}, {late:?}");
        for (what, early, late) in [
            ("taking", early.take[0], late.take[0]),
            ("dropping", early.drop[0], late.drop[0]),
            ("awaiting", early.awaited[0], late.awaited[0]),
        ] {
            // The constant is for awaits: half of the frames have arrived at the first poll, so the median
            // may be of either kind.
            assert!(late < 2.0 * early + 5.0, "{what} takes longer: {early} and {late} us");
        }
    }
}

impl<B: TestBackend> Service<B> {
    fn open(device: Device<B>) -> Self {
        let data = Frame { positions: vec![[0.0; 2]; 100], colours: vec![0; 100], edges: vec![[0; 2]; 100] };
        Self {
            stream: device.create_stream().expect("a stream"),
            set: data.upload(&device).expect("there is room"),
            random: Random::new(2_026),
            live: VecDeque::new(),
            device,
        }
    }

    /// Runs rounds for `time`.
    fn window(&mut self, time: Duration) -> Row {
        let (mut window, end) = (Window::default(), Instant::now() + time);
        let before = self.device.stats();
        while Instant::now() < end {
            self.round(&mut window).expect("nothing fails");
        }
        let stats = self.device.stats();
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        let reused =
            100.0 * (stats.reused - before.reused) as f64 / (stats.allocations - before.allocations) as f64;
        // On the host, held memory is resident memory too, so it is given back before that figure is read.
        self.live.clear();
        self.device.trim(0).expect("the device works");
        Row {
            rounds: window.rounds,
            resident: resident(),
            mappings: mappings(),
            held: stats.held_bytes,
            pinned: stats.pinned_bytes,
            driver_calls: stats.driver_calls - before.driver_calls,
            reused,
            take: window.take.summary(),
            drop: window.drop.summary(),
            awaited: window.awaited.summary(),
        }
    }

    fn close(self) {
        let Self { device, stream, set, live, .. } = self;
        drop((live, set, stream));
        device.trim(0).expect("the device works");
        assert_eq!((device.stats().live_bytes, device.stats().held_bytes), (0, 0));
        device.close().expect("nothing is left");
    }
}

fn soak<B: TestBackend>(seconds: u64) {
    let seconds =
        std::env::var("GPUMEM_SOAK_SECONDS").map_or(seconds, |text| text.parse().expect("a number"));
    let Some(device) = B::open(Device::builder().memory_limit(1 << 30)) else { return };
    let mut service = Service::open(device);
    println!(
        "rounds      RssAnon KiB  mappings  held MiB  pinned MiB  driver calls  reused %  take us  drop us  await us (median, 99 %)"
    );
    let mut rows = Vec::new();
    for _ in 0..WINDOWS {
        let row = service.window(Duration::from_secs(seconds) / 12);
        row.print();
        rows.push(row);
    }
    // From the third window on, all figures are as large as they get.
    rows[WINDOWS - 1].assert_no_growth_since(&rows[2]);
    service.close();
}
