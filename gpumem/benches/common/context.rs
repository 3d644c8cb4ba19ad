//! The context in which peers call the driver, and its streams.

use super::Failure;
use super::driver::{
    Code, ContextHandle, DeviceAddress, STREAM_NON_BLOCKING, StreamHandle, cuCtxSetCurrent, cuDeviceGet,
    cuDevicePrimaryCtxRetain, cuInit, cuMemAlloc_v2, cuMemFree_v2, cuMemsetD8Async, cuStreamCreate,
    cuStreamDestroy_v2, cuStreamSynchronize,
};

pub(crate) fn check(call: &str, code: Code) -> Result<(), Failure> {
    if code == 0 { Ok(()) } else { Err(format!("{call} gives {code}").into()) }
}

/// Prints a failure, for code that cannot return it.
pub(crate) fn report(result: Result<(), Failure>) {
    if let Err(failure) = result {
        eprintln!("cuda: {failure}");
    }
}

/// The primary context of the first card. It stays until the end of the program.
#[derive(Clone, Copy)]
pub(crate) struct Context(ContextHandle);

impl Context {
    /// Makes the context current on the calling thread, which all later calls need.
    pub(crate) fn start() -> Result<Self, Failure> {
        let (mut context, mut device) = (ContextHandle::NULL, 0);
        // SAFETY: this is the first call into the driver, and it may be repeated.
        check("cuInit", unsafe { cuInit(0) })?;
        // SAFETY: the pointer is valid for a write.
        check("cuDeviceGet", unsafe { cuDeviceGet(&raw mut device, 0) })?;
        // SAFETY: as above, for the device that was found.
        check("cuDevicePrimaryCtxRetain", unsafe { cuDevicePrimaryCtxRetain(&raw mut context, device) })?;
        let context = Self(context);
        context.make_current()?;
        Ok(context)
    }

    pub(crate) fn make_current(self) -> Result<(), Failure> {
        // SAFETY: the context is retained and never released.
        check("cuCtxSetCurrent", unsafe { cuCtxSetCurrent(self.0) })
    }

    /// Takes device memory, which [`Self::free`] gives back.
    pub(crate) fn allocate(self, bytes: usize) -> Result<DeviceAddress, Failure> {
        let mut address = 0;
        // SAFETY: the pointer is valid for a write, and the context is current.
        check("cuMemAlloc", unsafe { cuMemAlloc_v2(&raw mut address, bytes) })?;
        Ok(address)
    }

    pub(crate) fn free(self, address: DeviceAddress) -> Result<(), Failure> {
        // SAFETY: the callers pass an address that they took from `allocate`, and do not use it afterwards.
        check("cuMemFree", unsafe { cuMemFree_v2(address) })
    }
}

/// A stream that never waits for another one by itself.
pub(crate) struct Stream(StreamHandle);

impl Stream {
    pub(crate) fn new(_: Context) -> Result<Self, Failure> {
        let mut stream = StreamHandle::NULL;
        // SAFETY: the pointer is valid for a write, and the context is current.
        check("cuStreamCreate", unsafe { cuStreamCreate(&raw mut stream, STREAM_NON_BLOCKING) })?;
        Ok(Self(stream))
    }

    pub(crate) fn raw(&self) -> StreamHandle {
        self.0
    }

    pub(crate) fn synchronize(&self) -> Result<(), Failure> {
        // SAFETY: the stream is alive.
        check("cuStreamSynchronize", unsafe { cuStreamSynchronize(self.0) })
    }

    /// Fills a block of `bytes` bytes, and waits until that is done.
    pub(crate) fn fill(&self, address: DeviceAddress, bytes: usize) -> Result<(), Failure> {
        self.set(address, 1, bytes)?;
        self.synchronize()
    }

    /// Queues a fill. The caller keeps the memory until the fill is done.
    #[inline]
    pub(crate) fn set(&self, address: DeviceAddress, value: u8, bytes: usize) -> Result<(), Failure> {
        // SAFETY: the callers pass their own blocks, which have at least `bytes` bytes, and keep them until
        // they have waited for the stream.
        check("cuMemsetD8Async", unsafe { cuMemsetD8Async(address, value, bytes, self.0) })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: nothing uses the stream any more. The driver still does the queued work.
        report(check("cuStreamDestroy", unsafe { cuStreamDestroy_v2(self.0) }));
    }
}
