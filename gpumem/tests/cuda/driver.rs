//! The driver's functions that tests and benchmarks call by themselves. Each includes this file by its path.
//!
//! As in the runtime (`src/backend/cuda/driver.rs`), the driver is loaded when it is needed, and the results
//! are plain numbers. Handles are plain pointers: these programs have few of them, and wrap those that live
//! long.

use libloading::Library;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::LazyLock;

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
/// `CU_MEMCPY_SRC_ACCESS_ORDER_STREAM`
pub(crate) const SOURCE_ORDER_STREAM: c_uint = 1;

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

/// `CUmemcpyAttributes`
#[repr(C)]
#[derive(Default)]
pub(crate) struct CopyAttributes {
    pub(crate) source_order: c_uint,
    pub(crate) source_hint: Location,
    pub(crate) target_hint: Location,
    pub(crate) flags: c_uint,
}

const _: () = assert!(size_of::<AllocationProperties>() == 32 && size_of::<AccessDescription>() == 12);
const _: () = assert!(size_of::<CopyAttributes>() == 24);

/// The driver's library, if there is a driver. It stays loaded, since a static is never dropped.
static LIBRARY: LazyLock<Option<Library>> = LazyLock::new(|| {
    // SAFETY: a library of this name is the driver, or stands in for it on purpose.
    unsafe { Library::new("libcuda.so.1") }.ok()
});

/// The address of a function of the driver; null if there is no driver, or if it has no such function.
pub(crate) fn find(name: &str) -> *mut c_void {
    let found = LIBRARY.as_ref().and_then(|library| {
        // SAFETY: the symbol is read as an address, which every symbol is.
        unsafe { library.get::<*mut c_void>(name) }.ok()
    });
    found.map_or(std::ptr::null_mut(), |found| *found)
}

/// Declares functions that are looked for when they are called first. A function that is not there answers as
/// a driver does that is not initialised.
macro_rules! functions {
    ($(fn $name:ident($($parameter:ident: $type:ty),* $(,)?) -> Code;)*) => {$(
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub(crate) unsafe fn $name($($parameter: $type),*) -> Code {
            type Function = Option<unsafe extern "system" fn($($type),*) -> Code>;
            static FUNCTION: LazyLock<Function> = LazyLock::new(|| {
                // SAFETY: null is `None`, and `cuda.h` declares the function like this.
                unsafe { std::mem::transmute::<*mut c_void, Function>(find(stringify!($name))) }
            });
            match *FUNCTION {
                // SAFETY: the caller's part.
                Some(function) => unsafe { function($($parameter),*) },
                None => 3,
            }
        }
    )*};
}

functions! {
    fn cuInit(flags: c_uint) -> Code;

    fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> Code;
    fn cuDeviceGetDefaultMemPool(pool: *mut Handle, device: c_int) -> Code;
    fn cuDevicePrimaryCtxRetain(context: *mut Handle, device: c_int) -> Code;
    fn cuDevicePrimaryCtxReset_v2(device: c_int) -> Code;
    fn cuDevicePrimaryCtxGetState(device: c_int, flags: *mut c_uint, active: *mut c_int) -> Code;
    fn cuCtxCreate_v2(context: *mut Handle, flags: c_uint, device: c_int) -> Code;
    fn cuCtxDestroy_v2(context: Handle) -> Code;
    fn cuCtxGetCurrent(context: *mut Handle) -> Code;
    fn cuCtxSetCurrent(context: Handle) -> Code;
    fn cuCtxSynchronize() -> Code;

    fn cuMemAlloc_v2(address: *mut Address, bytes: usize) -> Code;
    fn cuMemFree_v2(address: Address) -> Code;
    fn cuMemAllocAsync(address: *mut Address, bytes: usize, stream: Handle) -> Code;
    fn cuMemFreeAsync(address: Address, stream: Handle) -> Code;
    fn cuMemHostAlloc(address: *mut *mut c_void, bytes: usize, flags: c_uint) -> Code;
    fn cuMemFreeHost(address: *mut c_void) -> Code;
    fn cuMemPoolSetAttribute(pool: Handle, attribute: c_uint, value: *mut c_void) -> Code;
    fn cuMemPoolGetAttribute(pool: Handle, attribute: c_uint, value: *mut c_void) -> Code;
    fn cuMemPoolTrimTo(pool: Handle, keep: usize) -> Code;

    fn cuMemAddressReserve(
        at: *mut Address,
        bytes: usize,
        align: usize,
        hint: Address,
        flags: u64,
    ) -> Code;
    fn cuMemAddressFree(at: Address, bytes: usize) -> Code;
    fn cuMemCreate(
        chunk: *mut ChunkHandle,
        bytes: usize,
        properties: *const AllocationProperties,
        flags: u64,
    ) -> Code;
    fn cuMemRelease(chunk: ChunkHandle) -> Code;
    fn cuMemMap(at: Address, bytes: usize, offset: usize, chunk: ChunkHandle, flags: u64) -> Code;
    fn cuMemUnmap(at: Address, bytes: usize) -> Code;
    fn cuMemSetAccess(
        at: Address,
        bytes: usize,
        access: *const AccessDescription,
        count: usize,
    ) -> Code;

    fn cuStreamCreate(stream: *mut Handle, flags: c_uint) -> Code;
    fn cuStreamDestroy_v2(stream: Handle) -> Code;
    fn cuStreamSynchronize(stream: Handle) -> Code;
    fn cuStreamWaitEvent(stream: Handle, event: Handle, flags: c_uint) -> Code;
    fn cuStreamBeginCapture_v2(stream: Handle, mode: c_uint) -> Code;
    fn cuStreamEndCapture(stream: Handle, graph: *mut Handle) -> Code;

    fn cuEventCreate(event: *mut Handle, flags: c_uint) -> Code;
    fn cuEventDestroy_v2(event: Handle) -> Code;
    fn cuEventRecord(event: Handle, stream: Handle) -> Code;
    fn cuEventQuery(event: Handle) -> Code;
    fn cuEventSynchronize(event: Handle) -> Code;

    fn cuMemsetD8Async(to: Address, value: u8, count: usize, stream: Handle) -> Code;
    fn cuMemcpyDtoH_v2(to: *mut c_void, from: Address, bytes: usize) -> Code;
    fn cuMemcpyHtoD_v2(to: Address, from: *const c_void, bytes: usize) -> Code;
    fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: Address, bytes: usize, stream: Handle) -> Code;
    fn cuMemcpyHtoDAsync_v2(
        to: Address,
        from: *const c_void,
        bytes: usize,
        stream: Handle,
    ) -> Code;
    fn cuMemcpyDtoDAsync_v2(to: Address, from: Address, bytes: usize, stream: Handle) -> Code;
    // As of CUDA 12.8.
    fn cuMemcpyBatchAsync(
        to: *mut Address,
        from: *mut Address,
        bytes: *mut usize,
        count: usize,
        attributes: *mut CopyAttributes,
        firsts: *mut usize,
        attribute_count: usize,
        failed: *mut usize,
        stream: Handle,
    ) -> Code;

    fn cuModuleLoadDataEx(
        module: *mut Handle,
        image: *const c_void,
        options: c_uint,
        keys: *mut c_uint,
        values: *mut *mut c_void,
    ) -> Code;
    fn cuModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) -> Code;
    fn cuLaunchKernel(
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
