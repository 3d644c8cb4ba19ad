//! The driver's own calls that peers are made of, declared here with plain results for the reason that `backend/cuda/driver.rs` gives.

use super::Failure;
use std::ffi::{c_int, c_uint, c_void};

unsafe extern "C" {
    fn cuInit(flags: c_uint) -> c_int;
    fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> c_int;
    fn cuDevicePrimaryCtxRetain(context: *mut *mut c_void, device: c_int) -> c_int;
    fn cuCtxSetCurrent(context: *mut c_void) -> c_int;
    fn cuStreamCreate(stream: *mut *mut c_void, flags: c_uint) -> c_int;
    fn cuStreamSynchronize(stream: *mut c_void) -> c_int;
    fn cuStreamDestroy_v2(stream: *mut c_void) -> c_int;
    fn cuMemAlloc_v2(address: *mut u64, bytes: usize) -> c_int;
    fn cuMemFree_v2(address: u64) -> c_int;
    fn cuMemsetD8Async(to: u64, value: u8, count: usize, stream: *mut c_void) -> c_int;
}

/// `CU_STREAM_NON_BLOCKING`
const NON_BLOCKING: c_uint = 1;

pub(crate) fn check(call: &str, code: c_int) -> Result<(), Failure> {
    if code == 0 { Ok(()) } else { Err(format!("{call} gives {code}").into()) }
}

/// Where nothing can be returned.
pub(crate) fn report(result: Result<(), Failure>) {
    if let Err(failure) = result {
        eprintln!("cuda: {failure}");
    }
}

/// The primary context of the first card, which stays until the end of the program.
#[derive(Clone, Copy)]
pub(crate) struct Driver(*mut c_void);

// SAFETY: it is a name that only the driver looks behind, and its functions may be called from any thread.
unsafe impl Send for Driver {}
// SAFETY: as above.
unsafe impl Sync for Driver {}

impl Driver {
    /// Makes the context current on the calling thread. All that follows needs that.
    pub(crate) fn start() -> Result<Self, Failure> {
        let (mut context, mut device) = (std::ptr::null_mut(), 0);
        // SAFETY: the first call into the driver, as often as one likes.
        check("cuInit", unsafe { cuInit(0) })?;
        // SAFETY: the pointer is valid for a write.
        check("cuDeviceGet", unsafe { cuDeviceGet(&raw mut device, 0) })?;
        // SAFETY: as above, for the device that was found.
        check("cuDevicePrimaryCtxRetain", unsafe { cuDevicePrimaryCtxRetain(&raw mut context, device) })?;
        let driver = Self(context);
        driver.make_current()?;
        Ok(driver)
    }

    pub(crate) fn make_current(self) -> Result<(), Failure> {
        // SAFETY: the context is retained and never released.
        check("cuCtxSetCurrent", unsafe { cuCtxSetCurrent(self.0) })
    }

    /// Takes device memory, which [`Self::free`] gives back.
    pub(crate) fn allocate(self, bytes: usize) -> Result<u64, Failure> {
        let mut address = 0;
        // SAFETY: the pointer is valid for a write, and the context is current.
        check("cuMemAlloc", unsafe { cuMemAlloc_v2(&raw mut address, bytes) })?;
        Ok(address)
    }

    pub(crate) fn free(self, address: u64) -> Result<(), Failure> {
        // SAFETY: the callers give back what they took, and use it no more.
        check("cuMemFree", unsafe { cuMemFree_v2(address) })
    }
}

/// A stream that waits for no other by itself.
pub(crate) struct Stream(*mut c_void);

// SAFETY: as for `Driver`.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Stream {
    pub(crate) fn new(_: Driver) -> Result<Self, Failure> {
        let mut stream = std::ptr::null_mut();
        // SAFETY: the pointer is valid for a write, and the context is current.
        check("cuStreamCreate", unsafe { cuStreamCreate(&raw mut stream, NON_BLOCKING) })?;
        Ok(Self(stream))
    }

    pub(crate) fn raw(&self) -> *mut c_void {
        self.0
    }

    pub(crate) fn synchronize(&self) -> Result<(), Failure> {
        // SAFETY: the stream lives.
        check("cuStreamSynchronize", unsafe { cuStreamSynchronize(self.0) })
    }

    /// Writes to all of a block that has as many bytes, and waits until it is done.
    pub(crate) fn fill(&self, address: u64, bytes: usize) -> Result<(), Failure> {
        self.set(address, 1, bytes)?;
        self.synchronize()
    }

    /// Queues a fill of memory that the caller keeps until it is done.
    #[inline]
    pub(crate) fn set(&self, address: u64, value: u8, bytes: usize) -> Result<(), Failure> {
        // SAFETY: the callers give their own blocks, which have as many bytes and stay until the stream was waited for.
        check("cuMemsetD8Async", unsafe { cuMemsetD8Async(address, value, bytes, self.0) })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: nothing uses the stream any more; what is queued is still done.
        report(check("cuStreamDestroy", unsafe { cuStreamDestroy_v2(self.0) }));
    }
}
