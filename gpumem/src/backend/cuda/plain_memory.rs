//! Device memory in blocks, taken from the driver without a wait for kernels.
//!
//! `cuMemFree` waits for every kernel that runs in the process (500 ms after a kernel of 500 ms, measured on
//! an H200). The stream-ordered calls do not, so they are used on every device that has them. They go to a
//! stream with no other work on it, and the calling thread waits for that stream at once. So a block can be
//! used on every stream when [`PlainMemory::allocate`] returns, and its memory is the device's again when
//! [`PlainMemory::free`] returns. Each takes some 70 to 130 us.
//!
//! The blocks come from a memory pool of this crate's own. The device's default pool belongs to the whole
//! process: another library may have set how much it retains, and memory that this crate frees could then
//! stay there.

use super::context::Context;
use super::driver::{
    self, ALLOCATION_PINNED, ATTRIBUTE_MEMORY_POOLS_SUPPORTED, DeviceAddress, LOCATION_DEVICE, Location,
    PoolHandle, PoolProperties,
};
use super::error::{check, check_memory, log_failure};
use super::stream::Stream;
use crate::backend::Fault;
use std::ptr;
use std::sync::Arc;

/// The source of blocks.
#[derive(Debug)]
pub(super) struct PlainMemory {
    context: Arc<Context>,
    /// None on a device without stream-ordered memory.
    pool: Option<MemPool>,
}

/// A memory pool of the driver's, and the stream on which its memory is taken and freed.
#[derive(Debug)]
struct MemPool {
    handle: PoolHandle,
    stream: Stream,
}

impl MemPool {
    fn create(context: &Arc<Context>) -> Result<Self, Fault> {
        let stream = Stream::create(context)?;
        let _current = context.enter()?;
        let mut handle = PoolHandle::NULL;
        let properties = PoolProperties {
            kind: ALLOCATION_PINNED,
            requested_handle_types: 0,
            location: Location { kind: LOCATION_DEVICE, id: context.device() },
            win32_security_attributes: ptr::null_mut(),
            reserved: [0; 64],
        };
        // SAFETY: both pointers are valid for the call, and the properties are filled in. By default such a
        // pool retains nothing when a thread has waited for its stream (the driver's contract).
        check("cuMemPoolCreate", unsafe { driver::cuMemPoolCreate(&raw mut handle, &raw const properties) })?;
        Ok(Self { handle, stream })
    }
}

impl Drop for MemPool {
    /// Does not wait. Memory that was not freed, after a failure for example, keeps the pool until the
    /// context ends.
    fn drop(&mut self) {
        let Ok(_current) = self.stream.context().enter() else { return };
        // SAFETY: made in `create`, and destroyed once (the driver's contract).
        let answer = unsafe { driver::cuMemPoolDestroy(self.handle) };
        log_failure("cuMemPoolDestroy", answer);
    }
}

impl PlainMemory {
    pub(super) fn open(context: &Arc<Context>) -> Result<Self, Fault> {
        let has_pools = context.attribute(ATTRIBUTE_MEMORY_POOLS_SUPPORTED)? != 0;
        let pool = has_pools.then(|| MemPool::create(context)).transpose()?;
        Ok(Self { context: Arc::clone(context), pool })
    }

    /// Takes `bytes`, aligned to at least 256.
    pub(super) fn allocate(&self, bytes: usize) -> Result<DeviceAddress, Fault> {
        let _current = self.context.enter()?;
        let mut address: DeviceAddress = 0;
        let Some(MemPool { handle, stream }) = &self.pool else {
            // SAFETY: the pointer is valid for a write, and the context is current (the driver's contract).
            check_memory("cuMemAlloc", unsafe { driver::cuMemAlloc_v2(&raw mut address, bytes) })?;
            return Ok(address);
        };
        // SAFETY: as above; pool and stream are alive (the driver's contract).
        check_memory("cuMemAllocFromPoolAsync", unsafe {
            driver::cuMemAllocFromPoolAsync(&raw mut address, bytes, *handle, stream.handle())
        })?;
        if let Err(fault) = stream.synchronize() {
            // SAFETY: the block was not returned, so nothing uses it (rule 2); the context is current.
            let answer = unsafe { driver::cuMemFreeAsync(address, stream.handle()) };
            log_failure("cuMemFreeAsync", answer);
            return Err(fault);
        }
        Ok(address)
    }

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// The address came from [`Self::allocate`] of this value and was not given back, and nothing uses the
    /// block any more (rule 2).
    pub(super) unsafe fn free(&self, address: DeviceAddress) -> Result<(), Fault> {
        let _current = self.context.enter()?;
        let Some(MemPool { stream, .. }) = &self.pool else {
            // SAFETY: the caller's part (rule 2: freeing waits for pending uses); the context is current.
            return check("cuMemFree", unsafe { driver::cuMemFree_v2(address) });
        };
        // SAFETY: as above; since every use has ended, any stream is late enough (rule 2).
        check("cuMemFreeAsync", unsafe { driver::cuMemFreeAsync(address, stream.handle()) })?;
        // The driver takes freed memory back when a thread waits for the stream.
        stream.synchronize()
    }
}
