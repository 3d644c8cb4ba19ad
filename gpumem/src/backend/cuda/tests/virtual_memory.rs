//! Addresses and chunks.

use super::{Bench, PTX, card, numbers, say_skipped};
use crate::backend::Dim3;
use crate::backend::cuda::{Chunk, Cuda, Memory};
use crate::backend::{ALIGNMENT, BackendOps, Cause, Fault};
use std::env;
use std::ffi::c_void;
use std::process::Command;

/// A card with virtual memory, and its unit.
fn card_with_units() -> Option<(Cuda, usize)> {
    let cuda = card()?;
    match cuda.granularity() {
        Some(unit) => Some((cuda, unit)),
        None => {
            say_skipped("no virtual memory on the card");
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
    // SAFETY: ranges are mapped while they are used, and `synchronize` and `download` wait for queued work
    // before anything is unmapped (rules 1 and 2).
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
    // SAFETY: four words across the border, both sides of which are mapped; `download` waits before they are
    // unmapped (rule 1).
    unsafe {
        let kernel = module.function("add_one").unwrap();
        bench.stream.launch(&kernel, Dim3::from(1), Dim3::from(32), 0, &arguments).unwrap();
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
        assert!(matches!(fault.cause(), Cause::OutOfMemory | Cause::CallRefused { .. }), "{fault:?}");
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

/// Only the driver of threads can map memory and then refuse access, and it does so by a variable of the
/// process.
#[test]
fn memory_without_access_is_not_left_mapped() {
    if card().is_none() {
        return;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "backend::cuda::tests::virtual_memory::map_without_access",
        ])
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
    // SAFETY: reserved and created above, and nothing uses it. Memory that is not mapped may be released, and
    // the driver of threads checks that it is not mapped (rule 2).
    unsafe {
        match cuda.map(&range, 0, &chunk, unit) {
            // A real card.
            Ok(()) => cuda.unmap(&range, 0, &chunk, unit).unwrap(),
            Err(fault) => {
                assert!(
                    matches!(fault.cause(), Cause::CallRefused { operation: "cuMemSetAccess", .. }),
                    "{fault:?}"
                );
            }
        }
        cuda.release_chunk(chunk).unwrap();
        cuda.release_chunk(other).unwrap();
        cuda.unreserve(range, 2 * unit).unwrap();
    }
}
