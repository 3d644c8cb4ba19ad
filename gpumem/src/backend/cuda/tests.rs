//! The backend by itself. What needs a card says so on standard error and passes where there is none, unless
//! `GPUMEM_REQUIRE_CUDA=1` is set.

use super::driver::{self, ContextHandle, code};
use super::{Chunk, Cuda, Memory, Pinned, Stream};
use crate::backend::{ALIGNMENT, Cause, Driver, Fault};
use cust::function::{BlockSize, GridSize};
use std::ffi::{c_int, c_uint, c_void};
use std::fmt::Display;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, thread};

unsafe extern "C" {
    fn cuCtxCreate_v2(context: *mut ContextHandle, flags: c_uint, device: c_int) -> driver::Code;
    fn cuCtxDestroy_v2(context: ContextHandle) -> driver::Code;
    fn cuDeviceGetDefaultMemPool(pool: *mut driver::PoolHandle, device: c_int) -> driver::Code;
    fn cuMemPoolGetAttribute(pool: driver::PoolHandle, attribute: c_uint, value: *mut c_void)
    -> driver::Code;
    fn cuMemPoolSetAttribute(pool: driver::PoolHandle, attribute: c_uint, value: *mut c_void)
    -> driver::Code;
}

/// Adds one to each of `count` words.
pub(crate) const PTX: &str = "
    .version 7.0
    .target sm_75
    .address_size 64
    .visible .entry add_one(.param .u64 data, .param .u32 count)
    {
        .reg .pred %p<2>;
        .reg .b32 %r<7>;
        .reg .b64 %rd<4>;
        ld.param.u64 %rd1, [data];
        ld.param.u32 %r1, [count];
        mov.u32 %r2, %ctaid.x;
        mov.u32 %r3, %ntid.x;
        mov.u32 %r4, %tid.x;
        mad.lo.s32 %r5, %r2, %r3, %r4;
        setp.ge.u32 %p1, %r5, %r1;
        @%p1 bra DONE;
        cvta.to.global.u64 %rd1, %rd1;
        mul.wide.u32 %rd2, %r5, 4;
        add.s64 %rd3, %rd1, %rd2;
        ld.global.u32 %r6, [%rd3];
        add.u32 %r6, %r6, 1;
        st.global.u32 [%rd3], %r6;
    DONE:
        ret;
    }";

fn card() -> Option<Cuda> {
    found(Cuda::open(0))
}

/// What was opened, or `None` where there is no card and a test may be skipped.
pub(crate) fn found<T, E: Display>(opened: Result<T, E>) -> Option<T> {
    match opened {
        Ok(opened) => Some(opened),
        Err(error) if env::var_os("GPUMEM_REQUIRE_CUDA").is_some_and(|value| value == "1") => {
            panic!("GPUMEM_REQUIRE_CUDA is set, and there is no card: {error}")
        }
        Err(error) => {
            // Written past the capture of the test harness, since a skipped test shall be seen, and in one piece.
            let line = format!("skipped, no CUDA card: {error}\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
            None
        }
    }
}

/// A card with a stream, a device block and two pinned blocks, all of one size, of which tests copy back and forth.
struct Bench {
    cuda: Cuda,
    stream: Stream,
    memory: Memory,
    pinned: Pinned,
    bytes: usize,
}

impl Bench {
    fn new(cuda: Cuda, bytes: usize) -> Self {
        let stream = cuda.create_stream().unwrap();
        let memory = cuda.allocate(bytes).unwrap();
        let pinned = cuda.pin(bytes).unwrap();
        Self { cuda, stream, memory, pinned, bytes }
    }

    fn synchronize(&self) {
        let event = self.cuda.record(&self.stream).unwrap();
        self.cuda.synchronize(&event).unwrap();
        assert_eq!(self.cuda.is_done(&event), Ok(true));
    }

    fn upload(&self, data: &[u8]) {
        assert_eq!(data.len(), self.bytes);
        // SAFETY: every operation of a bench is waited for, so nothing uses the blocks, which are `bytes`
        // long (rule 3).
        unsafe {
            Cuda::pinned_address(&self.pinned).copy_from_nonoverlapping(data.as_ptr(), data.len());
            self.cuda.copy_to_device(&self.stream, (&self.pinned, 0), (&self.memory, 0), data.len()).unwrap();
        }
        self.synchronize();
    }

    fn download(&self) -> Vec<u8> {
        // SAFETY: as for `upload`; all bytes are initialised by the copy, which is waited for (rules 3 and
        // 5).
        unsafe {
            Cuda::pinned_address(&self.pinned).write_bytes(0, self.bytes);
            self.cuda.copy_to_host(&self.stream, (&self.memory, 0), (&self.pinned, 0), self.bytes).unwrap();
            self.synchronize();
            std::slice::from_raw_parts(Cuda::pinned_address(&self.pinned), self.bytes).to_vec()
        }
    }

    fn close(self) {
        self.synchronize();
        // SAFETY: nothing is queued any more (rule 2).
        unsafe {
            self.cuda.free(self.memory).unwrap();
            self.cuda.unpin(self.pinned).unwrap();
        }
    }
}

fn numbers(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

fn current() -> ContextHandle {
    let mut handle = ContextHandle::NULL;
    // SAFETY: the pointer is valid for a write (the driver's contract).
    assert_eq!(unsafe { driver::cuCtxGetCurrent(&raw mut handle) }, code::SUCCESS);
    handle
}

/// Runs with the stand-in library, with a driver without a card, and with cards.
#[test]
fn a_device_that_is_not_there_is_unavailable() {
    for ordinal in [4_096, 1 << 31, usize::MAX] {
        match Cuda::open(ordinal).map_err(Fault::into_parts) {
            Err((_, Cause::Unavailable(reason))) => assert!(reason.contains("CUDA"), "{reason}"),
            other => panic!("{ordinal}: {other:?}"),
        }
    }
}

#[test]
fn no_driver_is_told_in_words() {
    match Cuda::open(0).map_err(Fault::into_parts) {
        Ok(cuda) => assert!(!cuda.device_name().is_empty()),
        Err((_, Cause::Unavailable(reason))) => {
            assert!(reason.contains("CUDA"), "{reason}");
            if reason.contains("cuInit") {
                assert!(!reason.starts_with("cuInit"), "the words come first: {reason}");
            }
        }
        Err(fault) => panic!("{fault:?}"),
    }
}

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
    // SAFETY: in bounds, of different blocks, and waited for before anything else happens to them (rule 1).
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
                // SAFETY: at most 76 bytes of a block of 256, waited for in `download` (rule 1).
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

// Where one thread was half-way through recording the mark of a stream, another stream could be put behind a point that the first had yet
// to queue, and that behind this stream.
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
fn what_was_current_is_current_again() {
    let Some(cuda) = card() else { return };
    thread::spawn(move || {
        assert_eq!(current(), ContextHandle::NULL);
        let bench = Bench::new(cuda, 64);
        bench.upload(&[1; 64]);
        assert_eq!(current(), ContextHandle::NULL);

        let mut own = ContextHandle::NULL;
        // SAFETY: a context of this test's own, on device 0, which is there (the driver's contract).
        assert_eq!(unsafe { cuCtxCreate_v2(&raw mut own, 0, 0) }, code::SUCCESS);
        assert_eq!(current(), own);
        assert_eq!(bench.download(), [1; 64]);
        drop(bench.cuda.create_stream().unwrap());
        assert_eq!(current(), own);

        bench.cuda.make_current().unwrap();
        let primary = current();
        assert_ne!(primary, own);
        assert_eq!(bench.download(), [1; 64]);
        assert_eq!(current(), primary);
        // SAFETY: made above and used by nobody (the driver's contract).
        assert_eq!(unsafe { cuCtxDestroy_v2(own) }, code::SUCCESS);
        bench.close();
    })
    .join()
    .unwrap();
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

#[test]
fn a_device_opened_twice_is_closed_in_any_order() {
    let Some(first) = card() else { return };
    let Some(second) = card() else { return };
    let stream = first.create_stream().unwrap();
    let event = first.record(&stream).unwrap();
    drop(first);
    let bench = Bench::new(second, 64);
    bench.upload(&[3; 64]);
    drop(stream);
    drop(event);
    assert_eq!(bench.download(), [3; 64]);
    bench.close();
}

#[test]
fn more_memory_than_there_is() {
    let Some(cuda) = card() else { return };
    assert!(cuda.allocate(1 << 46).unwrap_err().is_out_of_memory());
    // The device is none the worse for it.
    Bench::new(cuda, 64).close();
}

/// A card with virtual memory, and its unit.
fn card_with_units() -> Option<(Cuda, usize)> {
    let cuda = card()?;
    match cuda.granularity() {
        Some(unit) => Some((cuda, unit)),
        None => {
            // As in `found`.
            let _ = std::io::stderr().write_all(b"skipped, no virtual memory on the card\n");
            None
        }
    }
}

/// A range of two units, with chunks of one unit each that are mapped nowhere yet.
fn two_units(cuda: &Cuda, unit: usize) -> (Memory, [Chunk; 2]) {
    (cuda.reserve(2 * unit).unwrap(), [(); 2].map(|()| cuda.create_chunk(unit).unwrap()))
}

#[test]
fn the_unit_is_a_power_of_two() {
    let Some((cuda, unit)) = card_with_units() else { return };
    assert!(unit.is_power_of_two() && unit >= ALIGNMENT, "{unit}");
    assert_eq!(Cuda::open(0).unwrap().granularity(), Some(unit));
    let range = cuda.reserve(3 * unit).unwrap();
    assert_eq!(range.address() % unit as u64, 0);
    // SAFETY: reserved above; nothing was mapped there (rule 2).
    unsafe { cuda.unreserve(range, 3 * unit).unwrap() };
}

#[test]
fn a_chunk_keeps_its_bytes_where_it_is_mapped_next() {
    let Some((cuda, unit)) = card_with_units() else { return };
    let bench = Bench::new(cuda, unit);
    let cuda = &bench.cuda;
    let (first, [chunk, other]) = two_units(cuda, unit);
    let second = cuda.reserve(4 * unit).unwrap();
    let data = numbers(unit);
    bench.upload(&data);
    // SAFETY: ranges are mapped while they are used, and `synchronize` and `download` wait for what was queued, before
    // anything is unmapped (rules 1 and 2).
    unsafe {
        cuda.map(&first, unit, &chunk, unit).unwrap();
        cuda.copy_on_device(&bench.stream, (&bench.memory, 0), (&first, unit), unit).unwrap();
        bench.synchronize();
        cuda.unmap(&first, unit, &chunk, unit).unwrap();
        // Another's bytes in the old place change nothing.
        cuda.map(&first, unit, &other, unit).unwrap();
        assert!(cuda.fill(&bench.stream, (&first, unit), &[7], unit).unwrap());
        bench.synchronize();

        bench.upload(&vec![0; unit]);
        cuda.map(&second, 2 * unit, &chunk, unit).unwrap();
        cuda.copy_on_device(&bench.stream, (&second, 2 * unit), (&bench.memory, 0), unit).unwrap();
        assert!(bench.download() == data, "the chunk has kept its bytes");
        cuda.copy_on_device(&bench.stream, (&first, unit), (&bench.memory, 0), unit).unwrap();
        assert!(bench.download() == vec![7; unit], "and the other has its own");

        cuda.unmap(&second, 2 * unit, &chunk, unit).unwrap();
        cuda.unmap(&first, unit, &other, unit).unwrap();
        cuda.release_chunk(chunk).unwrap();
        cuda.release_chunk(other).unwrap();
        cuda.unreserve(first, 2 * unit).unwrap();
        cuda.unreserve(second, 4 * unit).unwrap();
    }
    bench.close();
}

#[test]
fn chunks_side_by_side_are_one_memory() {
    let Some((cuda, unit)) = card_with_units() else { return };
    let bench = Bench::new(cuda, 2 * unit);
    let cuda = &bench.cuda;
    let (range, [left, right]) = two_units(cuda, unit);
    let data = numbers(2 * unit);
    // SAFETY: as for `a_chunk_keeps_its_bytes_where_it_is_mapped_next` (rules 1 and 2).
    unsafe {
        // Not in order, and the second while the first is in use.
        cuda.map(&range, unit, &right, unit).unwrap();
        assert!(cuda.fill(&bench.stream, (&range, unit), &[1, 2, 3, 4], unit / 4).unwrap());
        cuda.map(&range, 0, &left, unit).unwrap();
        bench.upload(&data);
        cuda.copy_to_device(&bench.stream, (&bench.pinned, 0), (&range, 0), 2 * unit).unwrap();
        // Across the border.
        assert!(cuda.fill(&bench.stream, (&range, unit - 8), &[5, 6], 8).unwrap());
        cuda.copy_on_device(&bench.stream, (&range, 0), (&bench.memory, 0), 2 * unit).unwrap();
    }
    // `download` begins with writing to the pinned block, which the first copy reads.
    bench.synchronize();
    let mut expected = data;
    expected[unit - 8..unit + 8].copy_from_slice(&[5, 6].repeat(8));
    assert!(bench.download() == expected);

    let module = cuda.load_ptx(PTX).unwrap();
    let (address, count) = (range.address() + unit as u64 - 8, 4_u32);
    let arguments = [(&raw const address).cast_mut().cast(), (&raw const count).cast_mut().cast::<c_void>()];
    // SAFETY: four words across the border, both sides of which are mapped; waited for before that ends (rule
    // 1).
    unsafe {
        let kernel = module.function("add_one").unwrap();
        bench.stream.launch(&kernel, GridSize::from(1), BlockSize::from(32), 0, &arguments).unwrap();
        cuda.copy_on_device(&bench.stream, (&range, 0), (&bench.memory, 0), 2 * unit).unwrap();
    }
    expected[unit - 8..unit + 8].copy_from_slice(&[6, 6, 5, 6].repeat(4));
    assert!(bench.download() == expected);

    // SAFETY: `download` has waited for all of it (rule 2).
    unsafe {
        cuda.unmap(&range, 0, &left, unit).unwrap();
        cuda.unmap(&range, unit, &right, unit).unwrap();
        cuda.release_chunk(left).unwrap();
        cuda.release_chunk(right).unwrap();
        cuda.unreserve(range, 2 * unit).unwrap();
    }
    bench.close();
}

#[test]
fn more_addresses_and_chunks_than_there_are() {
    let Some((cuda, unit)) = card_with_units() else { return };
    let refused = |fault: Fault| {
        assert!(matches!(fault.cause(), Cause::OutOfMemory | Cause::Denied { .. }), "{fault:?}");
    };
    refused(cuda.reserve(1 << 62).unwrap_err());
    assert!(cuda.create_chunk(1 << 46).unwrap_err().is_out_of_memory());
    // The device is none the worse for it.
    let (range, chunks) = two_units(&cuda, unit);
    // SAFETY: none of it was ever mapped (rule 2).
    unsafe {
        for chunk in chunks {
            cuda.release_chunk(chunk).unwrap();
        }
        cuda.unreserve(range, 2 * unit).unwrap();
    }
    Bench::new(cuda, 64).close();
}

#[test]
fn chunks_count_as_used_memory() {
    let Some((cuda, unit)) = card_with_units() else { return };
    // Large, since other tests take and give back memory meanwhile.
    let bytes = (256_usize << 20).next_multiple_of(unit);
    let free = || cuda.memory_info().unwrap().free.unwrap();
    let before = free();
    let chunk = cuda.create_chunk(bytes).unwrap();
    let with = free();
    assert!(with < before, "{with} of {before}");
    // SAFETY: never mapped (rule 2).
    unsafe { cuda.release_chunk(chunk).unwrap() };
}

/// The default pool is everybody's: another library may have told it to keep all that is given back.
#[test]
fn blocks_do_not_come_from_the_default_pool() {
    const RELEASE_THRESHOLD: c_uint = 4;
    let Some(cuda) = card() else { return };
    let mut pool = driver::PoolHandle::NULL;
    let (mut former, mut all) = (0_u64, u64::MAX);
    // SAFETY: the pointers are valid for the calls, and the attribute is a number of 64 bits (the driver's
    // contract).
    unsafe {
        if cuDeviceGetDefaultMemPool(&raw mut pool, 0) != code::SUCCESS {
            return; // The driver of threads has none, so that a backend which uses it has no memory.
        }
        cuMemPoolGetAttribute(pool, RELEASE_THRESHOLD, (&raw mut former).cast());
        cuMemPoolSetAttribute(pool, RELEASE_THRESHOLD, (&raw mut all).cast());
    }
    let free = || cuda.memory_info().unwrap().free.unwrap();
    let before = free();
    // Large, since other tests take and give back memory meanwhile.
    let memory = cuda.allocate(1 << 30).unwrap();
    // SAFETY: allocated above, and never used (rule 2).
    unsafe { cuda.free(memory).unwrap() };
    let after = free();
    // SAFETY: as above (the driver's contract).
    unsafe { cuMemPoolSetAttribute(pool, RELEASE_THRESHOLD, (&raw mut former).cast()) };
    assert!(after + (512 << 20) > before, "{} bytes were kept", before.saturating_sub(after));
}

/// A driver that maps and then gives no access is had on the driver of threads only, and there by a variable of a process.
#[test]
fn memory_without_access_is_not_left_mapped() {
    if card().is_none() {
        return;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "backend::cuda::tests::map_without_access"])
        .env("FAKE_CUDA_REFUSE_ACCESS", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
}

#[test]
#[ignore = "needs a variable; `memory_without_access_is_not_left_mapped` runs it in another process"]
fn map_without_access() {
    let Some((cuda, unit)) = card_with_units() else { return };
    let (range, [chunk, other]) = two_units(&cuda, unit);
    // SAFETY: reserved and created above, and nothing uses it. What is not mapped may be released, and that is what the
    // driver of threads watches (rule 2).
    unsafe {
        match cuda.map(&range, 0, &chunk, unit) {
            // A real card.
            Ok(()) => cuda.unmap(&range, 0, &chunk, unit).unwrap(),
            Err(fault) => {
                assert!(
                    matches!(fault.cause(), Cause::Denied { operation: "cuMemSetAccess", .. }),
                    "{fault:?}"
                );
            }
        }
        cuda.release_chunk(chunk).unwrap();
        cuda.release_chunk(other).unwrap();
        cuda.unreserve(range, 2 * unit).unwrap();
    }
}

#[test]
fn kernels_run() {
    let Some(cuda) = card() else { return };
    let bench = Bench::new(cuda, 4 * 1_000);
    bench.upload(&[0; 4_000]);
    let module = bench.cuda.load_ptx(PTX).unwrap();
    {
        let kernel = module.function("add_one").unwrap();
        assert_eq!(kernel.name(), "add_one");
        assert_eq!(format!("{kernel:?}"), "Function { name: \"add_one\", .. }");
        let (address, count) = (bench.memory.address(), 1_000_u32);
        let arguments =
            [(&raw const address).cast_mut().cast(), (&raw const count).cast_mut().cast::<c_void>()];
        let launch = |grid: u32, block: u32| {
            // SAFETY: the kernel takes an address and a count, of as many words as the block has (rule 1).
            unsafe {
                bench.stream.launch(&kernel, GridSize::from(grid), BlockSize::from(block), 0, &arguments)
            }
        };
        for _ in 0..3 {
            launch(4, 256).unwrap();
        }
        let refused = launch(0, 256).unwrap_err().to_string();
        assert!(
            refused.contains("`add_one` with a grid of 0 x 1 x 1 blocks of 256 x 1 x 1 threads"),
            "{refused}"
        );
        let refused = launch(4, 1 << 20).unwrap_err().to_string();
        assert!(refused.contains("1048576 x 1 x 1 threads"), "{refused}");
        launch(4, 256).unwrap();

        let another = Cuda::open(0).unwrap().create_stream().unwrap();
        // SAFETY: refused before anything is queued (the driver's contract).
        let refused =
            unsafe { another.launch(&kernel, GridSize::from(1), BlockSize::from(1), 0, &arguments) };
        assert!(refused.unwrap_err().to_string().contains("another opened device"));
    }
    drop(module);
    assert_eq!(bench.download(), [4, 0, 0, 0].repeat(1_000));
    bench.close();
}

#[test]
fn bad_ptx_is_told_with_the_reason() {
    let Some(cuda) = card() else { return };
    let broken = PTX.replace("add.u32 %r6", "add.u31 %r6");
    let future = PTX.replace(".version 7.0", ".version 99.0");
    for (ptx, part) in [
        ("", "the PTX is empty"),
        (" \n", "the PTX is empty"),
        ("a\0b", "a NUL at byte 1"),
        ("hello", "cannot compile the PTX"),
        (&broken, "its compiler says"),
        (&future, "cannot compile the PTX"),
    ] {
        match cuda.load_ptx(ptx).map_err(Fault::into_parts) {
            Err((_, Cause::Unavailable(reason))) => assert!(reason.contains(part), "{reason}"),
            other => panic!("{ptx}: {other:?}"),
        }
    }
    let module = cuda.load_ptx(PTX).unwrap();
    for name in ["missing", "", "add_one\0"] {
        match module.function(name).map_err(Fault::into_parts) {
            Err((_, Cause::Refused(reason))) => assert!(reason.contains("no kernel `"), "{reason}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// A failed context stays failed for the whole process, so this happens in one of its own.
#[test]
fn a_failed_device_answers_with_the_failure() {
    if card().is_none() {
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "backend::cuda::tests::fail_the_device"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > Duration::from_secs(120) => {
                child.kill().unwrap();
                panic!("waiting for a failed device hangs");
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    let output = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert!(status.success() && output.contains("1 passed"), "{status}: {output}");
}

#[test]
#[ignore = "spoils the device for its process; `a_failed_device_answers_with_the_failure` runs it in another"]
fn fail_the_device() {
    let Some(cuda) = card() else { return };
    let bench = Bench::new(cuda, 64);
    let module = bench.cuda.load_ptx(PTX).unwrap();
    let kernel = module.function("add_one").unwrap();
    let (address, count) = (0_u64, 1_u32);
    let arguments = [(&raw const address).cast_mut().cast(), (&raw const count).cast_mut().cast::<c_void>()];
    // SAFETY: it is not: the kernel writes to address 0. The device catches that, which is what is tested
    // (the driver's contract).
    unsafe { bench.stream.launch(&kernel, GridSize::from(1), BlockSize::from(1), 0, &arguments) }.unwrap();

    let failed = |fault: Option<Fault>| assert!(fault.as_ref().is_some_and(Fault::is_failure), "{fault:?}");
    match bench.cuda.record(&bench.stream) {
        Ok(event) => {
            failed(bench.cuda.synchronize(&event).err());
            failed(bench.cuda.is_done(&event).err());
            failed(bench.cuda.wait(&bench.stream, &event).err());
        }
        // The kernel had failed before the event could be recorded.
        Err(fault) => failed(Some(fault)),
    }
    failed(bench.cuda.record(&bench.stream).err());
    failed(bench.cuda.allocate(64).err());
    failed(bench.cuda.pin(64).err());
    failed(bench.cuda.create_stream().err());
    // SAFETY: nothing runs on a failed device (the driver's contract).
    unsafe {
        failed(bench.cuda.fill(&bench.stream, (&bench.memory, 0), &[1], 64).err());
        failed(bench.cuda.free(bench.memory).err());
        failed(bench.cuda.unpin(bench.pinned).err());
    }
    // The documentation says so.
    match crate::Device::cuda(0) {
        Err(crate::Error::BackendUnavailable { reason, .. }) => {
            assert!(reason.contains("has failed in this process before"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    // And all drops are quiet.
}
