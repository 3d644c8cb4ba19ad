//! Requests for memory that are only added up: would they be served, one after the other?

use super::{AllocRequest, DevicePool, Figures};
use crate::backend::Backend;
use crate::error::Error;
use crate::label::BufferLabel;

/// Requests that were added up, beside what lives on the device. Nothing is taken for them.
pub(crate) struct Forecast<'a, B: Backend> {
    pool: &'a DevicePool<B>,
    /// Bytes that they take of the limit.
    charged: u64,
    /// Bytes of memory that they take: blocks with a segment of their own, and pieces of slabs.
    segments: u64,
    pieces: u64,
}

impl<'a, B: Backend> Forecast<'a, B> {
    /// A forecast without requests. What is free is made ready for blocks of any thread first.
    pub(crate) fn new(pool: &'a DevicePool<B>) -> Self {
        pool.gather();
        Self { pool, charged: 0, segments: 0, pieces: 0 }
    }

    /// Adds a request. Fails with the error that an allocation would give, if all requests before had got
    /// their memory. Its waits, and the pressure callback, are left out: dropped buffers that are still in
    /// use count as free.
    pub(crate) fn add(
        &mut self,
        label: &BufferLabel,
        bytes: usize,
        request: AllocRequest,
    ) -> Result<(), Error> {
        let (pool, requested) = (self.pool, bytes as u64);
        let Some(memory) = pool.memory_of(bytes, request) else {
            return Err(Error::SizeOverflow { buffer: label.clone(), elements: bytes, element_size: 1 });
        };
        let (figures, limit) = (pool.figures(), pool.budget.limit());
        let live = figures.live + self.charged;
        if requested > limit.saturating_sub(live) {
            let used = live + figures.retired;
            return Err(Error::DeviceLimit { buffer: label.clone(), requested, used, limit });
        }
        *(if request.is_small(bytes) { &mut self.pieces } else { &mut self.segments }) += memory;
        let free = pool.backend.memory_info()?.free;
        let available = free.unwrap_or(u64::MAX).saturating_add(figures.retired);
        if self.missing() > available {
            let figures = Figures { live, ..figures };
            return Err(figures.out_of_memory(label, requested, pool.free_pieces(), free));
        }
        self.charged += requested;
        Ok(())
    }

    /// Bytes that the driver would have to give.
    fn missing(&self) -> u64 {
        let (pieces, segments) = {
            let free = self.pool.free();
            (free.slabs.free_bytes().0, free.segments.bytes())
        };
        // A new slab has whole chunks.
        let slabs = self.pieces.saturating_sub(pieces).next_multiple_of(self.pool.unit() as u64);
        (self.segments + slabs).saturating_sub(segments)
    }
}
