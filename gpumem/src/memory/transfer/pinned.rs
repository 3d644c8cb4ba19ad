//! Pinned host memory for transfers, kept and used again.
//!
//! Pinning is slow (23 ms for 64 MiB on an H200's host), so blocks that come free are kept. They come in steps of an
//! eighth of a power of two, so that a buffer that grows a little finds a block again while at most an eighth is wasted.
//! Blocks are freed where a new one is pinned, which is slow anyway, and never in a drop or where an idle one is used again. Afterwards what is
//! idle is no more than what is in use, or [`KEEP`] where that is more. All of what was in use then can become idle later, and is kept
//! until a block is pinned again, or until [`Device::trim`](crate::Device::trim) or the lack of memory gives it back. So what is pinned
//! in all is at most twice the most that was ever in use at a time, or [`KEEP`] more than that where this is more.
//!
//! Idle blocks lie by their steps, so that finding one takes as long among a thousand as among two. Of several the one that came back
//! last is used, whose memory is most likely in the processor's caches, and the one that came back first is freed.

use crate::backend::{Backend, BackendOps};
use crate::error::{BufferLabel, Error};
use crate::memory::device_state::DeviceState;
use crate::memory::lock;
use std::collections::{BTreeMap, VecDeque};
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex};

/// Idle bytes that are kept in any case where a block is pinned.
const KEEP: usize = 64 << 20;

/// The idle blocks of a device.
pub(crate) struct PinnedPool<B: Backend> {
    state: Mutex<State<B>>,
}

struct State<B: Backend> {
    idle: Shelves<(B::Pinned, bool)>,
    idle_bytes: usize,
    used_bytes: usize,
}

/// A block of so many bytes, and whether all of them have been written.
type Idle<B> = (usize, <B as BackendOps>::Pinned, bool);

/// Idle things by their sizes, of which there are few.
struct Shelves<T> {
    /// Each with its number, the oldest first. A shelf stays when it is empty.
    shelves: BTreeMap<usize, VecDeque<(u64, T)>>,
    /// How many things were ever put there.
    count: u64,
}

impl<T> Shelves<T> {
    fn new() -> Self {
        Self { shelves: BTreeMap::new(), count: 0 }
    }

    fn put(&mut self, size: usize, thing: T) {
        self.count += 1;
        self.shelves.entry(size).or_default().push_back((self.count, thing));
    }

    /// Takes the newest of the smallest size from `least` to `most`.
    fn take(&mut self, least: usize, most: usize) -> Option<(usize, T)> {
        let fits = self.shelves.range_mut(least..=most);
        fits.map(|(size, shelf)| Some((*size, shelf.pop_back()?.1))).find_map(|taken| taken)
    }

    /// Takes the oldest of all.
    fn take_oldest(&mut self) -> Option<(usize, T)> {
        let oldest =
            |(_, shelf): &(&usize, &mut VecDeque<(u64, T)>)| shelf.front().map_or(u64::MAX, |first| first.0);
        let (size, shelf) = self.shelves.iter_mut().min_by_key(oldest)?;
        Some((*size, shelf.pop_front()?.1))
    }

    /// Takes all.
    fn drain(&mut self) -> impl Iterator<Item = (usize, T)> {
        let shelves = std::mem::take(&mut self.shelves);
        shelves.into_iter().flat_map(|(size, shelf)| shelf.into_iter().map(move |(_, thing)| (size, thing)))
    }
}

/// Pinned memory on loan from the pool. Dropping it gives it back, so it must not be dropped while a transfer uses it:
/// see [`InFlight`](crate::memory::InFlight).
pub(crate) struct PinnedBlock<B: Backend> {
    state: Arc<DeviceState<B>>,
    pinned: ManuallyDrop<B::Pinned>,
    bytes: usize,
    initialised: bool,
}

impl<B: Backend> PinnedPool<B> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { idle: Shelves::new(), idle_bytes: 0, used_bytes: 0 }) }
    }

    /// All idle blocks, for giving them back to the driver.
    pub(crate) fn drain(&self) -> Vec<(usize, B::Pinned)> {
        let mut state = lock(&self.state);
        state.idle_bytes = 0;
        state.idle.drain().map(|(size, (pinned, _))| (size, pinned)).collect()
    }

    /// An idle block that holds `bytes` and wastes at most as much again as its step does.
    fn reuse(&self, bytes: usize) -> Option<Idle<B>> {
        let mut state = lock(&self.state);
        let (size, (pinned, initialised)) = state.idle.take(bytes, bytes.saturating_add(bytes / 4))?;
        state.idle_bytes -= size;
        state.used_bytes += size;
        Some((size, pinned, initialised))
    }

    /// Notes `bytes` more in use, and takes out the oldest idle blocks that are now too much.
    fn grown(&self, bytes: usize) -> Vec<(usize, B::Pinned)> {
        let mut state = lock(&self.state);
        state.used_bytes += bytes;
        let mut surplus = Vec::new();
        while state.idle_bytes > KEEP.max(state.used_bytes) {
            let Some((size, (pinned, _))) = state.idle.take_oldest() else { break };
            state.idle_bytes -= size;
            surplus.push((size, pinned));
        }
        surplus
    }

    fn came_back(&self, bytes: usize, pinned: Option<(B::Pinned, bool)>) {
        let mut state = lock(&self.state);
        state.used_bytes -= bytes;
        if let Some((pinned, initialised)) = pinned {
            state.idle_bytes += bytes;
            state.idle.put(bytes, (pinned, initialised));
        }
    }
}

impl<B: Backend> PinnedBlock<B> {
    /// Takes at least `bytes` (above 0) from the pool, or pins them.
    ///
    /// TransferLanes that have ended are looked for only where the pool has no block: that takes a call of the driver for each, which
    /// is much where nothing is missing, and nothing beside pinning.
    pub(crate) fn take(state: &Arc<DeviceState<B>>, label: BufferLabel, bytes: usize) -> Result<Self, Error> {
        let bytes = step(bytes);
        let landed = || {
            state.land();
            state.pinned.reuse(bytes)
        };
        let (bytes, pinned, initialised) = match state.pinned.reuse(bytes).or_else(landed) {
            Some(block) => block,
            None => (bytes, Self::pin(state, label, bytes)?, false),
        };
        Ok(Self { state: state.clone(), pinned: ManuallyDrop::new(pinned), bytes, initialised })
    }

    fn pin(state: &Arc<DeviceState<B>>, label: BufferLabel, bytes: usize) -> Result<B::Pinned, Error> {
        let pinned = match state.backend.pin(bytes) {
            Err(fault) if fault.is_out_of_memory() => {
                // Give back what is kept, and try once more.
                state.sweep();
                state.unpin(state.pinned.drain());
                state.backend.pin(bytes)
            }
            other => other,
        };
        let pinned = pinned.map_err(|fault| {
            if !fault.is_out_of_memory() {
                return fault.into();
            }
            Error::OutOfPinnedMemory {
                buffer: label,
                requested: bytes as u64,
                pinned: state.ledger.counters.pinned_bytes(),
            }
        })?;
        state.ledger.counters.pinned(bytes as u64);
        state.unpin(state.pinned.grown(bytes));
        Ok(pinned)
    }

    pub(crate) fn raw(&self) -> &B::Pinned {
        &self.pinned
    }

    /// Makes all of the memory something that the host may read: zero, the first time. No transfer uses the block.
    pub(crate) fn initialise(&mut self) {
        if !self.initialised {
            // SAFETY: the block has so many bytes, and nobody else has it or uses it (rule 3).
            unsafe { self.address().write_bytes(0, self.bytes) };
            self.initialised = true;
        }
    }

    /// Where the host sees it.
    pub(crate) fn address(&self) -> *mut u8 {
        B::pinned_address(&self.pinned)
    }

    /// Gives the memory up for good: for when a transfer that may use it can no longer be waited for. The backend's handle is
    /// not dropped either, since it may be what keeps the memory valid.
    pub(crate) fn lose(self) {
        let this = ManuallyDrop::new(self);
        this.state.pinned.came_back(this.bytes, None);
        this.state.ledger.counters.lost(this.bytes as u64);
        crate::log_safely::safely(|| {
            log::error!(
                "gpumem: {} bytes of pinned memory are lost: their transfer cannot be waited for",
                this.bytes
            );
        });
        // SAFETY: `this` is never dropped, so its reference to the device state is read out once; it is dropped here
        // (Rust's contract).
        drop(unsafe { std::ptr::read(&raw const this.state) });
    }
}

impl<B: Backend> Drop for PinnedBlock<B> {
    fn drop(&mut self) {
        // SAFETY: `drop` runs once, and nothing reads the field after it (Rust's contract).
        let pinned = unsafe { ManuallyDrop::take(&mut self.pinned) };
        self.state.pinned.came_back(self.bytes, Some((pinned, self.initialised)));
        if Arc::strong_count(&self.state) == 1 {
            // A guard of a download that has outlived its device, or the last transfer: here the device ends,
            // which must not wait.
            self.state.clone().finish();
        }
    }
}

/// The next size up of which there are eight between two powers of two, and a page at least.
fn step(bytes: usize) -> usize {
    const PAGE: usize = 4096;
    if bytes <= PAGE {
        return PAGE;
    }
    let grain = (1_usize << ((bytes - 1).ilog2() - 3)).max(PAGE);
    bytes.checked_next_multiple_of(grain).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::{KEEP, PinnedBlock, Shelves, step};
    use crate::Device;
    use crate::error::BufferLabel;

    #[test]
    fn steps_waste_at_most_an_eighth() {
        assert_eq!((step(1), step(4096), step(4097)), (4096, 4096, 8192));
        assert_eq!(step(64 << 20), 64 << 20);
        for bytes in (32 << 10..1 << 22).step_by(4097) {
            let step = step(bytes);
            assert!(step >= bytes && step - bytes <= bytes / 8, "{bytes} -> {step}");
        }
        assert_eq!(step(usize::MAX), usize::MAX, "no overflow");
    }

    #[test]
    fn the_newest_of_the_smallest_is_taken_and_the_oldest_of_all_freed() {
        let mut shelves = Shelves::new();
        for (size, thing) in [(8, 'a'), (9, 'b'), (8, 'c'), (20, 'd'), (9, 'e')] {
            shelves.put(size, thing);
        }
        assert_eq!(shelves.take(21, usize::MAX), None, "none is so large");
        assert_eq!(shelves.take(10, 12), None, "20 would waste too much");
        assert_eq!(shelves.take(8, 10), Some((8, 'c')));
        assert_eq!(shelves.take(8, 10), Some((8, 'a')));
        assert_eq!(shelves.take(8, 10), Some((9, 'e')), "8 is empty");
        shelves.put(8, 'f');
        shelves.put(9, 'g');
        assert_eq!(shelves.take_oldest(), Some((9, 'b')));
        assert_eq!(shelves.take_oldest(), Some((20, 'd')));
        assert_eq!(shelves.drain().collect::<Vec<_>>(), [(8, 'f'), (9, 'g')]);
        assert_eq!((shelves.take_oldest(), shelves.take(0, usize::MAX)), (None, None));
    }

    #[test]
    fn idle_memory_is_at_most_what_is_used_or_a_little() {
        let device = Device::host();
        let label = BufferLabel { set: None, name: "pinned" };
        let take = |bytes| PinnedBlock::take(device.state(), label, bytes).unwrap();
        let pinned = || device.stats().pinned_bytes;
        let large = KEEP as u64 / 2;
        // Three that come back: more than is kept, but nothing is freed in a drop.
        drop([take(KEEP / 2), take(KEEP / 2), take(KEEP / 2)]);
        assert_eq!(pinned(), 3 * large);
        // They fit, so they are used again, and nothing is pinned.
        let again = [take(KEEP / 2), take(KEEP / 2 - 1)];
        assert_eq!(pinned(), 3 * large);
        drop(again);
        // None of them fits: one is pinned, and the oldest that are too much are freed.
        let small = take(4096);
        assert_eq!(pinned(), 2 * large + 4096);
        drop(small);
    }

    // What a transfer has left in flight is looked for before memory is pinned.
    #[test]
    fn memory_that_has_landed_is_used_before_more_is_pinned() {
        let device = Device::host();
        let state = device.state();
        let label = BufferLabel { set: None, name: "pinned" };
        for _ in 0..10 {
            let block = PinnedBlock::take(state, label, 4096).unwrap();
            let event =
                crate::backend::BackendOps::record(&*state.backend, state.compute.stream().raw()).unwrap();
            state.compute.launch(event, block);
            device.synchronize_stream(device.stream()).unwrap();
        }
        assert_eq!(device.stats().pinned_bytes, 4096);
    }
}
