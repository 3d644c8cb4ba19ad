//! The declarations of CUDA's driver: its functions, and the types and numbers that they take.
//!
//! Every function returns a plain `i32`. (`cust` declares a Rust enum of CUDA 11.4's codes as the result. A
//! driver that answers with a newer code would be undefined behaviour before any code looked at it.) Where
//! the driver has a second version of a function, it is the `_v2` symbol. The name without `_v2` is the old
//! 32-bit interface, and only the C header maps one to the other.
//!
//! The file that includes this one defines `functions!` before, which says how a function is called. The
//! runtime does so (`driver.rs`), and so do tests and benchmarks (`gpumem/tests/cuda/driver.rs`), which
//! declare there what they alone call. So all items are `pub(crate)`.

use std::ffi::{c_char, c_int, c_uint, c_void};

/// The name of the library that the driver installs. (Without the number it is the toolkit's stub.)
pub(crate) const LIBRARY: &str = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };

/// The result of every function: 0, or the reason why it did not work.
pub(crate) type Code = c_int;

/// An address on the device.
pub(crate) type DeviceAddress = u64;

/// Declares the driver's opaque handles, each a type of its own so that they cannot be mixed up.
macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(transparent)]
        pub(crate) struct $name(*mut c_void);

        impl $name {
            /// The value of an output parameter before the driver fills it, and of "none".
            pub(crate) const NULL: Self = Self(std::ptr::null_mut());

            /// The handle that other code has as a plain pointer.
            #[allow(dead_code)] // Each program needs this of some handles.
            pub(crate) fn from_raw(raw: *mut c_void) -> Self {
                Self(raw)
            }

            /// The handle as other code has it.
            #[allow(dead_code)] // As above.
            pub(crate) fn to_raw(self) -> *mut c_void {
                self.0
            }
        }

        // SAFETY: a handle is a name that only the driver resolves, and the driver's functions may be called
        // on any thread. Those that need their context current say so to their callers (the driver's
        // contract).
        unsafe impl Send for $name {}
        // SAFETY: as above; a shared handle gives access to no memory of this process, so to no race (the
        // driver's contract).
        unsafe impl Sync for $name {}
    )*};
}

handles! {
    /// `CUcontext`
    ContextHandle
    /// `CUstream`
    StreamHandle
    /// `CUevent`
    EventHandle
    /// `CUmodule`
    ModuleHandle
    /// `CUfunction`
    FunctionHandle
    /// `CUmemoryPool`
    PoolHandle
}

/// `CUmemGenericAllocationHandle`: physical memory. A number, and not a pointer as the others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct ChunkHandle(u64);

impl ChunkHandle {
    /// The value of an output parameter before the driver fills it.
    pub(crate) const NONE: Self = Self(0);
}

/// `CUmemLocation`: the place of memory, or the device that may touch it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Location {
    pub(crate) kind: c_uint,
    pub(crate) id: c_int,
}

/// `CUmemAllocationProp`, with its inner struct of flags written out.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct AllocationProperties {
    pub(crate) kind: c_uint,
    pub(crate) requested_handle_types: c_uint,
    pub(crate) location: Location,
    pub(crate) win32_meta_data: *mut c_void,
    pub(crate) compression: u8,
    pub(crate) gpu_direct_rdma: u8,
    pub(crate) usage: u16,
    pub(crate) reserved: [u8; 4],
}

/// `CUmemPoolProps`. Newer headers make fields of the first reserved bytes (`maxSize`, `usage`), whose zeros
/// mean "the default".
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct PoolProperties {
    pub(crate) kind: c_uint,
    pub(crate) requested_handle_types: c_uint,
    pub(crate) location: Location,
    pub(crate) win32_security_attributes: *mut c_void,
    pub(crate) reserved: [u8; 64],
}

/// `CUmemAccessDesc`
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct AccessDescription {
    pub(crate) location: Location,
    pub(crate) flags: c_uint,
}

/// `CUmemcpyAttributes`. The hints are for memory whose place can change, which this crate has none of.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct CopyAttributes {
    pub(crate) source_order: c_uint,
    pub(crate) source_hint: Location,
    pub(crate) target_hint: Location,
    pub(crate) flags: c_uint,
}

// The driver reads these as `cuda.h` lays them out on 64-bit machines, the only ones with virtual memory.
const _: () = {
    use std::mem::{align_of, offset_of, size_of};

    assert!(size_of::<ChunkHandle>() == 8);
    assert!(size_of::<Location>() == 8 && align_of::<Location>() == 4);
    assert!(size_of::<AllocationProperties>() == 32 && align_of::<AllocationProperties>() == 8);
    assert!(offset_of!(AllocationProperties, location) == 8);
    assert!(offset_of!(AllocationProperties, win32_meta_data) == 16);
    assert!(offset_of!(AllocationProperties, compression) == 24);
    assert!(offset_of!(AllocationProperties, usage) == 26);
    assert!(size_of::<PoolProperties>() == 88 && align_of::<PoolProperties>() == 8);
    assert!(offset_of!(PoolProperties, location) == 8);
    assert!(offset_of!(PoolProperties, win32_security_attributes) == 16);
    assert!(size_of::<AccessDescription>() == 12 && align_of::<AccessDescription>() == 4);
    assert!(size_of::<CopyAttributes>() == 24 && align_of::<CopyAttributes>() == 4);
};

/// The codes that the runtime distinguishes. For all others it only writes the driver's text.
pub(crate) mod code {
    use super::Code;

    pub(crate) const SUCCESS: Code = 0;
    pub(crate) const INVALID_VALUE: Code = 1;
    pub(crate) const OUT_OF_MEMORY: Code = 2;
    pub(crate) const NOT_INITIALIZED: Code = 3;
    pub(crate) const DEINITIALIZED: Code = 4;
    pub(crate) const STUB_LIBRARY: Code = 34;
    /// A code of the CUDA runtime library. Drivers of virtual cards answer with it as well.
    pub(crate) const INSUFFICIENT_DRIVER: Code = 35;
    pub(crate) const CALL_REQUIRES_NEWER_DRIVER: Code = 36;
    pub(crate) const DEVICE_UNAVAILABLE: Code = 46;
    pub(crate) const NO_DEVICE: Code = 100;
    pub(crate) const INVALID_DEVICE: Code = 101;
    pub(crate) const INVALID_IMAGE: Code = 200;
    pub(crate) const INVALID_CONTEXT: Code = 201;
    pub(crate) const NO_BINARY_FOR_GPU: Code = 209;
    pub(crate) const ECC_UNCORRECTABLE: Code = 214;
    pub(crate) const INVALID_PTX: Code = 218;
    pub(crate) const NVLINK_UNCORRECTABLE: Code = 220;
    pub(crate) const JIT_COMPILER_NOT_FOUND: Code = 221;
    pub(crate) const UNSUPPORTED_PTX_VERSION: Code = 222;
    pub(crate) const JIT_COMPILATION_DISABLED: Code = 223;
    pub(crate) const CONTAINED: Code = 226;
    pub(crate) const INVALID_SOURCE: Code = 300;
    /// An external symbol of the PTX that nothing defines.
    pub(crate) const SHARED_OBJECT_SYMBOL_NOT_FOUND: Code = 302;
    pub(crate) const INVALID_HANDLE: Code = 400;
    pub(crate) const NOT_FOUND: Code = 500;
    pub(crate) const NOT_READY: Code = 600;
    pub(crate) const ILLEGAL_ADDRESS: Code = 700;
    pub(crate) const LAUNCH_TIMEOUT: Code = 702;
    pub(crate) const CONTEXT_IS_DESTROYED: Code = 709;
    pub(crate) const ASSERT: Code = 710;
    pub(crate) const HARDWARE_STACK_ERROR: Code = 714;
    pub(crate) const ILLEGAL_INSTRUCTION: Code = 715;
    pub(crate) const MISALIGNED_ADDRESS: Code = 716;
    pub(crate) const INVALID_ADDRESS_SPACE: Code = 717;
    pub(crate) const INVALID_PC: Code = 718;
    pub(crate) const LAUNCH_FAILED: Code = 719;
    pub(crate) const TENSOR_MEMORY_LEAK: Code = 721;
    pub(crate) const SYSTEM_NOT_READY: Code = 802;
    pub(crate) const SYSTEM_DRIVER_MISMATCH: Code = 803;
    pub(crate) const COMPAT_NOT_SUPPORTED_ON_DEVICE: Code = 804;
    pub(crate) const MPS_RPC_FAILURE: Code = 806;
    pub(crate) const MPS_CLIENT_TERMINATED: Code = 810;
    /// A stream is being captured, and the call is not allowed meanwhile.
    pub(crate) const STREAM_CAPTURE_UNSUPPORTED: Code = 900;
    pub(crate) const EXTERNAL_DEVICE: Code = 911;
    pub(crate) const UNKNOWN: Code = 999;
}

/// `CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN`: the most shared memory that a kernel can have
/// when it asks for it.
pub(crate) const ATTRIBUTE_MAX_SHARED_BYTES: c_int = 97;
/// `CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED`: the device has virtual memory.
pub(crate) const ATTRIBUTE_VIRTUAL_MEMORY_SUPPORTED: c_int = 102;
/// `CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED`: the device has stream-ordered memory.
pub(crate) const ATTRIBUTE_MEMORY_POOLS_SUPPORTED: c_int = 115;

/// `CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X`; those of y and z follow.
pub(crate) const ATTRIBUTE_MAX_BLOCK: c_int = 2;
/// `CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X`; those of y and z follow.
pub(crate) const ATTRIBUTE_MAX_GRID: c_int = 5;

/// `CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK`
pub(crate) const FUNCTION_MAX_THREADS: c_int = 0;
/// `CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES`: the shared memory that the kernel declares by itself.
pub(crate) const FUNCTION_STATIC_SHARED_BYTES: c_int = 1;
/// `CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES`
pub(crate) const FUNCTION_MAX_DYNAMIC_SHARED_BYTES: c_uint = 8;
/// `CU_STREAM_CAPTURE_MODE_RELAXED`: captures by other libraries forbid this thread nothing.
pub(crate) const CAPTURE_MODE_RELAXED: c_uint = 2;

/// `CU_STREAM_NON_BLOCKING`: the stream does not wait for the legacy stream, nor that for it.
pub(crate) const STREAM_NON_BLOCKING: c_uint = 1;
/// `CU_EVENT_DISABLE_TIMING`: an event that only orders, which is cheaper to record and to wait for.
pub(crate) const EVENT_DISABLE_TIMING: c_uint = 2;
/// `CU_MEMHOSTALLOC_PORTABLE`: pinned for every context of the process. Write-combined memory, another common
/// flag, is never asked for, since a CPU reads it many times slower.
pub(crate) const HOST_ALLOC_PORTABLE: c_uint = 1;
/// `CU_MEM_ALLOCATION_TYPE_PINNED`: memory that stays in its place, the only kind that can be mapped.
pub(crate) const ALLOCATION_PINNED: c_uint = 1;
/// `CU_MEM_LOCATION_TYPE_DEVICE`
pub(crate) const LOCATION_DEVICE: c_uint = 1;
/// `CU_MEM_ALLOC_GRANULARITY_MINIMUM`: the required unit, not the recommended one.
pub(crate) const GRANULARITY_MINIMUM: c_uint = 0;
/// `CU_MEM_ACCESS_FLAGS_PROT_READWRITE`
pub(crate) const ACCESS_READ_WRITE: c_uint = 3;
/// `CU_MEMCPY_SRC_ACCESS_ORDER_STREAM`: the source is read in the order of the stream, as single copies do.
pub(crate) const SOURCE_ORDER_STREAM: c_uint = 1;
/// `CU_MEM_LOCATION_TYPE_INVALID`: no hint.
pub(crate) const LOCATION_NONE: c_uint = 0;
/// `CU_JIT_ERROR_LOG_BUFFER`
pub(crate) const JIT_ERROR_LOG_BUFFER: c_uint = 5;
/// `CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES`
pub(crate) const JIT_ERROR_LOG_BUFFER_SIZE: c_uint = 6;

// The signatures are those of `cuda.h`. Enums as parameters are passed as the `unsigned int` that they are in
// C.
functions! {
    fn cuInit(flags: c_uint) -> Code;
    fn cuDriverGetVersion(version: *mut c_int) -> Code;
    fn cuGetErrorName(error: Code, name: *mut *const c_char) -> Code;
    fn cuGetErrorString(error: Code, text: *mut *const c_char) -> Code;

    fn cuDeviceGetCount(count: *mut c_int) -> Code;
    fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> Code;
    fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_int, device: c_int) -> Code;
    fn cuDeviceGetName(name: *mut c_char, len: c_int, device: c_int) -> Code;
    fn cuDevicePrimaryCtxRetain(context: *mut ContextHandle, device: c_int) -> Code;
    fn cuDevicePrimaryCtxRelease_v2(device: c_int) -> Code;

    fn cuCtxGetCurrent(context: *mut ContextHandle) -> Code;
    fn cuCtxSetCurrent(context: ContextHandle) -> Code;
    fn cuCtxPushCurrent_v2(context: ContextHandle) -> Code;
    fn cuCtxPopCurrent_v2(context: *mut ContextHandle) -> Code;
    fn cuCtxGetApiVersion(context: ContextHandle, version: *mut c_uint) -> Code;
    fn cuCtxSynchronize() -> Code;
    fn cuThreadExchangeStreamCaptureMode(mode: *mut c_uint) -> Code;

    fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> Code;
    fn cuMemAlloc_v2(address: *mut DeviceAddress, bytes: usize) -> Code;
    fn cuMemFree_v2(address: DeviceAddress) -> Code;
    fn cuMemPoolCreate(pool: *mut PoolHandle, properties: *const PoolProperties) -> Code;
    fn cuMemPoolDestroy(pool: PoolHandle) -> Code;
    fn cuMemAllocFromPoolAsync(
        address: *mut DeviceAddress,
        bytes: usize,
        pool: PoolHandle,
        stream: StreamHandle,
    ) -> Code;
    fn cuMemFreeAsync(address: DeviceAddress, stream: StreamHandle) -> Code;
    fn cuMemHostAlloc(address: *mut *mut c_void, bytes: usize, flags: c_uint) -> Code;
    fn cuMemFreeHost(address: *mut c_void) -> Code;

    fn cuMemGetAllocationGranularity(
        granularity: *mut usize,
        properties: *const AllocationProperties,
        option: c_uint,
    ) -> Code;
    fn cuMemAddressReserve(
        address: *mut DeviceAddress,
        bytes: usize,
        alignment: usize,
        place: DeviceAddress,
        flags: u64,
    ) -> Code;
    fn cuMemAddressFree(address: DeviceAddress, bytes: usize) -> Code;
    fn cuMemCreate(
        chunk: *mut ChunkHandle,
        bytes: usize,
        properties: *const AllocationProperties,
        flags: u64,
    ) -> Code;
    fn cuMemRelease(chunk: ChunkHandle) -> Code;
    fn cuMemMap(
        address: DeviceAddress,
        bytes: usize,
        offset: usize,
        chunk: ChunkHandle,
        flags: u64,
    ) -> Code;
    fn cuMemSetAccess(
        address: DeviceAddress,
        bytes: usize,
        access: *const AccessDescription,
        count: usize,
    ) -> Code;
    fn cuMemUnmap(address: DeviceAddress, bytes: usize) -> Code;

    fn cuStreamCreate(stream: *mut StreamHandle, flags: c_uint) -> Code;
    fn cuStreamSynchronize(stream: StreamHandle) -> Code;
    fn cuStreamQuery(stream: StreamHandle) -> Code;
    fn cuStreamDestroy_v2(stream: StreamHandle) -> Code;
    fn cuStreamWaitEvent(stream: StreamHandle, event: EventHandle, flags: c_uint) -> Code;

    fn cuEventCreate(event: *mut EventHandle, flags: c_uint) -> Code;
    fn cuEventDestroy_v2(event: EventHandle) -> Code;
    fn cuEventRecord(event: EventHandle, stream: StreamHandle) -> Code;
    fn cuEventQuery(event: EventHandle) -> Code;
    fn cuEventSynchronize(event: EventHandle) -> Code;

    fn cuMemcpyHtoDAsync_v2(
        to: DeviceAddress,
        from: *const c_void,
        bytes: usize,
        stream: StreamHandle,
    ) -> Code;
    fn cuMemcpyDtoHAsync_v2(
        to: *mut c_void,
        from: DeviceAddress,
        bytes: usize,
        stream: StreamHandle,
    ) -> Code;
    fn cuMemcpyDtoDAsync_v2(
        to: DeviceAddress,
        from: DeviceAddress,
        bytes: usize,
        stream: StreamHandle,
    ) -> Code;
    // The symbol without `_v2` is that of CUDA 12.8, and newer drivers have it too. CUDA 13's header maps the
    // name to the symbol with `_v2`, which has no `failed`.
    fn cuMemcpyBatchAsync(
        to: *mut DeviceAddress,
        from: *mut DeviceAddress,
        bytes: *mut usize,
        count: usize,
        attributes: *mut CopyAttributes,
        firsts: *mut usize,
        attribute_count: usize,
        failed: *mut usize,
        stream: StreamHandle,
    ) -> Code;
    fn cuMemsetD8Async(to: DeviceAddress, value: u8, count: usize, stream: StreamHandle) -> Code;
    fn cuMemsetD16Async(to: DeviceAddress, value: u16, count: usize, stream: StreamHandle)
    -> Code;
    fn cuMemsetD32Async(
        to: DeviceAddress,
        value: c_uint,
        count: usize,
        stream: StreamHandle,
    ) -> Code;

    fn cuModuleLoadDataEx(
        module: *mut ModuleHandle,
        image: *const c_void,
        options: c_uint,
        keys: *mut c_uint,
        values: *mut *mut c_void,
    ) -> Code;
    fn cuModuleUnload(module: ModuleHandle) -> Code;
    fn cuModuleGetFunction(
        function: *mut FunctionHandle,
        module: ModuleHandle,
        name: *const c_char,
    ) -> Code;
    fn cuFuncGetAttribute(value: *mut c_int, attribute: c_int, function: FunctionHandle) -> Code;
    fn cuFuncSetAttribute(function: FunctionHandle, attribute: c_uint, value: c_int) -> Code;
    fn cuLaunchKernel(
        function: FunctionHandle,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        shared_bytes: c_uint,
        stream: StreamHandle,
        parameters: *mut *mut c_void,
        extra: *mut *mut c_void,
    ) -> Code;
}
