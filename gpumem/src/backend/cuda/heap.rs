//! Device memory, taken from the driver without waiting for kernels.
//!
//! `cuMemFree` waits for every kernel that runs in the process (500 ms behind a kernel of 500 ms, measured on an H200). The
//! stream-ordered calls do not, so they are used where the device has them: on a stream on which nothing else is ever
//! queued, and that stream is waited for at once. A block can then be used on every stream when [`Heap::allocate`] returns, and its
//! memory is the device's again when [`Heap::free`] does; each costs some 70 to 130 us.

use super::context::Context;
use super::driver::{self, ATTRIBUTE_MEMORY_POOLS_SUPPORTED, DeviceAddress};
use super::error::check;
use super::stream::Stream;
use crate::backend::Fault;
use std::sync::Arc;

/// Where blocks come from and go back to.
#[derive(Debug)]
pub(super) struct Heap {
    context: Arc<Context>,
    /// None where the device has no stream-ordered memory.
    stream: Option<Stream>,
}

impl Heap {
    pub(super) fn open(context: &Arc<Context>) -> Result<Self, Fault> {
        let ordered = context.attribute(ATTRIBUTE_MEMORY_POOLS_SUPPORTED)? != 0;
        let stream = if ordered { Some(Stream::create(context)?) } else { None };
        Ok(Self { context: Arc::clone(context), stream })
    }

    /// Takes `bytes`, aligned to at least 256.
    pub(super) fn allocate(&self, bytes: usize) -> Result<DeviceAddress, Fault> {
        let _bound = self.context.bind()?;
        let mut address: DeviceAddress = 0;
        let Some(stream) = &self.stream else {
            // SAFETY: the pointer is valid for a write, and the context is current.
            check("cuMemAlloc", unsafe { driver::cuMemAlloc_v2(&raw mut address, bytes) })?;
            return Ok(address);
        };
        // SAFETY: as above; the stream is alive.
        check("cuMemAllocAsync", unsafe {
            driver::cuMemAllocAsync(&raw mut address, bytes, stream.handle())
        })?;
        stream.synchronize()?;
        Ok(address)
    }

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// The address came from [`Self::allocate`] of this heap and was not given back, and nothing uses the block any more.
    pub(super) unsafe fn free(&self, address: DeviceAddress) -> Result<(), Fault> {
        let _bound = self.context.bind()?;
        let Some(stream) = &self.stream else {
            // SAFETY: the caller's part (rule 2: freeing waits for pending uses); the context is current.
            return check("cuMemFree", unsafe { driver::cuMemFree_v2(address) });
        };
        // SAFETY: as above; since every use has ended, any stream is late enough.
        check("cuMemFreeAsync", unsafe { driver::cuMemFreeAsync(address, stream.handle()) })?;
        // The driver takes freed memory back when the stream is waited for next.
        stream.synchronize()
    }
}
