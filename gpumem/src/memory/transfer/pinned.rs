//! Pinned host memory for transfers, kept and used again.
//!
//! Pinning is slow (23 ms for 64 MiB on an H200's host), so the pool retains blocks that come free. Sizes are
//! steps of an eighth of a power of two, so that a buffer that grows a little finds a block again while at
//! most an eighth is wasted. Blocks are freed where a new one is pinned, which is slow anyway, and never in a
//! drop or where an idle one is used again. Afterwards the idle bytes are no more than the bytes in use, or
//! [`RETAINED`] where that is more. All blocks that were in use then can become idle later, and stay until a
//! block is pinned again, or until [`Device::trim`](crate::Device::trim) or the lack of memory gives them
//! back. So the pinned bytes are at most twice the most that were ever in use at the same time, or
//! [`RETAINED`] more than that where this is more.
//!
//! Idle blocks are sorted by their steps, so that finding one takes as long among a thousand as among two. Of
//! several the one that came back last is used, whose memory is most likely in the processor's caches, and
//! the one that came back first is freed.

use crate::backend::{Backend, BackendOps};
use crate::ledger::Counters;
use crate::log_safely::event;
use crate::memory::locks::lock;
use crate::memory::losses::Losses;
use std::collections::{BTreeMap, VecDeque};
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex};

/// Idle bytes that are retained in any case where a block is pinned.
const RETAINED: usize = 64 << 20;

/// The idle blocks of a device.
pub(crate) struct PinnedPool<B: Backend> {
    blocks: Mutex<Blocks<B>>,
}

struct Blocks<B: Backend> {
    idle: Shelves<(B::Pinned, bool)>,
    idle_bytes: usize,
    used_bytes: usize,
}

/// Idle blocks that are to be given back to the driver: the bytes of each, and its handle.
pub(crate) type Surplus<B> = Vec<(usize, <B as BackendOps>::Pinned)>;

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

/// Pinned memory on loan from the pool. Dropping it gives it back, so it must not be dropped while a transfer
/// uses it: see [`InFlight`](crate::memory::InFlight).
pub(crate) struct PinnedBlock<B: Backend> {
    owner: Arc<dyn PinnedOwner<B>>,
    pinned: ManuallyDrop<B::Pinned>,
    bytes: usize,
    initialised: bool,
}

impl<B: Backend> PinnedPool<B> {
    pub(crate) fn new() -> Self {
        Self { blocks: Mutex::new(Blocks { idle: Shelves::new(), idle_bytes: 0, used_bytes: 0 }) }
    }

    /// All idle blocks, for giving them back to the driver.
    pub(crate) fn drain(&self) -> Surplus<B> {
        let mut blocks = lock(&self.blocks);
        blocks.idle_bytes = 0;
        blocks.idle.drain().map(|(size, (pinned, _))| (size, pinned)).collect()
    }

    /// An idle block that holds `bytes` and wastes at most as much again as its step does.
    fn reuse(&self, bytes: usize) -> Option<Idle<B>> {
        let mut blocks = lock(&self.blocks);
        let (size, (pinned, initialised)) = blocks.idle.take(bytes, bytes.saturating_add(bytes / 4))?;
        blocks.idle_bytes -= size;
        blocks.used_bytes += size;
        Some((size, pinned, initialised))
    }

    /// Notes `bytes` more in use, and takes out the oldest idle blocks that are now too much.
    fn grown(&self, bytes: usize) -> Surplus<B> {
        let mut blocks = lock(&self.blocks);
        blocks.used_bytes += bytes;
        let mut surplus = Vec::new();
        while blocks.idle_bytes > RETAINED.max(blocks.used_bytes) {
            let Some((size, (pinned, _))) = blocks.idle.take_oldest() else { break };
            blocks.idle_bytes -= size;
            surplus.push((size, pinned));
        }
        surplus
    }

    fn came_back(&self, bytes: usize, pinned: Option<(B::Pinned, bool)>) {
        let mut blocks = lock(&self.blocks);
        blocks.used_bytes -= bytes;
        if let Some((pinned, initialised)) = pinned {
            blocks.idle_bytes += bytes;
            blocks.idle.put(bytes, (pinned, initialised));
        }
    }
}

/// The device that pinned memory belongs to, and that stays open as long as its pinned memory is in use.
pub(crate) trait PinnedOwner<B: Backend>: Send + Sync {
    fn pinned_pool(&self) -> &PinnedPool<B>;

    fn counters(&self) -> &Counters;

    fn losses(&self) -> &Losses;

    /// Ends the device, without waiting. The last reference but the caller's own is `self`.
    fn finish(self: Arc<Self>);
}

impl<B: Backend> PinnedBlock<B> {
    /// An idle block of `owner`'s pool, for at least `bytes`.
    pub(crate) fn reuse(owner: Arc<dyn PinnedOwner<B>>, bytes: usize) -> Option<Self> {
        let (bytes, pinned, initialised) = owner.pinned_pool().reuse(step(bytes))?;
        Some(Self { owner, pinned: ManuallyDrop::new(pinned), bytes, initialised })
    }

    /// A new block of `owner`: `pin` pins so many bytes, at least `bytes`. Returns idle blocks that are now
    /// too much as well.
    pub(crate) fn pin<E>(
        owner: Arc<dyn PinnedOwner<B>>,
        bytes: usize,
        pin: impl FnOnce(usize) -> Result<B::Pinned, E>,
    ) -> Result<(Self, Surplus<B>), E> {
        let bytes = step(bytes);
        let pinned = pin(bytes)?;
        let surplus = owner.pinned_pool().grown(bytes);
        Ok((Self { owner, pinned: ManuallyDrop::new(pinned), bytes, initialised: false }, surplus))
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn raw(&self) -> &B::Pinned {
        &self.pinned
    }

    /// The totals of its device.
    pub(super) fn counters(&self) -> &Counters {
        self.owner.counters()
    }

    /// Makes all of the memory something that the host may read: zero, the first time. No transfer uses the
    /// block.
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

    /// Gives the memory up for good: for when a transfer that may use it can no longer be waited for. The
    /// backend's handle is not dropped either, since it may be what keeps the memory valid.
    pub(crate) fn lose(self) {
        let this = ManuallyDrop::new(self);
        this.owner.pinned_pool().came_back(this.bytes, None);
        this.owner.losses().count(this.bytes);
        let bytes = this.bytes;
        event!(
            ERROR,
            "lost",
            bytes,
            "{bytes} bytes of pinned memory are lost: their transfer cannot be waited for"
        );
        // SAFETY: `this` is never dropped, so its reference to the owner is read out once; it is dropped here
        // (Rust's contract).
        drop(unsafe { std::ptr::read(&raw const this.owner) });
    }
}

impl<B: Backend> Drop for PinnedBlock<B> {
    fn drop(&mut self) {
        // SAFETY: `drop` runs once, and nothing reads the field after it (Rust's contract).
        let pinned = unsafe { ManuallyDrop::take(&mut self.pinned) };
        self.owner.pinned_pool().came_back(self.bytes, Some((pinned, self.initialised)));
        if Arc::strong_count(&self.owner) == 1 {
            // A guard of a download that has outlived its device, or the last transfer: here the device ends,
            // which must not wait.
            Arc::clone(&self.owner).finish();
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
    use super::{RETAINED, Shelves, step};
    use crate::Device;
    use crate::label::BufferLabel;

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
        let label = BufferLabel::literal("pinned");
        let take = |bytes| device.state().take_pinned(&label, bytes).unwrap();
        let pinned = || device.stats().pinned_bytes;
        let large = RETAINED as u64 / 2;
        // Three that come back: more than is kept, but nothing is freed in a drop.
        drop([take(RETAINED / 2), take(RETAINED / 2), take(RETAINED / 2)]);
        assert_eq!(pinned(), 3 * large);
        // They fit, so they are used again, and nothing is pinned.
        let again = [take(RETAINED / 2), take(RETAINED / 2 - 1)];
        assert_eq!(pinned(), 3 * large);
        drop(again);
        // None of them fits: one is pinned, and the oldest that are too much are freed.
        let small = take(4096);
        assert_eq!(pinned(), 2 * large + 4096);
        drop(small);
    }

    // What a transfer has left in flight is looked for before memory is pinned.
    #[test]
    fn memory_of_ended_transfers_is_used_before_more_is_pinned() {
        let device = Device::host();
        let state = device.state();
        let label = BufferLabel::literal("pinned");
        for _ in 0..10 {
            let block = state.take_pinned(&label, 4096).unwrap();
            let event =
                crate::backend::BackendOps::record(&*state.backend, state.lanes.compute.stream().raw())
                    .unwrap();
            state.lanes.compute.hold(event, block);
            device.synchronize_stream(device.stream()).unwrap();
        }
        assert_eq!(device.stats().pinned_bytes, 4096);
    }
}
