//! The accounts of memory: charged, held and retained bytes after failures and after many rounds. A test
//! whose comment names a fault failed before the fix.

use gpumem::testing::Faults;
use gpumem::{Async, Buffer, BufferSpec, Device, GpuBuffers, Host, Stream};
use gpumem_tests::Random;
use std::sync::{Barrier, Mutex, OnceLock, mpsc};
use std::time::Duration;

const MIB: usize = 1 << 20;

fn block(device: &Device<Host>, bytes: usize) -> gpumem::Result<Buffer<u8>> {
    Buffer::with_capacity(device, "block", bytes)
}

/// Compares all figures of the device with each other, in debug builds only.
fn audit(device: &Device<Host>) {
    #[cfg(debug_assertions)]
    device.__audit();
    #[cfg(not(debug_assertions))]
    let _ = device;
}

/// A shrink that failed took the smaller block's bytes from the charge of the larger block, which remained.
/// The next shrink did so again, and the sum wrapped below 0.
#[test]
fn a_shrink_that_fails_keeps_its_charge() {
    let faults = Faults::new();
    let device = Device::builder().memory_limit(MIB as u64).faults(&faults).host().unwrap();
    let mut buffer: Buffer<u8> = Buffer::from_slice(&device, "b", &vec![7; 400_000]).unwrap();
    buffer.reserve(200_000).unwrap();
    for call in 0..8 {
        faults.fail_at(call);
        let shrunk = buffer.shrink_to_fit();
        let hit = faults.stop();
        assert_eq!(shrunk.is_err(), hit);
        audit(&device);
        assert_eq!(device.stats().live_bytes, buffer.capacity() as u64);
        assert!(block(&device, MIB - buffer.capacity() + 1).is_err(), "the limit was passed");
        drop(block(&device, MIB - buffer.capacity()).unwrap());
        if !hit {
            break;
        }
        assert!(call < 7, "it never succeeds");
    }
    assert_eq!((buffer.capacity(), buffer.download().unwrap()), (400_000, vec![7; 400_000]));
    drop(buffer);
    assert_eq!(device.stats().live_bytes, 0);
    // On another thread, whose cache holds no part of the budget.
    std::thread::scope(|scope| scope.spawn(|| drop(block(&device, MIB).unwrap())).join().unwrap());
    drop(block(&device, 1_000).unwrap());
}

#[derive(GpuBuffers, Default)]
struct Pair {
    first: Vec<u8>,
    second: Vec<u8>,
}

/// When the second buffer of a set had no room, the memory that was mapped for the first remained with it.
/// Only a `shrink_to_fit` of that buffer could free it.
#[test]
fn a_set_that_has_no_room_gives_back_what_it_took() {
    let device = Device::builder().memory_limit(64 << 20).host().unwrap();
    let data = Pair { first: vec![1; 2 * MIB], second: vec![2; 2 * MIB] };
    let mut gpu = data.upload(&device).unwrap();
    let before = device.stats().held_bytes;
    gpu.reserve(PairLengths { first: 50 * MIB, second: 20 * MIB }).unwrap_err();
    audit(&device);
    assert_eq!(device.stats().held_bytes, before);
    gpu.upload_from(&Pair { first: vec![0; 40 * MIB], second: vec![0; 40 * MIB] }).unwrap_err();
    audit(&device);
    assert_eq!(device.stats().held_bytes, before);
    gpu.resize(PairLengths { first: 40 * MIB, second: 40 * MIB }).unwrap_err();
    audit(&device);
    assert_eq!((device.stats().held_bytes, device.stats().live_bytes), (before, 4 << 20));
    let large = block(&device, 60 * MIB).unwrap();
    assert_eq!(device.stats().held_bytes, 64 << 20);
    drop(large);
    let mut same = Pair::default();
    gpu.download_into(&mut same).unwrap();
    assert!(same.first == data.first && same.second == data.second);
}

/// The same, but each call to the driver fails once, so that each step of taking memory for two buffers is
/// undone.
#[test]
fn growth_that_fails_at_any_step_is_undone() {
    let faults = Faults::new();
    let device = Device::builder().memory_limit(64 << 20).faults(&faults).host().unwrap();
    let data = Pair { first: vec![1; 2 * MIB], second: vec![2; 2 * MIB] };
    type Operation = fn(&mut PairBuffers) -> gpumem::Result<()>;
    let operations: [(&str, Operation); 4] = [
        ("reserve", |gpu| gpu.reserve(PairLengths { first: 3 * MIB, second: 5 * MIB })),
        ("resize", |gpu| gpu.resize(PairLengths { first: 7 * MIB, second: 5 * MIB })),
        ("upload", |gpu| gpu.upload_from(&Pair { first: vec![3; 9 * MIB], second: vec![4; 5 * MIB] })),
        ("extend", |gpu| gpu.first_mut().extend_from_slice(&vec![9; 3 * MIB])),
    ];
    for (name, operation) in operations {
        for call in 0.. {
            let mut gpu = data.upload(&device).unwrap();
            device.trim(0).unwrap();
            let before = device.stats();
            faults.fail_at(call);
            let result = operation(&mut gpu);
            if !faults.stop() {
                result.unwrap();
                break;
            }
            audit(&device);
            device.trim(0).unwrap();
            let after = device.stats();
            // The buffers have grown if the growth succeeded and a later step failed.
            let grown = after.live_bytes - before.live_bytes;
            let rounding = if grown > 0 { 2 * (2 << 20) } else { 0 };
            let held = after.held_bytes - before.held_bytes;
            assert!(held <= grown + rounding, "{name}, call {call}: {after:?}");
            assert!(call < 200, "{name} never succeeds");
        }
        assert_eq!(device.stats().live_bytes, 0);
    }
}

/// Each round left addresses without memory. Each of these is a mapping of the system, which refused more at
/// some point. Then the process ended.
#[test]
#[cfg(target_os = "linux")]
fn addresses_without_memory_are_used_again() {
    let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let device = Device::host();
    let round = |max: u64| {
        let spec = BufferSpec::new("b").stable().max(max);
        let mut buffer: Buffer<u8> = Buffer::with_capacity(&device, spec, 1).unwrap();
        buffer.shrink_to_fit().unwrap();
    };
    round(2 << 20);
    let (before, calls) = (mappings(), device.stats().driver_calls);
    (0..2_000).for_each(|_| round(2 << 20));
    assert!(mappings() < before + 200, "{before} and {}", mappings());
    // Each round maps a chunk and gives it back. It reserves no addresses.
    assert!(device.stats().driver_calls - calls <= 4 * 2_000 + 10, "{:?}", device.stats());
    // Another size in each round, which no free addresses fit: the oldest of these are given back.
    (0..2_000).for_each(|round_| round((2 << 20) * (round_ + 2)));
    assert!(mappings() < before + 400, "{before} and {}", mappings());
    audit(&device);
}

static DEVICE: OnceLock<Mutex<Option<Device>>> = OnceLock::new();

/// A logger that sends its lines through a buffer of the device.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        let device = DEVICE.get().and_then(|device| device.lock().unwrap().clone());
        if let Some(device) = device
            && record.args().to_string().contains("lost")
        {
            let _ = Buffer::<u8>::with_capacity(&device, "log", 64);
            let _ = device.trim(0);
        }
    }

    fn flush(&self) {}
}

/// The thread that gives idle memory back logged while it held locks that the logger waited for.
#[test]
fn a_logger_may_use_the_device() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let device = Device::builder().retain(1 << 20).retain_for(Duration::from_millis(20)).host().unwrap();
    let stream = device.create_stream().unwrap();
    let used: Buffer<u8> = Buffer::from_slice(&device, "b", &vec![1; 4 * MIB]).unwrap();
    let spare = block(&device, 8 * MIB).unwrap();
    device.synchronize().unwrap();
    let (go, gate) = mpsc::channel::<()>();
    let fail = move |_: (&[u8],)| {
        let _ = gate.recv();
        std::panic::resume_unwind(Box::new("planted"));
    };
    device.launch_on(&stream, (&used,), fail).unwrap();
    drop((used, spare));
    *DEVICE.get_or_init(Mutex::default).lock().unwrap() = Some(device.clone());
    drop(go);
    std::thread::sleep(Duration::from_millis(200));
    let (send, done) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = send.send(block(&device, 64).map(drop).is_err());
    });
    assert_eq!(done.recv_timeout(Duration::from_secs(10)), Ok(true), "an allocation does not return");
    // Dropped without the lock, because the last handle of a failed device logs too.
    let last = DEVICE.get().unwrap().lock().unwrap().take();
    drop(last);
}

/// A small live buffer keeps the slab that it lies in, and no more. This is the bound that `memory_limit`
/// states.
#[test]
fn a_small_buffer_keeps_one_slab_at_most() {
    let limit = 64 << 20;
    let device = Device::builder().memory_limit(limit).host().unwrap();
    let mut small: Vec<_> = (0..60 * MIB / 4096).map(|_| block(&device, 4096).unwrap()).collect();
    let mut index = 0;
    // One in 1024 remains: one in every other slab of 2 MiB.
    small.retain(|_| {
        index += 1;
        index % 1024 == 1
    });
    let large = block(&device, 60 * MIB).unwrap();
    let stats = device.stats();
    let bound = limit + 2 * MIB as u64 * small.len() as u64;
    assert!(stats.held_bytes <= bound, "{} of {bound} for {}", stats.held_bytes, small.len());
    audit(&device);
    drop((small, large));
    device.trim(0).unwrap();
    assert_eq!(device.stats().held_bytes, 0);
}

const THREADS: usize = 8;

/// The state of one thread of the next test.
struct Worker<'a> {
    device: &'a Device<Host>,
    stream: Stream<Host>,
    random: Random,
    plain: Vec<Buffer<u8>>,
    frames: Vec<Buffer<u32, Host, Async>>,
    sets: Vec<PairBuffers>,
}

impl Worker<'_> {
    /// One random operation, which may fail.
    fn operate(&mut self) -> gpumem::Result<()> {
        let random = &mut self.random;
        // Mostly small blocks, sometimes segments.
        let most = [300, 5_000, 60_000, 3 * MIB][[0, 0, 0, 1, 1, 1, 1, 2, 2, 3][random.below(10)]];
        let len = random.below(most);
        match random.below(16) {
            0 if self.plain.len() < 8 => {
                let spec = BufferSpec::new("plain").max(16 << 20);
                let spec = if random.below(4) == 0 { spec.stable() } else { spec };
                self.plain.push(Buffer::with_capacity(self.device, spec, len)?);
            }
            1 if self.frames.len() < 4 => {
                let spec = BufferSpec::new("frame");
                let spec = if random.below(2) == 0 { spec.snapshot() } else { spec };
                self.frames.push(Buffer::from_slice(self.device, spec, &vec![1; len / 4])?.into_async());
            }
            2 if self.sets.len() < 2 => {
                self.sets.push(Pair { first: vec![1; len], second: vec![2; len / 2] }.upload(self.device)?);
            }
            3 => drop(self.plain.pop()),
            4 => drop(self.frames.pop()),
            5 if random.below(4) == 0 => drop(self.sets.pop()),
            6 => self.plain.last_mut().map_or(Ok(()), |buffer| buffer.resize(len))?,
            7 => self.plain.first_mut().map_or(Ok(()), Buffer::shrink_to_fit)?,
            8 => self.plain.first_mut().map_or(Ok(()), |buffer| buffer.extend_from_slice(&vec![3; len]))?,
            choice @ 9..=11 => self.change_set(choice, len)?,
            // One ticket is dropped, and one is waited for.
            12 => drop(self.frames.first_mut().map(|frame| frame.start_download()).transpose()?),
            13 => {
                if let Some(frame) = self.frames.last_mut() {
                    let arrived = frame.start_download()?.wait()?;
                    assert!(arrived.iter().all(|element| *element == 1));
                }
            }
            14 => {
                // The stream still uses the buffer when it is dropped.
                if let Some(buffer) = self.plain.pop() {
                    self.device.launch_on(&self.stream, (&buffer,), |_| ())?;
                }
            }
            15 if random.below(20) == 0 => drop(self.device.trim(random.below(8 * MIB) as u64)?),
            _ => {}
        }
        Ok(())
    }

    fn change_set(&mut self, choice: usize, len: usize) -> gpumem::Result<()> {
        let Some(set) = self.sets.first_mut() else { return Ok(()) };
        match choice {
            9 => set.reserve(PairLengths { first: len, second: self.random.below(2 * len + 1) }),
            10 => set.upload_from(&Pair { first: vec![5; len], second: vec![6; 2 * len] }),
            _ => set.shrink_to_fit(),
        }
    }
}

/// Runs a million operations with `GPUMEM_OPERATIONS=1000000`, and fewer by default.
#[test]
fn operations_with_failures_end_at_zero() {
    let operations =
        std::env::var("GPUMEM_OPERATIONS").map_or(120_000, |number| number.parse().expect("a number"));
    let faults = Faults::new();
    let device = Device::builder().memory_limit(48 << 20).faults(&faults).host().unwrap();
    let (meeting, failed) = (Barrier::new(THREADS), Mutex::new(0_usize));
    std::thread::scope(|scope| {
        for seed in 1..=THREADS as u64 {
            let (device, faults, meeting, failed) = (&device, &faults, &meeting, &failed);
            scope.spawn(move || {
                let stream = device.create_stream().unwrap();
                let random = Random::new(seed * 7_919);
                let mut worker =
                    Worker { device, stream, random, plain: vec![], frames: vec![], sets: vec![] };
                for step in 1..=operations / THREADS {
                    // Each thread plans failures for all threads.
                    match worker.random.below(200) {
                        0..12 => faults.fail_at(worker.random.below(30)),
                        12..20 => {
                            let first = worker.random.below(10);
                            faults.fail_driver(first..first + 1 + worker.random.below(3));
                        }
                        _ => {}
                    }
                    let result = worker.operate();
                    *failed.lock().unwrap() += usize::from(result.is_err());
                    if step % 1_000 == 0 {
                        meeting.wait();
                        // No operation runs. Tickets, parked blocks and transfers are under way.
                        if seed == 1 {
                            audit(device);
                        }
                        meeting.wait();
                    }
                }
            });
        }
    });
    let _ = faults.stop();
    assert!(failed.into_inner().unwrap() > operations / 200, "hardly anything failed");
    device.synchronize().unwrap();
    device.trim(0).unwrap();
    audit(&device);
    let stats = device.stats();
    assert_eq!((stats.live_buffers, stats.live_bytes, stats.retired_bytes), (0, 0, 0), "{stats:?}");
    if stats.lost_bytes == 0 {
        assert_eq!(stats.held_bytes, 0);
    }
    println!("{operations} operations, {} bytes lost where nothing tells when a use ends", stats.lost_bytes);
}

/// After the driver ran out of memory, segments are assembled from free ones. When the driver has memory
/// again, the device returns to it.
#[test]
fn memory_that_comes_back_is_used_again() {
    /// The driver calls of `operations` operations of a random mix.
    fn calls(device: &Device<Host>, random: &mut Random, operations: usize) -> u64 {
        let (mut live, mut bytes, before) = (Vec::new(), 0, device.stats().driver_calls);
        for _ in 0..operations {
            let next = MIB + random.below(63 * MIB);
            while bytes + next > 2048 * MIB {
                let gone: Buffer<u8> = live.swap_remove(random.below(live.len()));
                bytes -= gone.capacity();
            }
            live.push(block(device, next).unwrap());
            bytes += next;
        }
        device.stats().driver_calls - before
    }
    let faults = Faults::new();
    let [refused, other] =
        [0, 1].map(|_| Device::builder().memory_limit(64 << 30).faults(&faults).host().unwrap());
    drop(block(&refused, 10 * MIB).unwrap());
    faults.fail_driver(0..usize::MAX);
    block(&refused, 20 * MIB).unwrap_err();
    let _ = faults.stop();
    let [refused, other] = [refused, other].map(|device| {
        let mut random = Random::new(77);
        calls(&device, &mut random, 3_000);
        let calls = calls(&device, &mut random, 1_000);
        audit(&device);
        calls
    });
    assert!(
        refused < 2 * other + 100,
        "{refused} driver calls, and {other} of a device that was never refused"
    );
}
