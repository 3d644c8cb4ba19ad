//! Streams of a device: the compute stream, those of the lanes, and those of the application.

use crate::backend::{Backend, Fault};
use crate::ledger::Listed;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A queue of work on a device: what is queued on it runs in order.
///
/// [`Device::stream`](crate::Device::stream) is the compute stream. Everything that writes buffers is queued
/// there, and a kernel that is launched there runs after what was queued before it and before what is queued
/// after it.
///
/// [`Device::create_stream`](crate::Device::create_stream) makes streams of the application's own, on which
/// kernels run beside the compute stream. The application declares which buffers it uses there: `launch_on`
/// does it for kernels on the host, and [`Buffer::use_on`](crate::Buffer::use_on) (for reading) and
/// [`Buffer::bind`](crate::Buffer::bind) do it on a card.
pub struct Stream<B: Backend> {
    raw: B::Stream,
    /// Tells the streams of a process apart.
    number: u64,
    /// The number of the device that the stream belongs to.
    device: u64,
    /// The line that made it, for a stream of the application's own.
    _listed: Option<Listed>,
}

impl<B: Backend> fmt::Debug for Stream<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("backend", &B::NAME)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl<B: Backend> Stream<B> {
    pub(crate) fn new(raw: B::Stream, device: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { raw, number: NEXT.fetch_add(1, Ordering::Relaxed), device, _listed: None }
    }

    /// The same for the application, which leak checks tell of it as long as it is open.
    pub(super) fn listed(self, listed: Listed) -> Self {
        Self { _listed: Some(listed), ..self }
    }

    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn raw(&self) -> &B::Stream {
        &self.raw
    }

    /// Keeps the calling thread until all work is done that is on the stream now.
    pub(crate) fn synchronize(&self, backend: &B) -> Result<(), Fault> {
        // An idle card takes some microseconds to reach an event that is recorded now.
        if backend.is_idle(&self.raw)? {
            return Ok(());
        }
        let end = backend.record(&self.raw)?;
        backend.synchronize(&end)
    }
}
