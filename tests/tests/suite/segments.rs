//! Growth in place, stable addresses, and memory that the next buffer takes. Most of these bytes are never
//! touched.

use crate::{Open, on_each_backend, open};
use gpumem::{Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};
use std::sync::mpsc;
use std::time::Duration;

const MIB: usize = 1 << 20;

/// The unit in which memory is mapped, on the host and on cards.
const UNIT: usize = 2 * MIB;

/// The number of elements, of four bytes each.
const fn elements(bytes: usize) -> usize {
    bytes / 4
}

on_each_backend!(large_buffers_grow_where_they_are);
fn large_buffers_grow_where_they_are<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let data = Random::new(21).vec(300_000);
    let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, "buffer", &data).unwrap();
    let (address, calls) = (B::address(&buffer), device.stats().driver_calls);
    let steps = 7;
    for step in 1..=steps {
        buffer.reserve(300_000 << step).unwrap();
        assert!(buffer.capacity() >= 300_000 << step);
        if device.has_virtual_memory() {
            assert_eq!(B::address(&buffer), address, "step {step} moved");
        }
        assert!(buffer.download().unwrap() == data, "step {step}");
    }
    let stats = device.stats();
    assert_eq!(stats.live_bytes, buffer.capacity_bytes() as u64);
    assert_eq!(stats.resizes, steps);
    if device.has_virtual_memory() {
        assert_eq!((stats.allocations, stats.frees), (1, 0), "nothing was copied anywhere");
        assert!(stats.driver_calls - calls <= 3 * steps, "{stats:?}");
        let most = (buffer.capacity_bytes() + UNIT) as u64;
        assert!(stats.peak_held_bytes <= most && stats.peak_bytes <= most, "no second copy: {stats:?}");
    } else {
        assert_eq!((stats.allocations, stats.frees), (1 + steps, steps));
    }
    // The new elements are zero, although their memory was used before.
    buffer.resize(2_000_000).unwrap();
    let tail = buffer.view(299_999..300_002).unwrap().download().unwrap();
    assert_eq!(tail, [data[299_999], 0, 0]);
}

on_each_backend!(a_buffer_moves_once_on_its_way_out_of_the_pool);
fn a_buffer_moves_once_on_its_way_out_of_the_pool<B: TestBackend>(open: Open<'_, B>) {
    for spec in [BufferSpec::new("bounded").max(64 << 20), BufferSpec::new("unbounded")] {
        let device = open!(open);
        let mut random = Random::new(22);
        let mut model = random.vec(256);
        let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, &spec, &model).unwrap();
        let (mut moves_out, mut moves_above, mut address) = (0, 0, B::address(&buffer));
        while buffer.capacity_bytes() < 64 * MIB {
            let before = buffer.capacity_bytes();
            buffer.resize(buffer.capacity() + 1).unwrap();
            model.resize(buffer.len(), 0);
            let (last, value) = (model.len() - 1, random.vec(1)[0]);
            buffer.write(last, &[value]).unwrap();
            model[last] = value;
            let moved = std::mem::replace(&mut address, B::address(&buffer)) != address;
            moves_above += usize::from(moved && before > MIB);
            moves_out += usize::from(moved && before <= MIB && buffer.capacity_bytes() > MIB);
        }
        assert!(buffer.download().unwrap() == model, "{}", spec.name());
        if device.has_virtual_memory() {
            assert_eq!((moves_out, moves_above), (1, 0), "{}", spec.name());
        }
    }
}

on_each_backend!(stable_buffers_never_move);
fn stable_buffers_never_move<B: TestBackend>(open: Open<'_, B>) {
    const MOST: usize = 64 * MIB;
    for spec in [BufferSpec::new("bounded").max(MOST as u64).stable(), BufferSpec::new("unbounded").stable()]
    {
        let device = open!(open);
        if spec.max_bytes().is_none() && !device.has_virtual_memory() {
            let error = Buffer::<u32, B>::new(&device, &spec).unwrap_err();
            assert!(matches!(error, Error::InvalidSpec { key: "max", .. }), "{error}");
            assert_eq!((device.stats().live_buffers, device.stats().held_bytes), (0, 0));
            continue;
        }
        let mut buffer: Buffer<u32, B> = Buffer::new(&device, &spec).unwrap();
        buffer.extend_from_slice(&[7]).unwrap();
        let address = B::address(&buffer);
        let mut random = Random::new(23);
        let mut model = vec![7];
        while buffer.len() < elements(MOST) {
            let more = (buffer.len() / 2 + random.below(2_000)).min(elements(MOST) - buffer.len());
            let data = random.vec(more.min(1_000));
            buffer.extend_from_slice(&data).unwrap();
            model.extend(data);
            buffer.resize(buffer.len() + more - more.min(1_000)).unwrap();
            model.resize(buffer.len(), 0);
            assert_eq!(B::address(&buffer), address, "at {} elements", buffer.len());
        }
        assert!(buffer.download().unwrap() == model);
        if spec.max_bytes().is_some() {
            let error = buffer.resize(elements(MOST) + 1).unwrap_err();
            assert!(matches!(error, Error::BufferLimit { .. }), "{error}");
        }
        assert!(device.stats().held_bytes >= MOST as u64);
        shrink_in_place(&mut buffer, model);
        buffer.resize(elements(8 * MIB)).unwrap();
        assert_eq!(B::address(&buffer), address);
        assert!(buffer.download().unwrap().iter().all(|element| *element == 0));
    }
}

/// Shrinks the only buffer of a device to nothing, in steps, and gives the memory back.
fn shrink_in_place<B: TestBackend>(buffer: &mut Buffer<u32, B>, mut model: Vec<u32>) {
    let (device, address) = (buffer.device().clone(), B::address(buffer));
    let held = device.stats().held_bytes;
    for len in [elements(3 * MIB), 5, 0] {
        buffer.truncate(len);
        model.truncate(len);
        buffer.shrink_to_fit().unwrap();
        assert_eq!((buffer.len(), buffer.capacity()), (len, len));
        assert_eq!(device.stats().live_bytes, 4 * len as u64);
        assert_eq!(B::address(buffer), address);
        assert!(buffer.download().unwrap() == model, "{len}");
    }
    if device.has_virtual_memory() {
        device.trim(0).unwrap();
        let stats = device.stats();
        assert!(stats.held_bytes <= UNIT as u64, "{} are still held of {held}", stats.held_bytes);
    }
}

on_each_backend!(shrinking_gives_memory_back_that_was_taken_at_once);
fn shrinking_gives_memory_back_that_was_taken_at_once<B: TestBackend>(open: Open<'_, B>) {
    // The buffer gets its memory in one piece, and gives back all but a little. The limit has no room for
    // both.
    let device = open!(open, Device::builder().memory_limit(66 << 20));
    let mut buffer: Buffer<u32, B> = Buffer::with_capacity(&device, "movable", elements(64 * MIB)).unwrap();
    let data = Random::new(24).vec(elements(3 * MIB));
    buffer.upload(&data).unwrap();
    buffer.shrink_to_fit().unwrap();
    assert_eq!(device.stats().live_bytes, 3 * MIB as u64);
    assert!(buffer.download().unwrap() == data);
    device.trim(0).unwrap();
    let stats = device.stats();
    assert!(stats.held_bytes <= 4 << 20, "{stats:?}");
    // The limit has room for another buffer, and it also bounds the held memory.
    let _other: Buffer<u32, B> = Buffer::with_capacity(&device, "other", elements(60 * MIB)).unwrap();
    let most = device.memory_limit() + 2 * UNIT as u64;
    assert!(device.stats().held_bytes <= most, "{:?}", device.stats());
}

on_each_backend!(stable_buffers_take_no_segment_that_cannot_grow);
fn stable_buffers_take_no_segment_that_cannot_grow<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    if !device.has_virtual_memory() {
        return;
    }
    // These buffers leave segments whose addresses end where their memory ends.
    let spec = BufferSpec::new("short").max(UNIT as u64);
    let short = || Buffer::<u32, B>::with_capacity(&device, &spec, elements(UNIT)).unwrap();
    drop((short(), short(), short(), short()));
    for _ in 0..2 {
        let mut buffer: Buffer<u32, B> =
            Buffer::from_slice(&device, BufferSpec::new("buffer").stable(), &[1]).unwrap();
        let address = B::address(&buffer);
        buffer.resize(elements(16 * MIB)).unwrap();
        assert_eq!(B::address(&buffer), address);
        // In the second round the cache of this thread no longer has the short segments, and is passed over.
        device.synchronize().unwrap();
    }
}

on_each_backend!(an_emptied_stable_buffer_gives_its_addresses_back);
fn an_emptied_stable_buffer_gives_its_addresses_back<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    if !device.has_virtual_memory() {
        return;
    }
    // Each buffer reserves a TiB of addresses. There are 128 TiB in all.
    let spec = BufferSpec::new("buffer").stable().max(1 << 40);
    for round in 0..200 {
        let mut buffer: Buffer<u32, B> = Buffer::from_slice(&device, &spec, &[1]).unwrap();
        let address = B::address(&buffer);
        buffer.resize(elements(3 * MIB)).unwrap();
        assert_eq!(B::address(&buffer), address, "round {round}");
        buffer.clear();
        buffer.shrink_to_fit().unwrap();
        drop(buffer);
        device.trim(0).unwrap();
    }
}

on_each_backend!(a_max_beyond_all_addresses_still_grows_in_place);
fn a_max_beyond_all_addresses_still_grows_in_place<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    if !device.has_virtual_memory() {
        return;
    }
    let spec = BufferSpec::new("buffer").max(1 << 60);
    let mut buffer: Buffer<u32, B> = Buffer::with_capacity(&device, &spec, elements(3 * MIB)).unwrap();
    let address = B::address(&buffer);
    buffer.reserve(elements(32 * MIB)).unwrap();
    assert_eq!(B::address(&buffer), address);
    // If the promise cannot be kept, the buffer is not made.
    match Buffer::<u32, B>::with_capacity(&device, spec.stable(), 1) {
        Err(error) => assert!(!matches!(error, Error::DeviceFailed { .. }), "{error}"),
        Ok(mut buffer) => {
            let address = B::address(&buffer);
            buffer.reserve(elements(32 * MIB)).unwrap();
            assert_eq!(B::address(&buffer), address);
        }
    }
}

on_each_backend!(free_segments_serve_the_next_buffer);
fn free_segments_serve_the_next_buffer<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open);
    let make = |bytes: usize| Buffer::<u32, B>::with_capacity(&device, "buffer", elements(bytes)).unwrap();
    drop(make(64 * MIB));
    let before = device.stats();
    assert_eq!((before.live_bytes, before.retained_bytes, before.held_bytes), (0, 64 << 20, 64 << 20));
    // The same size, a little less, and the same size on a thread with another cache.
    drop(make(64 * MIB));
    drop(make(60 * MIB));
    std::thread::scope(|scope| scope.spawn(|| drop(make(64 * MIB))).join().unwrap());
    let after = device.stats();
    assert_eq!(after.driver_calls, before.driver_calls);
    assert_eq!((after.allocations - before.allocations, after.reused - before.reused), (3, 3));
    assert_eq!(after.held_bytes, 64 << 20);
}

on_each_backend!(free_chunks_serve_the_next_growth);
fn free_chunks_serve_the_next_growth<B: TestBackend>(open: Open<'_, B>) {
    let device = open!(open, Device::builder().overhead(0.0));
    if !device.has_virtual_memory() {
        return;
    }
    let mut first: Buffer<u32, B> = Buffer::with_capacity(&device, "first", elements(4 * MIB)).unwrap();
    for mib in 2..=32 {
        first.reserve(elements(mib * 4 * MIB)).unwrap();
    }
    assert_eq!(device.stats().held_bytes, first.capacity_bytes().next_multiple_of(UNIT) as u64);
    let data = Random::new(25).vec(elements(3 * MIB));
    let mut second: Buffer<u32, B> = Buffer::from_slice(&device, "second", &data).unwrap();
    let address = B::address(&second);
    let peak = device.stats().peak_bytes;
    drop(first);
    device.synchronize().unwrap();
    second.reserve(elements(120 * MIB)).unwrap();
    assert_eq!(B::address(&second), address);
    assert!(second.download().unwrap() == data);
    // The memory of the first buffer is in the second one: the 16 MiB that are always allowed have no room
    // for both.
    let stats = device.stats();
    assert!(stats.peak_held_bytes <= peak + (16 << 20) + 2 * UNIT as u64, "{stats:?}");
}

on_each_backend!(pooled_blocks_waste_at_most_an_eighth);
fn pooled_blocks_waste_at_most_an_eighth<B: TestBackend>(open: Open<'_, B>) {
    // The largest size, and the number of blocks.
    for (largest, count) in [(64 << 10, 8_000), (MIB, 600), (3_000, 100_000)] {
        // Other tests may have the device's memory, on which the default limit depends.
        let device = open!(open, Device::builder().memory_limit(1 << 30));
        let mut random = Random::new(26);
        let live: Vec<Buffer<u8, B>> = (0..count)
            .map(|_| Buffer::with_capacity(&device, "block", 1 + random.below(largest)).unwrap())
            .collect();
        let stats = device.stats();
        assert_eq!(stats.live_bytes, live.iter().map(|block| block.capacity() as u64).sum::<u64>());
        let most = stats.live_bytes / 8 * 9;
        assert!(stats.held_bytes <= most, "up to {largest}: {} of {most}; {stats:?}", stats.held_bytes);
    }
}

on_each_backend!(freed_blocks_come_back_in_the_order_of_the_stream);
fn freed_blocks_come_back_in_the_order_of_the_stream<B: TestBackend>(open: Open<'_, B>) {
    for bytes in [100 << 10, 8 * MIB] {
        let device = open!(open);
        let data = Random::new(27).vec(elements(bytes));
        let mut copy: Buffer<u32, B> = Buffer::with_capacity(&device, "copy", data.len()).unwrap();
        let old: Buffer<u32, B> = Buffer::from_slice(&device, "old", &data).unwrap();
        device.synchronize().unwrap();
        let before = device.stats();
        B::occupy(&device, Duration::from_millis(50));
        // Before the copy has begun, the memory that it reads is dropped, taken again and filled.
        copy.copy_from(&old).unwrap();
        drop(old);
        let mut new: Buffer<u32, B> = Buffer::with_capacity(&device, "new", data.len()).unwrap();
        let after = device.stats();
        assert_eq!((after.reused, after.driver_calls), (before.reused + 1, before.driver_calls), "{bytes}");
        assert_eq!(after.held_bytes, before.held_bytes);
        new.resize(data.len()).unwrap();
        new.fill(3).unwrap();
        assert!(copy.download().unwrap() == data, "{bytes}");
        assert!(new.download().unwrap().iter().all(|element| *element == 3));
    }
}

on_each_backend!(blocks_freed_by_another_thread_are_used_again);
fn blocks_freed_by_another_thread_are_used_again<B: TestBackend>(open: Open<'_, B>) {
    for bytes in [5_000, 100 << 10, 3 * MIB] {
        let device = open!(open);
        let (send, receive) = mpsc::sync_channel::<Buffer<u8, B>>(4);
        // Caches keep 4 MiB of small blocks, and two large ones. Memory is used again only after this many
        // rounds.
        let warm = 2 * (4 << 20) / bytes + 20;
        std::thread::scope(|scope| {
            scope.spawn(move || receive.into_iter().for_each(drop));
            let mut held = 0;
            for round in 0..warm + 1_000 {
                send.send(Buffer::with_capacity(&device, "block", bytes).unwrap()).unwrap();
                if round == warm {
                    held = device.stats().held_bytes;
                }
            }
            drop(send);
            // At most six are alive. How many of them the consumer has not dropped yet is random.
            let large = 6 * bytes.next_multiple_of(UNIT) * usize::from(bytes > MIB);
            let chance = (6 * bytes).next_multiple_of(UNIT).max(large) as u64;
            let stats = device.stats();
            assert!(stats.held_bytes <= held + chance, "{bytes}: {held} before, {stats:?}");
        });
        assert_eq!(device.stats().live_bytes, 0);
    }
}
