//! Several copies by one call of the driver.

use super::{Bench, calls, card, numbers};
use crate::backend::cuda::{BATCH, Cuda, Memory, driver};
use crate::backend::{BackendOps, CopyToHost};
use std::env;
use std::ffi::c_int;
use std::process::Command;

/// Copies of different lengths. Neighbours in the pinned memory come from the opposite end of the device
/// memory, and a byte between them is not written.
fn copies<'a>(bench: &'a Bench, memory: &'a Memory, count: usize) -> Vec<CopyToHost<'a, Cuda>> {
    let stride = bench.bytes / count.max(1);
    let copy = |index| CopyToHost {
        from: (memory, (count - 1 - index) * stride),
        to: (&bench.pinned, index * stride),
        bytes: stride - 1 - index % 2,
    };
    (0..count).map(copy).collect()
}

/// Makes such copies from `memory`, which has `data`, and checks every byte of the pinned memory.
fn check(bench: &Bench, memory: &Memory, data: &[u8], count: usize) {
    let copies = copies(bench, memory, count);
    // SAFETY: nothing uses the pinned block, and the copies are in bounds and have targets of their own. The
    // thread waits for them before it reads (rules 1 and 3).
    let seen = unsafe {
        Cuda::pinned_address(&bench.pinned).write_bytes(0xee, bench.bytes);
        assert_eq!(bench.cuda.copy_batch_to_host(&bench.stream, &copies), Ok(()));
        bench.synchronize();
        std::slice::from_raw_parts(Cuda::pinned_address(&bench.pinned), bench.bytes)
    };
    let mut expected = vec![0xee; bench.bytes];
    for CopyToHost { from: (_, from), to: (_, to), bytes } in copies {
        expected[to..to + bytes].copy_from_slice(&data[from..from + bytes]);
    }
    assert!(seen == expected, "{count} copies");
}

/// The batches that this thread has queued, if the driver of threads counts them.
fn counted() -> Option<usize> {
    let found = calls::find("fake_cuda_batches");
    // SAFETY: null is `None`, and the driver declares the function so (the driver's contract).
    let function = unsafe {
        std::mem::transmute::<*mut std::ffi::c_void, Option<unsafe extern "C" fn() -> c_int>>(found)
    };
    // SAFETY: it only returns a number (the driver's contract).
    function.map(|function| usize::try_from(unsafe { function() }).unwrap())
}

#[test]
fn copies_travel_together() {
    let Some(cuda) = card() else { return };
    let bench = Bench::new(cuda, 64 << 10);
    let data = numbers(64 << 10);
    bench.upload(&data);
    for count in [0, 1, 2, 3, BATCH, BATCH + 1, 3 * BATCH - 1] {
        let before = counted();
        check(&bench, &bench.memory, &data, count);
        if let (Some(before), Some(after)) = (before, counted()) {
            let calls = if count > 1 && driver::has_batches() { count.div_ceil(BATCH) } else { 0 };
            assert_eq!(after - before, calls, "{count} copies");
        }
    }
    bench.close();
}

#[test]
fn copies_of_a_batch_cross_the_borders_of_chunks() {
    let Some(cuda) = card() else { return };
    let Some(unit) = cuda.granularity() else { return };
    let bench = Bench::new(cuda, 3 * unit);
    let cuda = &bench.cuda;
    let data = numbers(3 * unit);
    bench.upload(&data);
    let range = cuda.reserve(3 * unit).unwrap();
    let chunks = [(); 3].map(|()| cuda.create_chunk(unit).unwrap());
    // SAFETY: the range is mapped while it is used, and `check` waits for the copies (rules 1 and 2).
    unsafe {
        for (index, chunk) in chunks.iter().enumerate() {
            cuda.map(&range, index * unit, chunk, unit).unwrap();
        }
        cuda.copy_on_device(&bench.stream, (&bench.memory, 0), (&range, 0), 3 * unit).unwrap();
        check(&bench, &range, &data, 2);
        check(&bench, &range, &data, 7);
        for (index, chunk) in chunks.into_iter().enumerate() {
            cuda.unmap(&range, index * unit, &chunk, unit).unwrap();
            cuda.release_chunk(chunk).unwrap();
        }
        cuda.unreserve(range, 3 * unit).unwrap();
    }
    bench.close();
}

/// Only the driver of threads can lack the function although it is new, and it does so by a variable of the
/// process.
#[test]
fn a_driver_without_batches_copies_one_by_one() {
    if card().is_none() {
        return;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "backend::cuda::tests::batches::copy_without_batches"])
        .env("FAKE_CUDA_NO_BATCHES", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
}

#[test]
#[ignore = "needs a variable; `a_driver_without_batches_copies_one_by_one` runs it in another process"]
fn copy_without_batches() {
    let Some(cuda) = card() else { return };
    assert_eq!(driver::load(), Ok(()));
    assert!(!driver::has_batches() || cuda.device_name() != "Threads as a card");
    copies_travel_together();
}
