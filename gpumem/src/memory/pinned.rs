//! Pinned host memory for transfers, kept and used again.
//!
//! Pinning is slow (23 ms for 64 MiB on an H200's host), so blocks that come free are kept. They come in steps of an
//! eighth of a power of two, so that a buffer that grows a little finds a block again while at most an eighth is wasted.
//! What is idle never exceeds what is in use, or [`KEEP`] where that is more: a buffer that once was large does not keep its
//! transfer memory for good. Blocks are freed where a new one is pinned, which is slow anyway, and never in a drop.

use super::core::Core;
use super::lock;
use crate::backend::{Backend, Driver, Fault};
use crate::error::{BufferLabel, Error};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex};

/// Idle bytes that are kept in any case.
const KEEP: usize = 64 << 20;

/// The idle blocks of a device.
pub(super) struct PinnedPool<B: Backend> {
    state: Mutex<State<B>>,
}

struct State<B: Backend> {
    /// Oldest first.
    idle: VecDeque<Idle<B>>,
    idle_bytes: usize,
    used_bytes: usize,
}

/// A block of so many bytes, and whether all of them have been written.
type Idle<B> = (usize, <B as Driver>::Pinned, bool);

/// Pinned memory on loan from the pool. Dropping it gives it back, so it must not be dropped while a transfer uses it:
/// see [`Flight`](super::Flight).
pub(crate) struct PinnedBlock<B: Backend> {
    core: Arc<Core<B>>,
    pinned: ManuallyDrop<B::Pinned>,
    bytes: usize,
    initialised: bool,
}

impl<B: Backend> PinnedPool<B> {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State { idle: VecDeque::new(), idle_bytes: 0, used_bytes: 0 }) }
    }

    /// All idle blocks, for giving them back to the driver.
    pub(super) fn drain(&self) -> Vec<(usize, B::Pinned)> {
        let mut state = lock(&self.state);
        state.idle_bytes = 0;
        state.idle.drain(..).map(|(size, pinned, _)| (size, pinned)).collect()
    }

    /// An idle block that holds `bytes` and wastes at most as much again as its step does.
    fn reuse(&self, bytes: usize) -> Option<Idle<B>> {
        let mut state = lock(&self.state);
        let fits = state
            .idle
            .iter()
            .enumerate()
            .filter(|(_, (size, ..))| (bytes..=bytes + bytes / 4).contains(size));
        let (index, _) = fits.min_by_key(|(_, (size, ..))| *size)?;
        let (size, pinned, initialised) = state.idle.remove(index)?;
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
            let Some((size, pinned, _)) = state.idle.pop_front() else { break };
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
            state.idle.push_back((bytes, pinned, initialised));
        }
    }
}

impl<B: Backend> PinnedBlock<B> {
    /// Takes at least `bytes` (above 0) from the pool, or pins them.
    pub(crate) fn take(core: &Arc<Core<B>>, label: BufferLabel, bytes: usize) -> Result<Self, Error> {
        let bytes = step(bytes);
        let (bytes, pinned, initialised) = match core.pinned.reuse(bytes) {
            Some(block) => block,
            None => (bytes, Self::pin(core, label, bytes)?, false),
        };
        Ok(Self { core: core.clone(), pinned: ManuallyDrop::new(pinned), bytes, initialised })
    }

    fn pin(core: &Arc<Core<B>>, label: BufferLabel, bytes: usize) -> Result<B::Pinned, Error> {
        let pinned = match core.backend.pin(bytes) {
            Err(Fault::OutOfMemory) => {
                // Give back what is kept, and try once more.
                core.sweep();
                core.unpin(core.pinned.drain());
                core.backend.pin(bytes)
            }
            other => other,
        };
        let pinned = pinned.map_err(|fault| match fault {
            Fault::OutOfMemory => Error::OutOfPinnedMemory {
                buffer: label,
                requested: bytes as u64,
                pinned: core.ledger.counters.pinned_bytes(),
            },
            fault => Error::from_fault::<B>(fault),
        })?;
        core.ledger.counters.pinned(bytes as u64);
        core.unpin(core.pinned.grown(bytes));
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
        this.core.pinned.came_back(this.bytes, None);
        this.core.ledger.counters.lost(this.bytes as u64);
        crate::log_safely::safely(|| {
            log::error!(
                "gpumem: {} bytes of pinned memory are lost: their transfer cannot be waited for",
                this.bytes
            );
        });
        // SAFETY: `this` is never dropped, so its reference to the core is read out once; it is dropped here.
        drop(unsafe { std::ptr::read(&raw const this.core) });
    }
}

impl<B: Backend> Drop for PinnedBlock<B> {
    fn drop(&mut self) {
        // SAFETY: `drop` runs once, and nothing reads the field after it.
        let pinned = unsafe { ManuallyDrop::take(&mut self.pinned) };
        self.core.pinned.came_back(self.bytes, Some((pinned, self.initialised)));
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
    use super::step;

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
}
