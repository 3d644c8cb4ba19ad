//! Device memory in blocks.

use super::{Bench, card};
use crate::backend::BackendOps;
use crate::backend::cuda::driver::{self, code};
use std::ffi::{c_int, c_uint, c_void};

unsafe extern "C" {
    fn cuDeviceGetDefaultMemPool(pool: *mut driver::PoolHandle, device: c_int) -> driver::Code;
    fn cuMemPoolGetAttribute(pool: driver::PoolHandle, attribute: c_uint, value: *mut c_void)
    -> driver::Code;
    fn cuMemPoolSetAttribute(pool: driver::PoolHandle, attribute: c_uint, value: *mut c_void)
    -> driver::Code;
}

#[test]
fn more_memory_than_there_is() {
    let Some(cuda) = card() else { return };
    assert!(cuda.allocate(1 << 46).unwrap_err().is_out_of_memory());
    // The device is none the worse for it.
    Bench::new(cuda, 64).close();
}

/// The default pool is the whole process's: another library may have told it to retain all freed memory.
#[test]
fn blocks_do_not_come_from_the_default_pool() {
    const RELEASE_THRESHOLD: c_uint = 4;
    let Some(cuda) = card() else { return };
    let mut pool = driver::PoolHandle::NULL;
    let (mut former, mut all) = (0_u64, u64::MAX);
    // SAFETY: the pointers are valid for the calls, and the attribute is a number of 64 bits (the driver's
    // contract).
    unsafe {
        if cuDeviceGetDefaultMemPool(&raw mut pool, 0) != code::SUCCESS {
            return; // The driver of threads has none: a backend that used it would get no memory.
        }
        cuMemPoolGetAttribute(pool, RELEASE_THRESHOLD, (&raw mut former).cast());
        cuMemPoolSetAttribute(pool, RELEASE_THRESHOLD, (&raw mut all).cast());
    }
    let free = || cuda.memory_info().unwrap().free.unwrap();
    let before = free();
    // Large, since other tests take and give back memory meanwhile.
    let memory = cuda.allocate(1 << 30).unwrap();
    // SAFETY: allocated above, and never used (rule 2).
    unsafe { cuda.free(memory).unwrap() };
    let after = free();
    // SAFETY: as above (the driver's contract).
    unsafe { cuMemPoolSetAttribute(pool, RELEASE_THRESHOLD, (&raw mut former).cast()) };
    assert!(after + (512 << 20) > before, "{} bytes were kept", before.saturating_sub(after));
}
