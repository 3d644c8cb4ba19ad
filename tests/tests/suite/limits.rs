//! How much memory may live and how much is held: limits, retained memory, and memory that goes back.

use crate::{Open, on_each_backend, open};
use gpumem::{Buffer, Device, DeviceStats, Error};
use gpumem_tests::{Random, TestBackend};
use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;
const UNIT: usize = 2 * MIB;

fn block<B: TestBackend>(device: &Device<B>, bytes: usize) -> Result<Buffer<u8, B>, Error> {
    Buffer::with_capacity(device, "block", bytes)
}

on_each_backend!(threads_get_exactly_the_limit);
fn threads_get_exactly_the_limit<B: TestBackend>(open: Open<'_, B>) {
    const THREADS: usize = 8;
    for bytes in [1, 777, 70_001, 3 * MIB + 5] {
        let device = open!(open, Device::builder().memory_limit(64 * bytes as u64));
        let granted: Vec<Buffer<u8, B>> = std::thread::scope(|scope| {
            let ask = || (0..16).filter_map(|_| block(&device, bytes).ok()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(granted.len(), 64, "128 of {bytes} bytes were asked for, and 64 fit");
        let stats = device.stats();
        assert_eq!((stats.live_bytes, stats.peak_bytes), (64 * bytes as u64, 64 * bytes as u64));
        let error = block(&device, 1).unwrap_err();
        let limit = 64 * bytes as u64;
        assert!(
            matches!(error, Error::DeviceLimit { requested: 1, used, limit: of, .. } if used == limit && of == limit),
            "{error}"
        );
    }
}

on_each_backend!(live_memory_never_passes_the_limit);
fn live_memory_never_passes_the_limit<B: TestBackend>(open: Open<'_, B>) {
    const LIMIT: u64 = 24 << 20;
    let device = open!(open, Device::builder().memory_limit(LIMIT));
    let (live, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for seed in 1..=6 {
            let (device, live, refused) = (&device, &live, &refused);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                let mut mine: Vec<Buffer<u8, B>> = Vec::new();
                for step in 0..3_000 {
                    if random.below(2) == 0 && !mine.is_empty() {
                        let gone = mine.swap_remove(random.below(mine.len()));
                        live.fetch_sub(gone.capacity() as u64, SeqCst);
                        continue;
                    }
                    let largest = [1_000, 100_000, 4 * MIB][random.below(3)];
                    match block(device, 1 + random.below(largest)) {
                        Ok(block) => {
                            let bytes = block.capacity() as u64;
                            let sum = live.fetch_add(bytes, SeqCst) + bytes;
                            assert!(sum <= LIMIT, "seed {seed}, step {step}: {sum} bytes live");
                            mine.push(block);
                        }
                        Err(Error::DeviceLimit { .. }) => _ = refused.fetch_add(1, SeqCst),
                        Err(error) => panic!("seed {seed}, step {step}: {error}"),
                    }
                }
                let sum: u64 = mine.iter().map(|block| block.capacity() as u64).sum();
                live.fetch_sub(sum, SeqCst);
            });
        }
    });
    assert!(refused.load(SeqCst) > 100, "the limit was hit {refused:?} times: the test tests little");
    let stats = device.stats();
    assert_eq!((stats.live_bytes, live.load(SeqCst)), (0, 0));
    assert!(stats.peak_bytes <= LIMIT, "{stats:?}");
}

on_each_backend!(requests_that_always_fit_are_never_refused);
fn requests_that_always_fit_are_never_refused<B: TestBackend>(open: Open<'_, B>) {
    // Each thread has at most one block, and the limit is one block per thread, so every request fits.
    const THREADS: usize = 6;
    for bytes in [1_000, 3 * MIB] {
        let device = open!(open, Device::builder().memory_limit((THREADS * bytes) as u64));
        let start = Barrier::new(THREADS);
        let refused: usize = std::thread::scope(|scope| {
            let work = || {
                start.wait();
                (0..10_000).filter(|_| block(&device, bytes).is_err()).count()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(refused, 0, "{bytes} bytes");
    }
}

on_each_backend!(growth_in_place_falls_back_to_the_need);
fn growth_in_place_falls_back_to_the_need<B: TestBackend>(open: Open<'_, B>) {
    let limit = 12 << 20;
    let device = open!(open, Device::builder().memory_limit(limit));
    if !device.has_virtual_memory() {
        return;
    }
    let data = Random::new(31).vec(10 * MIB / 4);
    let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, "buffer", &data).unwrap();
    buffer.extend_from_slice(&[5]).unwrap();
    assert_eq!(buffer.capacity(), data.len() + 1, "half as much again would be 15 MiB");
    let error = buffer.reserve(MIB).unwrap_err();
    let (live, rest) = (device.stats().live_bytes, limit - device.stats().live_bytes);
    // Growth in place asks for the missing bytes only.
    assert!(
        matches!(error, Error::DeviceLimit { requested, used, .. } if used == live && requested > rest),
        "{error}"
    );
    assert_eq!((buffer.len(), buffer.capacity()), (data.len() + 1, data.len() + 1));
    buffer.resize(3 * MIB).unwrap();
    assert_eq!((device.stats().live_bytes, buffer.capacity()), (limit, 3 * MIB));
    assert!(buffer.view(..data.len()).unwrap().download().unwrap() == data);
    assert_eq!(buffer.view(data.len()..data.len() + 2).unwrap().download().unwrap(), [5, 0]);
}

on_each_backend!(held_memory_stays_within_the_limit);
fn held_memory_stays_within_the_limit<B: TestBackend>(open: Open<'_, B>) {
    const LIMIT: usize = 64 * MIB;
    let device = open!(open, Device::builder().memory_limit(LIMIT as u64));
    let check = |what: &str, rounding: usize| {
        let stats = device.stats();
        assert!(stats.peak_held_bytes <= (LIMIT + rounding) as u64, "{what}: {stats:?}");
    };
    let phase = |bytes: usize, count: usize| {
        let live: Vec<_> = (0..count).map(|_| block(&device, bytes).unwrap()).collect();
        assert_eq!(live.len(), count);
    };
    // Each live buffer adds at most one unit, because its last unit is not full. The pool adds its last slab,
    // and loses a little in between.
    phase(60 * MIB, 1);
    check("one large", UNIT);
    phase(30 * MIB + 1, 2);
    check("two large", 2 * UNIT);
    phase(5 * MIB, 12);
    check("twelve", 12 * UNIT);
    phase(64 << 10, 960);
    check("small behind large", 12 * UNIT);
    phase(60 * MIB, 1);
    check("one large behind small", 12 * UNIT);
    phase(3_000, 18_000);
    phase(20 * MIB, 3);
    check("large behind very small", 12 * UNIT);
}

on_each_backend!(a_busy_stream_does_not_widen_the_limit);
fn a_busy_stream_does_not_widen_the_limit<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().memory_limit(64 << 20));
    let mut old: Buffer<u8, B> = block(&device, 40 * MIB).unwrap();
    old.resize(40 * MIB).unwrap();
    B::occupy(&device, Duration::from_millis(50));
    old.fill(1).unwrap();
    drop(old);
    let mut new: Buffer<u8, B> = block(&device, 50 * MIB).unwrap();
    let stats = device.stats();
    assert!(stats.peak_held_bytes <= (64 << 20) + 2 * UNIT as u64, "{stats:?}");
    new.resize(1_000).unwrap();
    new.fill(2).unwrap();
    assert_eq!(new.download().unwrap(), [2; 1_000]);
}

/// The most bytes that live in a random mix.
const CAP: usize = 256 * MIB;

/// Allocates random sizes, at most `cap` bytes at a time. Nothing is written, so only addresses and figures
/// are used. Returns the figures, and the most bytes that are lost because every block has whole units.
fn mix<B: TestBackend>(device: &Device<B>, sizes: Range<usize>, cap: usize) -> (DeviceStats, u64) {
    let mut random = Random::new(32);
    let mut live: Vec<Buffer<u8, B>> = Vec::new();
    let (mut bytes, mut rounded, mut rounding) = (0, 0, 0);
    let whole = |bytes: usize| bytes.next_multiple_of(UNIT);
    for _ in 0..4_000 {
        let next = sizes.start + random.below(sizes.len());
        while bytes + next > cap {
            let gone = live.swap_remove(random.below(live.len())).capacity();
            (bytes, rounded) = (bytes - gone, rounded - whole(gone));
        }
        live.push(block(device, next).unwrap());
        (bytes, rounded) = (bytes + next, rounded + whole(next));
        rounding = rounding.max(rounded - bytes);
    }
    (device.stats(), rounding as u64)
}

on_each_backend!(held_memory_is_live_memory_and_the_overhead);
fn held_memory_is_live_memory_and_the_overhead<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().overhead(0.05));
    if !device.has_virtual_memory() {
        // Without virtual memory, gaps stay gaps.
        assert!(mix(&device, MIB + 1..8 * MIB, CAP).0.live_bytes > 0);
        return;
    }
    // Also with small blocks, which share units and need no rounding.
    for smallest in [MIB + 1, 1] {
        let device = open!(open, Device::builder().overhead(0.05));
        let (stats, rounding) = mix(&device, smallest..8 * MIB, CAP);
        // The live bytes, a twentieth more (at least 16 MiB), and the rounding.
        let most = stats.peak_bytes + (stats.peak_bytes / 20).max(16 << 20) + rounding;
        assert!(stats.peak_held_bytes <= most, "{} of {most}; {rounding} by rounding", stats.peak_held_bytes);
    }
}

on_each_backend!(memory_is_taken_freely_while_there_is_plenty);
fn memory_is_taken_freely_while_there_is_plenty<B: TestBackend>(open: Open<'_, B>) {
    let (tight, free) = (open!(open, Device::builder().overhead(0.05)), open!(open));
    if !free.has_virtual_memory() {
        return;
    }
    const CAP: usize = 2 << 30;
    if free.memory_limit() < 4 * CAP as u64 {
        // This machine has too little memory.
        return;
    }
    let [(tight, _), (free, rounding)] = [&tight, &free].map(|device| mix(device, MIB + 1..64 * MIB, CAP));
    assert!(free.driver_calls * 3 < tight.driver_calls, "{free:?}, {tight:?}");
    let most = free.peak_bytes + free.peak_bytes / 4 + rounding;
    assert!(free.peak_held_bytes <= most, "{} of {most}; {rounding} by rounding", free.peak_held_bytes);
}

on_each_backend!(near_the_limit_every_byte_can_be_had);
fn near_the_limit_every_byte_can_be_had<B: TestBackend>(open: Open<'_, B>) {
    let limit = (CAP + CAP / 20) as u64;
    let device = open!(open, Device::builder().memory_limit(limit));
    if !device.has_virtual_memory() {
        return;
    }
    // The limit is far away during the first half of this mix.
    let (stats, rounding) = mix(&device, MIB + 1..8 * MIB, CAP);
    let waste = (limit / 40).max(16 << 20);
    let most = limit + rounding + waste;
    assert!(stats.peak_held_bytes <= most, "{} of {most}; {rounding} by rounding", stats.peak_held_bytes);
    // One more buffer takes all free memory, wherever it lies.
    let rest: Buffer<u8, B> =
        block(&device, usize::try_from(limit - device.stats().live_bytes).unwrap()).unwrap();
    assert_eq!(device.stats().live_bytes, limit);
    assert!(device.stats().held_bytes <= most);
    drop(rest);
}

on_each_backend!(trimming_gives_back_what_is_asked_for);
fn trimming_gives_back_what_is_asked_for<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let mut kept: Buffer<u32, B> = Buffer::from_slice(&device, "kept", &[9; MIB]).unwrap();
    kept.resize(MIB).unwrap();
    let base = device.stats().held_bytes;
    let free: Vec<_> = (0..10).map(|_| block(&device, 4 * MIB).unwrap()).collect();
    drop(free);
    assert_eq!(device.stats().retained_bytes, 40 << 20);
    assert_eq!(device.trim(u64::MAX).unwrap(), 0);
    assert_eq!(device.trim(20 << 20).unwrap(), 20 << 20);
    assert_eq!(device.stats().held_bytes, base + (20 << 20));
    assert_eq!(device.trim(0).unwrap(), 20 << 20);
    assert_eq!((device.stats().held_bytes, device.stats().retained_bytes), (base, 0));
    // Small blocks too, from the caches of other threads, and while work runs.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| drop((0..50).map(|_| block(&device, 10_000).unwrap()).collect::<Vec<_>>()));
        }
    });
    B::occupy(&device, Duration::from_millis(20));
    let mut busy: Buffer<u8, B> = block(&device, 6 * MIB).unwrap();
    busy.resize(6 * MIB).unwrap();
    drop(busy);
    assert!(device.trim(0).unwrap() >= 8 << 20);
    assert_eq!(device.stats().held_bytes, base);
    assert!(kept.download().unwrap() == vec![9; MIB]);
    drop(kept);
    device.trim(0).unwrap();
    let stats = device.stats();
    assert_eq!((stats.held_bytes, stats.retained_bytes, stats.pinned_bytes), (0, 0, 0));
}

on_each_backend!(retain_bounds_the_free_memory);
fn retain_bounds_the_free_memory<B: TestBackend>(open: Open<'_, B>) {
    for retain in [0, 8 << 20] {
        let device = open!(open, Device::builder().retain(retain));
        drop((0..10).map(|_| block(&device, 4 * MIB).unwrap()).collect::<Vec<_>>());
        drop((0..100).map(|_| block(&device, 100_000).unwrap()).collect::<Vec<_>>());
        device.synchronize().unwrap();
        assert!(device.stats().retained_bytes > retain);
        // Each block is larger than any free one, so that the thread's cache has none that fits. The runtime
        // may need a moment to see that the stream has passed memory that was just freed.
        let (began, mut live) = (Instant::now(), Vec::new());
        loop {
            live.push(block(&device, 10 * MIB).unwrap());
            if device.stats().retained_bytes <= retain {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "retain {retain}: {:?}", device.stats());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(live.len() < 20, "retain {retain}: {} operations took memory", live.len());
    }
}

on_each_backend!(retaining_nothing_holds_as_soon_as_the_stream_is_idle);
fn retaining_nothing_holds_as_soon_as_the_stream_is_idle<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().retain(0));
    drop((0..10).map(|_| block(&device, 4 * MIB).unwrap()).collect::<Vec<_>>());
    device.synchronize().unwrap();
    let _next = block(&device, 10 * MIB).unwrap();
    assert_eq!(device.stats().retained_bytes, 0, "the stream was waited for: {:?}", device.stats());
}

on_each_backend!(slabs_that_two_threads_took_at_once_go_back);
fn slabs_that_two_threads_took_at_once_go_back<B: TestBackend>(open: Open<'_, B>) {
    const THREADS: usize = 4;
    for round in 0..100 {
        let device = open!(open);
        let start = Barrier::new(THREADS);
        let work = || {
            start.wait();
            block(&device, 10_000).unwrap()
        };
        let live: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        drop(live);
        device.trim(0).unwrap();
        let stats = device.stats();
        assert_eq!((stats.held_bytes, stats.retained_bytes), (0, 0), "round {round}: {stats:?}");
    }
}

on_each_backend!(idle_memory_goes_back_after_a_while);
fn idle_memory_goes_back_after_a_while<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().retain_for(Duration::from_millis(40)));
    let mut used: Buffer<u32, B> = Buffer::from_slice(&device, "used", &[4; 700_000]).unwrap();
    let base = device.stats().held_bytes;
    drop((block(&device, 64 * MIB).unwrap(), block(&device, 500).unwrap()));
    assert!(device.stats().held_bytes >= base + (64 << 20), "nothing goes back at once");
    let began = Instant::now();
    while device.stats().held_bytes > base {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", device.stats());
        // Reading the figures does not keep the memory.
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(device.stats().live_bytes, used.capacity_bytes() as u64);
    used.extend_from_slice(&[5]).unwrap();
    assert!(used.view(699_998..).unwrap().download().unwrap() == [4, 4, 5]);
    drop(used);
    device.close().unwrap();
}

on_each_backend!(the_idle_thread_keeps_no_device_open);
fn the_idle_thread_keeps_no_device_open<B: TestBackend>(open: Open<'_, B>) {
    for round in 0..200 {
        let device = open!(open, Device::builder().retain_for(Duration::from_micros(100)));
        drop(block(&device, 2_000_000).unwrap());
        drop(block(&device, 1_000).unwrap());
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_micros(50 * round));
        }
        if round % 3 == 0 {
            drop(device);
        } else if let Err(error) = device.close() {
            panic!("round {round}: {error}");
        }
    }
}

on_each_backend!(memory_given_back_is_not_unmapped_under_a_kernel);
/// Memory that is given back stays mapped until the compute stream has passed its last use (rule 2).
/// Otherwise a kernel that still uses it would end the program, or fail the device, on the host as on a card.
fn memory_given_back_is_not_unmapped_under_a_kernel<B: TestBackend>(open: Open<'_, B>) {
    for retain_for in [false, true] {
        let builder = Device::builder();
        let builder =
            if retain_for { builder.retain_for(Duration::from_millis(5)) } else { builder.retain(0) };
        let device = open!(open, builder);
        let (occupy, add) = (B::occupier(&device), B::adder(&device));
        let mut large: Buffer<u32, B> = Buffer::from_slice(&device, "large", &vec![1; 3 * MIB]).unwrap();
        occupy(Duration::from_millis(200));
        add(&mut large);
        // The kernel has not used the buffer yet.
        drop(large);
        for bytes in [5 * MIB, 9 * MIB, 13 * MIB] {
            drop(block(&device, bytes).unwrap());
        }
        std::thread::sleep(Duration::from_millis(100));
        device.synchronize().unwrap();
        assert_eq!(device.stats().lost_bytes, 0);
    }
}
