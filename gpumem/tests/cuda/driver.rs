//! The driver's functions that tests and benchmarks call by themselves. Each includes this file by its path.
//!
//! The results are plain numbers, for the reason that the runtime's own declarations give (`src/backend/cuda/driver.rs`). Handles are
//! plain pointers: these programs have few of them, and wrap those that live long.

use std::ffi::{c_char, c_int, c_uint, c_void};

/// 0, or why a call did not work.
pub(crate) type Code = c_int;

/// An address on the device.
pub(crate) type Address = u64;

/// A context, a stream, an event, a module, a function, a graph or a memory pool.
pub(crate) type Handle = *mut c_void;

/// `CUmemGenericAllocationHandle`: physical memory. A number, and no pointer as the others are.
pub(crate) type ChunkHandle = u64;

/// `CUDA_ERROR_NOT_READY`
pub(crate) const NOT_READY: Code = 600;

/// `CU_STREAM_NON_BLOCKING`
pub(crate) const STREAM_NON_BLOCKING: c_uint = 1;
/// `CU_STREAM_CAPTURE_MODE_GLOBAL`, the default
pub(crate) const CAPTURE_MODE_GLOBAL: c_uint = 0;
/// `CU_EVENT_DISABLE_TIMING`
pub(crate) const EVENT_DISABLE_TIMING: c_uint = 2;
/// `CU_MEMHOSTALLOC_PORTABLE`
pub(crate) const HOST_ALLOC_PORTABLE: c_uint = 1;
/// `CU_MEMPOOL_ATTR_RELEASE_THRESHOLD`
pub(crate) const POOL_RELEASE_THRESHOLD: c_uint = 4;
/// `CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH`
pub(crate) const POOL_RESERVED_HIGH: c_uint = 6;
/// `CU_MEM_ALLOCATION_TYPE_PINNED`
pub(crate) const ALLOCATION_PINNED: c_uint = 1;
/// `CU_MEM_LOCATION_TYPE_DEVICE`
pub(crate) const LOCATION_DEVICE: c_uint = 1;
/// `CU_MEM_ACCESS_FLAGS_PROT_READWRITE`
pub(crate) const ACCESS_READ_WRITE: c_uint = 3;

/// `CUmemLocation`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Location {
    pub(crate) kind: c_uint,
    pub(crate) id: c_int,
}

/// `CUmemAllocationProp`
#[repr(C)]
#[derive(Default)]
pub(crate) struct AllocationProperties {
    pub(crate) kind: c_uint,
    pub(crate) requested_handle_types: c_uint,
    pub(crate) location: Location,
    pub(crate) win32_meta_data: Handle,
    pub(crate) compression: u8,
    pub(crate) gpu_direct_rdma: u8,
    pub(crate) usage: u16,
    pub(crate) reserved: [u8; 4],
}

/// `CUmemAccessDesc`
#[repr(C)]
pub(crate) struct AccessDescription {
    pub(crate) location: Location,
    pub(crate) flags: c_uint,
}

const _: () = assert!(size_of::<AllocationProperties>() == 32 && size_of::<AccessDescription>() == 12);

unsafe extern "C" {
    pub(crate) fn cuInit(flags: c_uint) -> Code;

    pub(crate) fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> Code;
    pub(crate) fn cuDeviceGetDefaultMemPool(pool: *mut Handle, device: c_int) -> Code;
    pub(crate) fn cuDevicePrimaryCtxRetain(context: *mut Handle, device: c_int) -> Code;
    pub(crate) fn cuDevicePrimaryCtxReset_v2(device: c_int) -> Code;
    pub(crate) fn cuDevicePrimaryCtxGetState(device: c_int, flags: *mut c_uint, active: *mut c_int) -> Code;
    pub(crate) fn cuCtxCreate_v2(context: *mut Handle, flags: c_uint, device: c_int) -> Code;
    pub(crate) fn cuCtxDestroy_v2(context: Handle) -> Code;
    pub(crate) fn cuCtxGetCurrent(context: *mut Handle) -> Code;
    pub(crate) fn cuCtxSetCurrent(context: Handle) -> Code;

    pub(crate) fn cuMemAlloc_v2(address: *mut Address, bytes: usize) -> Code;
    pub(crate) fn cuMemFree_v2(address: Address) -> Code;
    pub(crate) fn cuMemAllocAsync(address: *mut Address, bytes: usize, stream: Handle) -> Code;
    pub(crate) fn cuMemFreeAsync(address: Address, stream: Handle) -> Code;
    pub(crate) fn cuMemHostAlloc(address: *mut *mut c_void, bytes: usize, flags: c_uint) -> Code;
    pub(crate) fn cuMemFreeHost(address: *mut c_void) -> Code;
    pub(crate) fn cuMemPoolSetAttribute(pool: Handle, attribute: c_uint, value: *mut c_void) -> Code;
    pub(crate) fn cuMemPoolGetAttribute(pool: Handle, attribute: c_uint, value: *mut c_void) -> Code;
    pub(crate) fn cuMemPoolTrimTo(pool: Handle, keep: usize) -> Code;

    pub(crate) fn cuMemAddressReserve(
        at: *mut Address,
        bytes: usize,
        align: usize,
        hint: Address,
        flags: u64,
    ) -> Code;
    pub(crate) fn cuMemAddressFree(at: Address, bytes: usize) -> Code;
    pub(crate) fn cuMemCreate(
        chunk: *mut ChunkHandle,
        bytes: usize,
        properties: *const AllocationProperties,
        flags: u64,
    ) -> Code;
    pub(crate) fn cuMemRelease(chunk: ChunkHandle) -> Code;
    pub(crate) fn cuMemMap(at: Address, bytes: usize, offset: usize, chunk: ChunkHandle, flags: u64) -> Code;
    pub(crate) fn cuMemUnmap(at: Address, bytes: usize) -> Code;
    pub(crate) fn cuMemSetAccess(
        at: Address,
        bytes: usize,
        access: *const AccessDescription,
        count: usize,
    ) -> Code;

    pub(crate) fn cuStreamCreate(stream: *mut Handle, flags: c_uint) -> Code;
    pub(crate) fn cuStreamDestroy_v2(stream: Handle) -> Code;
    pub(crate) fn cuStreamSynchronize(stream: Handle) -> Code;
    pub(crate) fn cuStreamWaitEvent(stream: Handle, event: Handle, flags: c_uint) -> Code;
    pub(crate) fn cuStreamBeginCapture_v2(stream: Handle, mode: c_uint) -> Code;
    pub(crate) fn cuStreamEndCapture(stream: Handle, graph: *mut Handle) -> Code;

    pub(crate) fn cuEventCreate(event: *mut Handle, flags: c_uint) -> Code;
    pub(crate) fn cuEventDestroy_v2(event: Handle) -> Code;
    pub(crate) fn cuEventRecord(event: Handle, stream: Handle) -> Code;
    pub(crate) fn cuEventQuery(event: Handle) -> Code;
    pub(crate) fn cuEventSynchronize(event: Handle) -> Code;

    pub(crate) fn cuMemsetD8Async(to: Address, value: u8, count: usize, stream: Handle) -> Code;
    pub(crate) fn cuMemcpyDtoH_v2(to: *mut c_void, from: Address, bytes: usize) -> Code;
    pub(crate) fn cuMemcpyHtoD_v2(to: Address, from: *const c_void, bytes: usize) -> Code;
    pub(crate) fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: Address, bytes: usize, stream: Handle) -> Code;
    pub(crate) fn cuMemcpyHtoDAsync_v2(
        to: Address,
        from: *const c_void,
        bytes: usize,
        stream: Handle,
    ) -> Code;
    pub(crate) fn cuMemcpyDtoDAsync_v2(to: Address, from: Address, bytes: usize, stream: Handle) -> Code;

    pub(crate) fn cuModuleLoadDataEx(
        module: *mut Handle,
        image: *const c_void,
        options: c_uint,
        keys: *mut c_uint,
        values: *mut *mut c_void,
    ) -> Code;
    pub(crate) fn cuModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) -> Code;
    pub(crate) fn cuLaunchKernel(
        function: Handle,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        shared_bytes: c_uint,
        stream: Handle,
        parameters: *mut *mut c_void,
        extra: *mut *mut c_void,
    ) -> Code;
}
