//! Device memory, taken from the driver without waiting for kernels.
//!
//! `cuMemFree` waits for every kernel that runs in the process (500 ms behind a kernel of 500 ms, measured on an H200). The
//! stream-ordered calls do not, so they are used where the device has them: on a stream on which nothing else is ever
//! queued, and that stream is waited for at once. A block can then be used on every stream when [`Heap::allocate`] returns, and its
//! memory is the device's again when [`Heap::free`] does; each costs some 70 to 130 us.
//!
//! They come from a pool of the heap's own. The device's default pool belongs to all of the process: how much
//! it keeps is what another library has set last, and what this one gives back might then stay there.

use super::context::{Context, log_failure};
use super::driver::{
    self, ALLOCATION_PINNED, ATTRIBUTE_MEMORY_POOLS_SUPPORTED, DeviceAddress, LOCATION_DEVICE, Location,
    PoolHandle, PoolProperties,
};
use super::error::{check, check_memory};
use super::stream::Stream;
use crate::backend::Fault;
use std::ptr;
use std::sync::Arc;

/// Where blocks come from and go back to.
#[derive(Debug)]
pub(super) struct Heap {
    context: Arc<Context>,
    /// None where the device has no stream-ordered memory.
    ordered: Option<Ordered>,
}

/// Stream-ordered memory.
#[derive(Debug)]
struct Ordered {
    pool: PoolHandle,
    stream: Stream,
}

impl Ordered {
    fn open(context: &Arc<Context>) -> Result<Self, Fault> {
        let stream = Stream::create(context)?;
        let _bound = context.bind()?;
        let mut pool = PoolHandle::NULL;
        let properties = PoolProperties {
            kind: ALLOCATION_PINNED,
            requested_handle_types: 0,
            location: Location { kind: LOCATION_DEVICE, id: context.device() },
            win32_security_attributes: ptr::null_mut(),
            reserved: [0; 64],
        };
        // SAFETY: both pointers are valid for the call, and the properties are filled in. By default such a
        // pool keeps nothing when its stream is waited for (the driver's contract).
        check("cuMemPoolCreate", unsafe { driver::cuMemPoolCreate(&raw mut pool, &raw const properties) })?;
        Ok(Self { pool, stream })
    }
}

impl Drop for Ordered {
    /// Does not wait: memory that was not given back, as after a failure, keeps the pool until the context
    /// ends.
    fn drop(&mut self) {
        let Ok(_bound) = self.stream.context().bind() else { return };
        // SAFETY: made in `open`, and destroyed once (the driver's contract).
        let answer = unsafe { driver::cuMemPoolDestroy(self.pool) };
        log_failure("cuMemPoolDestroy", answer);
    }
}

impl Heap {
    pub(super) fn open(context: &Arc<Context>) -> Result<Self, Fault> {
        let ordered = context.attribute(ATTRIBUTE_MEMORY_POOLS_SUPPORTED)? != 0;
        let ordered = ordered.then(|| Ordered::open(context)).transpose()?;
        Ok(Self { context: Arc::clone(context), ordered })
    }

    /// Takes `bytes`, aligned to at least 256.
    pub(super) fn allocate(&self, bytes: usize) -> Result<DeviceAddress, Fault> {
        let _bound = self.context.bind()?;
        let mut address: DeviceAddress = 0;
        let Some(Ordered { pool, stream }) = &self.ordered else {
            // SAFETY: the pointer is valid for a write, and the context is current (the driver's contract).
            check_memory("cuMemAlloc", unsafe { driver::cuMemAlloc_v2(&raw mut address, bytes) })?;
            return Ok(address);
        };
        // SAFETY: as above; pool and stream are alive (the driver's contract).
        check_memory("cuMemAllocFromPoolAsync", unsafe {
            driver::cuMemAllocFromPoolAsync(&raw mut address, bytes, *pool, stream.handle())
        })?;
        if let Err(fault) = stream.synchronize() {
            // SAFETY: nobody was told of the block, so nothing uses it (rule 2); the context is current.
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
    /// The address came from [`Self::allocate`] of this heap and was not given back, and nothing uses the
    /// block any more (rule 2).
    pub(super) unsafe fn free(&self, address: DeviceAddress) -> Result<(), Fault> {
        let _bound = self.context.bind()?;
        let Some(Ordered { stream, .. }) = &self.ordered else {
            // SAFETY: the caller's part (rule 2: freeing waits for pending uses); the context is current.
            return check("cuMemFree", unsafe { driver::cuMemFree_v2(address) });
        };
        // SAFETY: as above; since every use has ended, any stream is late enough (rule 2).
        check("cuMemFreeAsync", unsafe { driver::cuMemFreeAsync(address, stream.handle()) })?;
        // The driver takes freed memory back when the stream is waited for next.
        stream.synchronize()
    }
}
