//! What has been taken from the driver, and the calls that took it.
//!
//! All memory calls to the backend, but for pinned memory, are made here, so that they are counted: a program in its steady
//! state makes none, and [`DeviceStats::driver_calls`](crate::DeviceStats) shows it.

use super::small::size::{UNIT, whole};
use crate::backend::{Backend, BackendOps, Fault};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Addresses that are reserved freely: a share of the 128 TiB that processes and cards have.
const FREELY: u64 = 16 << 40;

/// Addresses for a segment without a `max`, once many are reserved: these, or four times its size.
const SPARINGLY: usize = 4 << 30;

/// The driver's side of a device's memory.
pub(crate) struct Physical {
    unit: usize,
    has_virtual: bool,
    /// What the device has in all, or as much as addresses can be reserved for.
    total: u64,
    held: AtomicU64,
    peak: AtomicU64,
    reserved: AtomicU64,
    calls: AtomicU64,
}

/// A chunk and its bytes.
type Chunk<B> = (<B as BackendOps>::Chunk, usize);

/// One piece of the driver's memory: a block, or a range of addresses with chunks mapped into its beginning.
pub(crate) struct Segment<B: Backend> {
    memory: B::Memory,
    /// Bytes of addresses.
    reserved: usize,
    /// Bytes of memory, from the start on.
    mapped: usize,
    /// What is mapped, in order; nothing in a plain block, all of which is there and stays.
    chunks: Vec<(B::Chunk, usize)>,
    plain: bool,
    /// A chunk could not be unmapped, so the addresses are never given back.
    spoiled: bool,
}

impl Physical {
    pub(crate) fn new<B: Backend>(backend: &B) -> Self {
        let unit = backend.granularity();
        let total = backend.memory_info().ok().and_then(|info| info.total);
        Self {
            unit: unit.unwrap_or(UNIT),
            has_virtual: unit.is_some(),
            total: total.unwrap_or(1 << 40),
            held: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    pub(crate) fn has_virtual(&self) -> bool {
        self.has_virtual
    }

    /// Bytes of memory that the device has in all, others' memory too.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// More bytes of addresses than these are of no use: the device has no more memory.
    pub(crate) fn most_addresses(&self) -> usize {
        let total = usize::try_from(self.total).unwrap_or(SPARINGLY);
        whole(total, self.unit).unwrap_or(SPARINGLY)
    }

    /// Bytes that a chunk is a multiple of.
    pub(crate) fn unit(&self) -> usize {
        self.unit
    }

    /// Bytes taken from the driver and not given back.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Relaxed)
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    fn call<R>(&self, call: impl FnOnce() -> R) -> R {
        self.calls.fetch_add(1, Relaxed);
        call()
    }

    fn hold(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        self.peak.fetch_max(held, Relaxed);
    }

    fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes as u64, Relaxed);
    }

    pub(crate) fn create_chunk<B: Backend>(&self, backend: &B, bytes: usize) -> Result<B::Chunk, Fault> {
        let chunk = self.call(|| backend.create_chunk(bytes))?;
        self.hold(bytes);
        Ok(chunk)
    }

    /// # Safety
    ///
    /// The chunk has as many bytes and is mapped nowhere (rule 2).
    pub(crate) unsafe fn release_chunk<B: Backend>(
        &self,
        backend: &B,
        (chunk, bytes): (B::Chunk, usize),
    ) -> Result<(), Fault> {
        self.let_go(bytes);
        // SAFETY: the caller's promise (rule 2).
        self.call(|| unsafe { backend.release_chunk(chunk) })
    }

    /// Addresses for `reserve` bytes (whole units), or for whatever the device could hold where that is none; for fewer where there
    /// are not as many, unless it must be `all` of them, but for `least` at least. Nothing is mapped.
    pub(crate) fn reserve<B: Backend>(
        &self,
        backend: &B,
        reserve: Option<usize>,
        least: usize,
        all: bool,
    ) -> Result<Segment<B>, Fault> {
        let sparing = SPARINGLY.max(least.saturating_mul(4)).min(self.most_addresses()).max(least);
        let generous =
            if self.reserved.load(Relaxed) < FREELY { self.most_addresses().max(least) } else { sparing };
        let first = reserve.unwrap_or(generous);
        let attempt =
            |reserved: usize| self.call(|| backend.reserve(reserved)).map(|memory| (memory, reserved));
        let mut result = attempt(first);
        for fewer in [sparing, least] {
            if !all && fewer < first && result.as_ref().is_err_and(Fault::is_out_of_memory) {
                result = attempt(fewer);
            }
        }
        let (memory, reserved) = result?;
        self.reserved.fetch_add(reserved as u64, Relaxed);
        Ok(Segment { memory, reserved, mapped: 0, chunks: Vec::new(), plain: false, spoiled: false })
    }

    /// A plain block, on a device without virtual memory.
    pub(crate) fn plain<B: Backend>(&self, backend: &B, bytes: usize) -> Result<Segment<B>, Fault> {
        let memory = self.call(|| backend.allocate(bytes))?;
        self.hold(bytes);
        Ok(Segment {
            memory,
            reserved: bytes,
            mapped: bytes,
            chunks: Vec::new(),
            plain: true,
            spoiled: false,
        })
    }
}

impl<B: Backend> Segment<B> {
    pub(crate) fn memory(&self) -> &B::Memory {
        &self.memory
    }

    /// Bytes of addresses that it can grow to without moving.
    pub(crate) fn reserved(&self) -> usize {
        self.reserved
    }

    /// Bytes that can be used.
    pub(crate) fn mapped(&self) -> usize {
        self.mapped
    }

    /// Whether it is a plain block, which is all there or gone.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// What would be left of it if whole chunks were stripped and at least `mapped` bytes were to stay.
    pub(crate) fn stripped_to(&self, mapped: usize) -> usize {
        let strip = |left: usize, (_, bytes): &(B::Chunk, usize)| {
            left.checked_sub(*bytes).filter(|less| *less >= mapped)
        };
        let mut left = self.mapped;
        for chunk in self.chunks.iter().rev() {
            match strip(left, chunk) {
                Some(less) => left = less,
                None => break,
            }
        }
        left
    }

    /// The size of the last chunk, if there is one that could be stripped.
    pub(crate) fn last_chunk(&self) -> Option<usize> {
        self.chunks.last().map(|(_, bytes)| *bytes)
    }

    /// Maps a chunk behind what is there. After a fault it is as it was, and the chunk comes back.
    pub(crate) fn extend(
        &mut self,
        backend: &B,
        physical: &Physical,
        (chunk, bytes): (B::Chunk, usize),
    ) -> Result<(), (Fault, (B::Chunk, usize))> {
        debug_assert!(!self.plain && self.mapped + bytes <= self.reserved);
        // GrowthPlan in the list first, so that nothing can fail between the call and its record.
        self.chunks.reserve(1);
        // SAFETY: the callers checked that there are as many addresses left; behind `mapped` nothing is mapped, and a chunk is
        // either in one segment's list or in nobody's (the driver's contract).
        match physical.call(|| unsafe { backend.map(&self.memory, self.mapped, &chunk, bytes) }) {
            Ok(()) => {
                self.chunks.push((chunk, bytes));
                self.mapped += bytes;
                Ok(())
            }
            Err(fault) => Err((fault, (chunk, bytes))),
        }
    }

    /// Unmaps the last chunk. After a fault the chunk is lost, and so is its place.
    ///
    /// # Safety
    ///
    /// Nothing that is queued or running touches the chunk (rule 2).
    pub(crate) unsafe fn strip(
        &mut self,
        backend: &B,
        physical: &Physical,
    ) -> Option<Result<Chunk<B>, (Fault, usize)>> {
        let (chunk, bytes) = self.chunks.pop()?;
        self.mapped -= bytes;
        // SAFETY: the list says what is mapped at the end; the rest is the caller's promise (rule 2).
        let unmapped = physical.call(|| unsafe { backend.unmap(&self.memory, self.mapped, &chunk, bytes) });
        Some(match unmapped {
            Ok(()) => Ok((chunk, bytes)),
            Err(fault) => {
                // Its addresses must not be mapped again.
                self.reserved = self.mapped;
                self.spoiled = true;
                physical.let_go(bytes);
                Err((fault, bytes))
            }
        })
    }

    /// Gives everything back to the driver. After a fault the rest is lost; tells how many bytes that is.
    ///
    /// # Safety
    ///
    /// Nothing that is queued or running touches the segment (rule 2).
    pub(crate) unsafe fn destroy(mut self, backend: &B, physical: &Physical) -> Result<(), (Fault, usize)> {
        if self.plain {
            physical.let_go(self.mapped);
            let Self { memory, mapped, .. } = self;
            // SAFETY: the caller's promise; the block is consumed (rule 2).
            return physical.call(|| unsafe { backend.free(memory) }).map_err(|fault| (fault, mapped));
        }
        // SAFETY: the caller's promise (rule 2).
        while let Some(stripped) = unsafe { self.strip(backend, physical) } {
            let lost = |fault, bytes: usize, rest: &Self| {
                physical.let_go(rest.mapped);
                (fault, bytes + rest.mapped)
            };
            let (chunk, bytes) = stripped.map_err(|(fault, bytes)| lost(fault, bytes, &self))?;
            // SAFETY: it was just unmapped from the one place where it was mapped (rule 2).
            unsafe { physical.release_chunk(backend, (chunk, bytes)) }
                .map_err(|fault| lost(fault, bytes, &self))?;
        }
        if self.spoiled {
            return Ok(());
        }
        let addresses = self.reserved;
        physical.reserved.fetch_sub(addresses as u64, Relaxed);
        // SAFETY: all that was mapped has been unmapped; the segment is consumed (rule 2).
        physical.call(|| unsafe { backend.unreserve(self.memory, addresses) }).map_err(|fault| (fault, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::reclaim::Settings;
    use super::super::small::slabs::AllocRequest;
    use crate::Host;
    use crate::error::BufferLabel;
    use crate::memory::device_state::DeviceState;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    // A slab of one unit was too small for the block, so another was made, for ever.
    #[test]
    fn units_smaller_than_a_pooled_block_will_do() {
        let mut state = DeviceState::new(Host::open(), Settings::new(8 << 20)).unwrap();
        Arc::get_mut(&mut state).unwrap().store.physical.unit = 64 << 10;
        let (send, ended) = mpsc::channel();
        let taker = state.clone();
        std::thread::spawn(move || {
            let label = BufferLabel { set: None, name: "block" };
            let block = taker.allocate(label, 1 << 20, AllocRequest::default()).unwrap();
            taker.retire(block);
            send.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(10)).expect("it never ends");
        assert_eq!(state.store.physical.held(), 1 << 20);
    }
}
