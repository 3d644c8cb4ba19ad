//! Address ranges and chunks of the host: reserved, mapped, moved, given back, and refused.

use super::Chunk;
use crate::backend::host::Host;
use crate::backend::host::memory::HostMemory;
use crate::backend::{BackendOps, Fault};

/// A reserved range with its chunks, which are given back at its end.
struct Range {
    host: Host,
    memory: HostMemory,
    units: usize,
    mapped: Vec<(usize, usize, Chunk)>,
}

impl Range {
    fn new(units: usize) -> Self {
        let host = Host::open();
        let memory = host.reserve(units * unit()).unwrap();
        Self { host, memory, units, mapped: Vec::new() }
    }

    /// Maps a new chunk, from the unit `first` on.
    fn map(&mut self, first: usize, units: usize) {
        let (offset, bytes) = (first * unit(), units * unit());
        let chunk = self.host.create_chunk(bytes).unwrap();
        // SAFETY: the tests map nothing twice, and the chunk is new (the system's contract).
        unsafe { self.host.map(&self.memory, offset, &chunk, bytes) }.unwrap();
        self.mapped.push((offset, bytes, chunk));
    }

    fn unmap_last(&mut self) {
        let (offset, bytes, chunk) = self.mapped.pop().unwrap();
        // SAFETY: the chunk was mapped there and is not any more after this; the tests have waited for their
        // streams (rule 2).
        unsafe {
            self.host.unmap(&self.memory, offset, &chunk, bytes).unwrap();
            self.host.release_chunk(chunk).unwrap();
        }
    }

    /// The bytes of some units, which must be mapped.
    fn bytes(&mut self, first: usize, units: usize) -> &mut [u8] {
        let start = self.memory.at(first * unit(), units * unit());
        // SAFETY: mapped, as asked for; new pages are zero, so they are initialised; the borrow of `self` is
        // exclusive (Rust's contract).
        unsafe { std::slice::from_raw_parts_mut(start.get(), units * unit()) }
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        while !self.mapped.is_empty() {
            self.unmap_last();
        }
        // SAFETY: the range came from `reserve`, and nothing is mapped there any more (rule 2).
        unsafe { self.host.unreserve(self.memory, self.units * unit()) }.unwrap();
    }
}

fn is_out_of_memory<T>(result: Result<T, Fault>) -> bool {
    result.is_err_and(|fault| fault.is_out_of_memory())
}

fn unit() -> usize {
    Host::open().granularity().unwrap()
}

#[test]
fn a_block_is_a_small_name() {
    assert_eq!(size_of::<HostMemory>(), 2 * size_of::<usize>());
    assert_eq!(size_of::<Option<HostMemory>>(), size_of::<HostMemory>());
    assert_eq!(unit(), 2 << 20);
}

#[test]
fn mapped_memory_can_be_written_from_end_to_end() {
    let mut range = Range::new(8);
    range.map(1, 3);
    let bytes = range.bytes(1, 3);
    assert!(bytes.iter().all(|byte| *byte == 0));
    bytes.fill(0xa5);
    assert!(bytes.iter().all(|byte| *byte == 0xa5));
}

#[test]
fn streams_work_across_the_border_of_two_chunks() {
    let mut range = Range::new(8);
    range.map(0, 1);
    range.map(1, 2);
    let (at, bytes) = (unit() - 512, 1024);
    let stream = range.host.create_stream().unwrap();
    // SAFETY: the target lies in the two chunks, which stay until the stream has been waited for (rule 2).
    let done = unsafe { range.host.fill(&stream, (&range.memory, at), b"xyzw", bytes / 4) };
    assert_eq!(done, Ok(true));
    range.host.synchronize(&range.host.record(&stream).unwrap()).unwrap();
    assert_eq!(range.bytes(0, 3)[at..at + bytes], b"xyzw".repeat(bytes / 4));
}

#[test]
fn growing_in_place_keeps_the_contents() {
    let mut range = Range::new(64);
    for units in 0..64_usize {
        range.map(units, 1);
        range.bytes(units, 1).fill(u8::try_from(units).unwrap());
    }
    for units in 0..64_usize {
        assert!(range.bytes(units, 1).iter().all(|byte| usize::from(*byte) == units));
    }
    // In any order, with gaps.
    range.mapped.swap(10, 63);
    range.unmap_last();
    range.map(10, 1);
    assert_eq!(range.bytes(10, 1)[0], 0, "another chunk");
    assert_eq!(
        (range.bytes(9, 1)[unit() - 1], range.bytes(11, 1)[0]),
        (9, 11),
        "its neighbours are untouched"
    );
}

#[test]
fn memory_is_mapped_again_where_it_was_unmapped() {
    let mut range = Range::new(4);
    for round in 1..=20 {
        range.map(1, 2);
        assert!(range.bytes(1, 2).iter().all(|byte| *byte == 0), "nothing of the last round is left");
        range.bytes(1, 2).fill(round);
        range.unmap_last();
    }
}

#[test]
#[should_panic(expected = "of a block of")]
fn a_place_beyond_the_range_is_caught() {
    let range = Range::new(2);
    let _ = range.memory.at(unit(), unit() + 1);
}

#[test]
fn ranges_are_aligned_and_may_be_many() {
    let host = Host::open();
    let mut ranges = Vec::new();
    // 62.5 TiB in all.
    for number in 0..1000 {
        let memory = host.reserve(64 << 30).unwrap_or_else(|fault| panic!("number {number}: {fault}"));
        assert_eq!(memory.address().addr() % unit(), 0);
        ranges.push(memory);
    }
    ranges.sort_by_key(HostMemory::address);
    for pair in ranges.windows(2) {
        assert!(pair[0].address().addr() + (64 << 30) <= pair[1].address().addr(), "two ranges overlap");
    }
    for memory in ranges {
        // SAFETY: reserved above, with nothing mapped (rule 2).
        unsafe { host.unreserve(memory, 64 << 30) }.unwrap();
    }

    // Here and not in a test of its own: the two together would not fit, and tests run side by side.
    for tebibytes in [64, 100, 127, 128, 4096, 1 << 20, (1 << 23) - 1, 1 << 23] {
        let bytes = tebibytes << 40;
        match host.reserve(bytes) {
            // SAFETY: just reserved (rule 2).
            Ok(memory) => unsafe { host.unreserve(memory, bytes) }.unwrap(),
            Err(fault) => assert!(fault.is_out_of_memory(), "{tebibytes} TiB: {fault}"),
        }
    }
    let most = usize::MAX / unit() * unit();
    assert!(is_out_of_memory(host.reserve(most)));
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;

    /// How many pages of a range are in memory.
    fn resident(memory: &HostMemory, first: usize, units: usize) -> usize {
        let mut pages = vec![0_u8; units * unit() / 4096];
        let start = memory.at(first * unit(), units * unit());
        // SAFETY: the vector has a byte for each page, since no page is smaller than 4 KiB; the range is
        // mapped or reserved (the system's contract).
        let code = unsafe { libc::mincore(start.get().cast(), units * unit(), pages.as_mut_ptr()) };
        assert_eq!(code, 0);
        pages.iter().filter(|page| **page & 1 != 0).count()
    }

    #[test]
    fn unmapping_gives_the_pages_back() {
        let mut range = Range::new(16);
        range.map(0, 4);
        range.map(4, 8);
        range.bytes(0, 12).fill(1);
        let (kept, given_back) = (resident(&range.memory, 0, 4), resident(&range.memory, 4, 8));
        assert!(kept > 0 && given_back == 2 * kept, "{kept} and {given_back} pages");
        range.unmap_last();
        assert_eq!((resident(&range.memory, 0, 4), resident(&range.memory, 4, 12)), (kept, 0));
        assert!(range.bytes(0, 4).iter().all(|byte| *byte == 1));
    }

    #[test]
    fn chunks_side_by_side_are_one_entry_for_the_kernel() {
        let entries = |memory: &HostMemory| {
            let inside = memory.address().addr()..memory.address().addr() + 64 * unit();
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let starts =
                maps.lines().filter_map(|line| usize::from_str_radix(line.split_once('-')?.0, 16).ok());
            starts.filter(|start| inside.contains(start)).count()
        };
        let mut range = Range::new(64);
        for units in 0..48 {
            range.map(units, 1);
            range.bytes(units, 1).fill(1);
        }
        // What is mapped, and what is not. The first or last of them may be one with a neighbour outside.
        let grown = entries(&range.memory);
        assert!(grown <= 2, "{grown} entries");
        for _ in 0..24 {
            range.unmap_last();
        }
        let shrunk = entries(&range.memory);
        assert!(shrunk <= 3, "{shrunk} entries");
    }

    #[test]
    fn what_the_machine_does_not_have_is_refused() {
        let host = Host::open();
        assert!(is_out_of_memory(host.create_chunk(1 << 50)));
        // Asked for in one piece, past the first check: the kernel has the last word, unless it was told to
        // promise anything.
        let bytes = 1 << 45;
        let overcommits = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap().trim() == "1";
        if let (false, Ok(memory)) = (overcommits, host.reserve(bytes)) {
            let chunk = Chunk { bytes };
            // SAFETY: a newly reserved range, which nothing was mapped in before or is after (the system's
            // contract).
            unsafe {
                assert!(is_out_of_memory(host.map(&memory, 0, &chunk, bytes)));
                assert_eq!(resident(&memory, 0, 4), 0);
                host.unreserve(memory, bytes).unwrap();
            }
        }
    }
}

#[cfg(feature = "testing")]
#[test]
fn chunks_and_mappings_fail_when_they_are_told_to() {
    let faults = crate::testing::Faults::new();
    let host = Host::for_tests(Some(faults.clone()), None);

    faults.fail_driver(0..2);
    let memory = host.reserve(4 * unit()).unwrap();
    assert!(is_out_of_memory(host.create_chunk(unit())));
    assert!(is_out_of_memory(host.create_chunk(unit())));

    faults.fail_driver(1..3);
    let chunk = host.create_chunk(unit()).unwrap();
    // SAFETY: nothing is mapped; the chunk is new; after a fault it is mapped nowhere (rule 2).
    unsafe {
        assert!(is_out_of_memory(host.map(&memory, 0, &chunk, unit())));
        assert!(is_out_of_memory(host.map(&memory, 0, &chunk, unit())));
        assert_eq!(host.map(&memory, 0, &chunk, unit()), Ok(()), "the third is none of the two");
    }

    faults.fail_driver(0..1);
    // SAFETY: the chunk is mapped there, unused; then nothing is (rule 2).
    unsafe {
        host.unmap(&memory, 0, &chunk, unit()).unwrap();
        host.release_chunk(chunk).unwrap();
        host.unreserve(memory, 4 * unit()).unwrap();
    }
    assert!(host.create_chunk(unit()).is_err(), "giving back is not counted");
}

#[test]
fn a_failed_device_reserves_nothing() {
    let host = Host::open();
    let stream = host.create_stream().unwrap();
    host.run(&stream, || panic!("planted")).unwrap();
    let reserved = loop {
        match host.record(&stream) {
            Ok(event) if host.synchronize(&event).is_ok() => {}
            Ok(_) | Err(_) => break host.reserve(unit()),
        }
    };
    assert!(reserved.is_err_and(|fault| fault.is_failure()));
    assert!(host.create_chunk(unit()).is_err());
}
