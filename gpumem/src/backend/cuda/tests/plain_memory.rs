//! Device memory in blocks.

use super::calls::{self, POOL_RELEASE_THRESHOLD, PoolHandle};
use super::{Bench, card};
use crate::backend::BackendOps;
use crate::backend::cuda::driver::code;

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
    let Some(cuda) = card() else { return };
    let mut pool = PoolHandle::NULL;
    let (mut former, mut all) = (0_u64, u64::MAX);
    // SAFETY: the pointers are valid for the calls, and the attribute is a number of 64 bits (the driver's
    // contract).
    unsafe {
        if calls::cuDeviceGetDefaultMemPool(&raw mut pool, 0) != code::SUCCESS {
            return; // The driver of threads has none: a backend that used it would get no memory.
        }
        calls::cuMemPoolGetAttribute(pool, POOL_RELEASE_THRESHOLD, (&raw mut former).cast());
        calls::cuMemPoolSetAttribute(pool, POOL_RELEASE_THRESHOLD, (&raw mut all).cast());
    }
    let free = || cuda.memory_info().unwrap().free.unwrap();
    let before = free();
    // Large, since other tests take and give back memory meanwhile.
    let memory = cuda.allocate(1 << 30).unwrap();
    // SAFETY: allocated above, and never used (rule 2).
    unsafe { cuda.free(memory).unwrap() };
    let after = free();
    // SAFETY: as above (the driver's contract).
    unsafe { calls::cuMemPoolSetAttribute(pool, POOL_RELEASE_THRESHOLD, (&raw mut former).cast()) };
    assert!(after + (512 << 20) > before, "{} bytes were kept", before.saturating_sub(after));
}
