//! Memory that has been taken from the driver, and the calls that take it and give it back.
//!
//! All memory calls to the backend, except those for pinned memory, are made here, so that they are counted:
//! a program in its steady state makes none, and [`DeviceStats::driver_calls`](crate::DeviceStats) shows it.

use crate::backend::{Backend, BackendOps, Fault};
use crate::ledger::Stopwatch;
use crate::memory::losses::Losses;
use crate::timeline::Recorder;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bytes that chunks are multiples of, where the device does not say: CUDA's unit.
const UNIT: usize = 2 << 20;

/// Bytes of addresses that are reserved freely: a share of the 128 TiB that processes and cards have.
const FREELY: u64 = 16 << 40;

/// Bytes of addresses for a segment without a `max`, once many are reserved: these, or four times its size.
const SPARINGLY: usize = 4 << 30;

/// The driver's side of a device's memory.
pub(crate) struct PhysicalMemory<B: Backend> {
    backend: Arc<B>,
    losses: Arc<Losses>,
    recorder: Recorder,
    unit: usize,
    has_virtual: bool,
    /// Bytes that the device has in all, or as many as addresses can be reserved for.
    total: u64,
    held: AtomicU64,
    peak: AtomicU64,
    /// Bytes of addresses that were reserved and not given back.
    addresses: AtomicU64,
    calls: AtomicU64,
    time: Stopwatch,
}

/// A chunk and its bytes.
pub(crate) type Chunk<B> = (<B as BackendOps>::Chunk, usize);

/// One range of addresses with chunks mapped into its beginning, or one plain allocation.
pub(crate) struct Segment<B: Backend> {
    memory: B::Memory,
    /// Bytes of addresses.
    addresses: usize,
    /// Bytes of memory, from the start on.
    mapped: usize,
    /// The mapped chunks, in order; none in a plain allocation, all of which is there and stays.
    chunks: Vec<Chunk<B>>,
    plain: bool,
    /// A chunk could not be unmapped, so the addresses are never given back.
    unusable: bool,
}

impl<B: Backend> PhysicalMemory<B> {
    pub(crate) fn new(backend: &Arc<B>, losses: &Arc<Losses>, recorder: &Recorder) -> Self {
        let unit = backend.granularity();
        let total = backend.memory_info().ok().and_then(|info| info.total);
        Self {
            backend: backend.clone(),
            losses: losses.clone(),
            recorder: recorder.clone(),
            unit: unit.unwrap_or(UNIT),
            has_virtual: unit.is_some(),
            total: total.unwrap_or(1 << 40),
            held: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            addresses: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            time: Stopwatch::default(),
        }
    }

    pub(crate) fn has_virtual(&self) -> bool {
        self.has_virtual
    }

    /// Bytes of memory that the device has in all, including the memory of other programs.
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

    /// The time that threads have spent in these calls.
    pub(crate) fn time(&self) -> Duration {
        self.time.total()
    }

    /// Sets the peak to the bytes that are held now.
    pub(crate) fn reset_peak(&self) {
        self.peak.store(self.held(), Relaxed);
    }

    fn call<R>(&self, call: impl FnOnce(&B) -> R) -> R {
        self.calls.fetch_add(1, Relaxed);
        self.time.time(|| call(&self.backend))
    }

    fn hold(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        self.peak.fetch_max(held, Relaxed);
    }

    fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes as u64, Relaxed);
    }

    fn lost(&self, bytes: usize, fault: Fault) {
        self.losses.note(bytes, "device memory", fault);
    }

    pub(crate) fn create_chunk(&self, bytes: usize) -> Result<Chunk<B>, Fault> {
        let chunk = self.call(|backend| backend.create_chunk(bytes))?;
        self.hold(bytes);
        Ok((chunk, bytes))
    }

    /// Gives chunks back to the driver. A chunk that it does not take back is noted as lost.
    ///
    /// # Safety
    ///
    /// Each chunk has as many bytes and is mapped nowhere (rule 2).
    pub(crate) unsafe fn release(&self, chunks: impl IntoIterator<Item = Chunk<B>>) {
        for (chunk, bytes) in chunks {
            self.let_go(bytes);
            // SAFETY: the caller's promise (rule 2).
            if let Err(fault) = self.call(|backend| unsafe { backend.release_chunk(chunk) }) {
                self.lost(bytes, fault);
            }
        }
    }

    /// Reserves addresses, for `wanted` bytes (whole units), or without that for as many as the device could
    /// hold. Where there are not as many, it reserves fewer, `least` at least; unless the caller needs `all`
    /// of them. No memory is mapped.
    pub(crate) fn reserve_addresses(
        &self,
        wanted: Option<usize>,
        least: usize,
        all: bool,
    ) -> Result<Segment<B>, Fault> {
        let sparing = SPARINGLY.max(least.saturating_mul(4)).min(self.most_addresses()).max(least);
        let generous =
            if self.addresses.load(Relaxed) < FREELY { self.most_addresses().max(least) } else { sparing };
        let first = wanted.unwrap_or(generous);
        let attempt = |addresses: usize| {
            self.call(|backend| backend.reserve(addresses)).map(|memory| (memory, addresses))
        };
        let mut result = attempt(first);
        for fewer in [sparing, least] {
            if !all && fewer < first && result.as_ref().is_err_and(Fault::is_out_of_memory) {
                result = attempt(fewer);
            }
        }
        let (memory, addresses) = result?;
        self.addresses.fetch_add(addresses as u64, Relaxed);
        Ok(Segment { memory, addresses, mapped: 0, chunks: Vec::new(), plain: false, unusable: false })
    }

    /// Makes a plain allocation: on a device without virtual memory, and where no more addresses can be had.
    pub(crate) fn plain(&self, bytes: usize) -> Result<Segment<B>, Fault> {
        let memory = self.call(|backend| backend.allocate(bytes))?;
        self.hold(bytes);
        self.recorder.mapped(B::address_of(&memory), 0, bytes, bytes);
        Ok(Segment {
            memory,
            addresses: bytes,
            mapped: bytes,
            chunks: Vec::new(),
            plain: true,
            unusable: false,
        })
    }

    /// Gives a segment back to the driver. Memory that the driver does not take back is noted as lost.
    /// Returns the segment's bytes.
    ///
    /// # Safety
    ///
    /// Nothing that is queued or running touches the segment (rule 2).
    #[allow(clippy::boxed_local)] // every segment comes in the box that it is stored in
    pub(crate) unsafe fn destroy(&self, segment: Box<Segment<B>>) -> u64 {
        let bytes = segment.mapped as u64;
        // SAFETY: the caller's promise (rule 2).
        if let Err((fault, lost)) = unsafe { segment.destroy(self) } {
            self.lost(lost, fault);
        }
        bytes
    }

    /// Unmaps whole chunks at the end of a segment until `mapped` bytes are left, or a little more, and gives
    /// them back.
    ///
    /// # Safety
    ///
    /// Nothing that is queued or running touches the segment (rule 2).
    pub(crate) unsafe fn strip_to(&self, segment: &mut Segment<B>, mapped: usize) {
        while segment.last_chunk().is_some_and(|last| segment.mapped - last >= mapped) {
            // SAFETY: the caller's promise (rule 2).
            let Some(chunk) = (unsafe { self.strip(segment) }) else { break };
            // SAFETY: it was just unmapped from the one place where it was mapped (rule 2).
            unsafe { self.release(chunk) };
        }
    }

    /// Unmaps the last chunk of a segment, if it has one. The chunk is `None` where the driver failed to;
    /// then it is noted as lost.
    ///
    /// # Safety
    ///
    /// Nothing that is queued or running touches the chunk (rule 2).
    pub(crate) unsafe fn strip(&self, segment: &mut Segment<B>) -> Option<Option<Chunk<B>>> {
        // SAFETY: the caller's promise (rule 2).
        Some(match unsafe { segment.strip(self) }? {
            Ok(chunk) => Some(chunk),
            Err((fault, bytes)) => {
                self.lost(bytes, fault);
                None
            }
        })
    }
}

impl<B: Backend> Segment<B> {
    pub(crate) fn memory(&self) -> &B::Memory {
        &self.memory
    }

    /// Bytes of addresses that it can grow to without moving.
    pub(crate) fn addresses(&self) -> usize {
        self.addresses
    }

    /// Bytes that can be used.
    pub(crate) fn mapped(&self) -> usize {
        self.mapped
    }

    /// Whether it is a plain allocation, all of which is given back at once.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Bytes that would be left if whole chunks were stripped and at least `mapped` bytes were to stay.
    pub(crate) fn stripped_to(&self, mapped: usize) -> usize {
        let strip =
            |left: usize, (_, bytes): &Chunk<B>| left.checked_sub(*bytes).filter(|less| *less >= mapped);
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

    /// Tells the timeline that so much was mapped before.
    fn record(&self, physical: &PhysicalMemory<B>, before: usize) {
        physical.recorder.mapped(B::address_of(&self.memory), before, self.mapped, self.addresses);
    }

    /// Maps a chunk after the mapped memory. After a fault the segment is as it was, and the chunk comes
    /// back.
    pub(crate) fn extend(
        &mut self,
        physical: &PhysicalMemory<B>,
        (chunk, bytes): Chunk<B>,
    ) -> Result<(), (Fault, Chunk<B>)> {
        debug_assert!(!self.plain && self.mapped + bytes <= self.addresses);
        // Room in the list first, so that nothing can fail between the call and its record.
        self.chunks.reserve(1);
        // SAFETY: the callers checked that there are as many addresses left; after `mapped` nothing is
        // mapped, and a chunk is in one segment's list at most (the driver's contract).
        match physical.call(|backend| unsafe { backend.map(&self.memory, self.mapped, &chunk, bytes) }) {
            Ok(()) => {
                self.chunks.push((chunk, bytes));
                self.mapped += bytes;
                self.record(physical, self.mapped - bytes);
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
    unsafe fn strip(&mut self, physical: &PhysicalMemory<B>) -> Option<Result<Chunk<B>, (Fault, usize)>> {
        let (chunk, bytes) = self.chunks.pop()?;
        self.mapped -= bytes;
        // First: another thread may get the addresses when they are given back.
        self.record(physical, self.mapped + bytes);
        let unmapped =
            // SAFETY: the list says what is mapped at the end; the rest is the caller's promise (rule 2).
            physical.call(|backend| unsafe { backend.unmap(&self.memory, self.mapped, &chunk, bytes) });
        Some(match unmapped {
            Ok(()) => Ok((chunk, bytes)),
            Err(fault) => {
                // Its addresses must not be mapped again.
                self.addresses = self.mapped;
                self.unusable = true;
                physical.let_go(bytes);
                Err((fault, bytes))
            }
        })
    }

    /// Gives everything back to the driver. After a fault the rest is lost; returns how many bytes that is.
    ///
    /// # Safety
    ///
    /// Nothing that is queued or running touches the segment (rule 2).
    unsafe fn destroy(mut self, physical: &PhysicalMemory<B>) -> Result<(), (Fault, usize)> {
        if self.plain {
            physical.let_go(self.mapped);
            physical.recorder.mapped(B::address_of(&self.memory), self.mapped, 0, self.addresses);
            let Self { memory, mapped, .. } = self;
            // SAFETY: the caller's promise; the allocation is consumed (rule 2).
            let freed = physical.call(|backend| unsafe { backend.free(memory) });
            return freed.map_err(|fault| (fault, mapped));
        }
        // SAFETY: the caller's promise (rule 2).
        while let Some(stripped) = unsafe { self.strip(physical) } {
            let lost = |fault, bytes: usize, rest: &Self| {
                physical.let_go(rest.mapped);
                (fault, bytes + rest.mapped)
            };
            let (chunk, bytes) = stripped.map_err(|(fault, bytes)| lost(fault, bytes, &self))?;
            physical.let_go(bytes);
            // SAFETY: it was just unmapped from the one place where it was mapped (rule 2).
            let released = physical.call(|backend| unsafe { backend.release_chunk(chunk) });
            released.map_err(|fault| lost(fault, bytes, &self))?;
        }
        if self.unusable {
            return Ok(());
        }
        let addresses = self.addresses;
        physical.addresses.fetch_sub(addresses as u64, Relaxed);
        // SAFETY: all that was mapped has been unmapped; the segment is consumed (rule 2).
        let freed = physical.call(|backend| unsafe { backend.unreserve(self.memory, addresses) });
        freed.map_err(|fault| (fault, 0))
    }
}

/// Whole units that hold `bytes`, in bytes; none when no address range could.
pub(crate) fn whole(bytes: usize, unit: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(unit).filter(|bytes| isize::try_from(*bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use crate::Host;
    use crate::label::BufferLabel;
    use crate::memory::{AllocRequest, DeviceState, Settings};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    // A slab of one unit was too small for the block, so another was made, for ever.
    #[test]
    fn units_smaller_than_a_small_block_will_do() {
        let mut state = DeviceState::new(Host::open(), Settings::new(8 << 20)).unwrap();
        Arc::get_mut(&mut state).unwrap().pool.physical.unit = 64 << 10;
        let (send, ended) = mpsc::channel();
        let taker = state.clone();
        std::thread::spawn(move || {
            let label = BufferLabel::literal("block");
            let block = taker.allocate(&label, 1 << 20, AllocRequest::default()).unwrap();
            taker.pool.give_back(block);
            send.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(10)).expect("it never ends");
        assert_eq!(state.pool.physical.held(), 1 << 20);
    }
}
