//! The functions of CUDA's driver: declared once, and found in the driver's library while the program runs.
//!
//! Every function returns a plain `i32`. (`cust` declares a Rust enum of CUDA 11.4's codes as the result. A
//! driver that answers with a newer code would be undefined behaviour before any code looked at it.) Where
//! the driver has a second version of a function, it is the `_v2` symbol. The name without `_v2` is the old
//! 32-bit interface, and only the C header maps one to the other.
//!
//! This file decides nothing. Codes become faults in `error`, and the callers state the rules for each call.

mod library;
mod waits;

pub(super) use self::library::{LIBRARY, NotLoaded};
pub(super) use self::waits::{wait_for_event, wait_for_stream};

use crate::threads::process_end;
use libloading::Library;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::ManuallyDrop;
use std::sync::OnceLock;

/// The result of every function: 0, or the reason why it did not work.
pub(super) type Code = c_int;

/// An address on the device.
pub(super) type DeviceAddress = u64;

/// Declares the driver's opaque handles, each a type of its own so that they cannot be mixed up.
macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(transparent)]
        pub(super) struct $name(*mut c_void);

        impl $name {
            /// The value of an output parameter before the driver fills it, and of "none".
            pub(super) const NULL: Self = Self(std::ptr::null_mut());
        }

        // SAFETY: a handle is a name that only the driver resolves, and the driver's functions may be called
        // on any thread. Those that need their context current are called after `context` has made it so (the
        // driver's contract).
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
pub(super) struct ChunkHandle(u64);

impl ChunkHandle {
    /// The value of an output parameter before the driver fills it.
    pub(super) const NONE: Self = Self(0);
}

/// `CUmemLocation`: the place of memory, or the device that may touch it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Location {
    pub(super) kind: c_uint,
    pub(super) id: c_int,
}

/// `CUmemAllocationProp`, with its inner struct of flags written out.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct AllocationProperties {
    pub(super) kind: c_uint,
    pub(super) requested_handle_types: c_uint,
    pub(super) location: Location,
    pub(super) win32_meta_data: *mut c_void,
    pub(super) compression: u8,
    pub(super) gpu_direct_rdma: u8,
    pub(super) usage: u16,
    pub(super) reserved: [u8; 4],
}

/// `CUmemPoolProps`. Newer headers make fields of the first reserved bytes (`maxSize`, `usage`), whose zeros
/// mean "the default".
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct PoolProperties {
    pub(super) kind: c_uint,
    pub(super) requested_handle_types: c_uint,
    pub(super) location: Location,
    pub(super) win32_security_attributes: *mut c_void,
    pub(super) reserved: [u8; 64],
}

/// `CUmemAccessDesc`
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct AccessDescription {
    pub(super) location: Location,
    pub(super) flags: c_uint,
}

/// `CUmemcpyAttributes`. The hints are for memory whose place can change, which this crate has none of.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct CopyAttributes {
    pub(super) source_order: c_uint,
    pub(super) source_hint: Location,
    pub(super) target_hint: Location,
    pub(super) flags: c_uint,
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

impl StreamHandle {
    /// The handle as other libraries have it.
    pub(super) fn to_raw(self) -> *mut c_void {
        self.0
    }
}

impl FunctionHandle {
    /// The handle as [`Kernel`](super::Kernel) has it.
    pub(super) fn from_raw(raw: *mut c_void) -> Self {
        Self(raw)
    }

    pub(super) fn to_raw(self) -> *mut c_void {
        self.0
    }
}

/// The codes that this crate distinguishes. For all others it only writes the driver's text.
pub(super) mod code {
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

/// The oldest driver that has all functions which are declared here but for [`OPTIONAL`], as
/// `cuDriverGetVersion` counts: that of CUDA 11.2, which brought stream-ordered memory. (Virtual memory is of
/// 10.2, and `cuThreadExchangeStreamCaptureMode` of 10.1.)
pub(super) const OLDEST_DRIVER: c_int = 11_020;

/// The functions that a driver may lack. They are called only where they are there.
const OPTIONAL: [&str; 1] = ["cuMemcpyBatchAsync"];

/// `CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN`: the most shared memory that a kernel can have
/// when it asks for it.
pub(super) const ATTRIBUTE_MAX_SHARED_BYTES: c_int = 97;
/// `CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED`: the device has virtual memory.
pub(super) const ATTRIBUTE_VIRTUAL_MEMORY_SUPPORTED: c_int = 102;
/// `CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED`: the device has stream-ordered memory.
pub(super) const ATTRIBUTE_MEMORY_POOLS_SUPPORTED: c_int = 115;

/// `CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X`; those of y and z follow.
pub(super) const ATTRIBUTE_MAX_BLOCK: c_int = 2;
/// `CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X`; those of y and z follow.
pub(super) const ATTRIBUTE_MAX_GRID: c_int = 5;

/// `CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK`
pub(super) const FUNCTION_MAX_THREADS: c_int = 0;
/// `CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES`: the shared memory that the kernel declares by itself.
pub(super) const FUNCTION_STATIC_SHARED_BYTES: c_int = 1;
/// `CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES`
pub(super) const FUNCTION_MAX_DYNAMIC_SHARED_BYTES: c_uint = 8;
/// `CU_STREAM_CAPTURE_MODE_RELAXED`: captures by other libraries forbid this thread nothing.
pub(super) const CAPTURE_MODE_RELAXED: c_uint = 2;

/// `CU_STREAM_NON_BLOCKING`: the stream does not wait for the legacy stream, nor that for it.
pub(super) const STREAM_NON_BLOCKING: c_uint = 1;
/// `CU_EVENT_DISABLE_TIMING`: an event that only orders, which is cheaper to record and to wait for.
pub(super) const EVENT_DISABLE_TIMING: c_uint = 2;
/// `CU_MEMHOSTALLOC_PORTABLE`: pinned for every context of the process. Write-combined memory, another common
/// flag, is never asked for, since a CPU reads it many times slower.
pub(super) const HOST_ALLOC_PORTABLE: c_uint = 1;
/// `CU_MEM_ALLOCATION_TYPE_PINNED`: memory that stays in its place, the only kind that can be mapped.
pub(super) const ALLOCATION_PINNED: c_uint = 1;
/// `CU_MEM_LOCATION_TYPE_DEVICE`
pub(super) const LOCATION_DEVICE: c_uint = 1;
/// `CU_MEM_ALLOC_GRANULARITY_MINIMUM`: the required unit, not the recommended one.
pub(super) const GRANULARITY_MINIMUM: c_uint = 0;
/// `CU_MEM_ACCESS_FLAGS_PROT_READWRITE`
pub(super) const ACCESS_READ_WRITE: c_uint = 3;
/// `CU_MEMCPY_SRC_ACCESS_ORDER_STREAM`: the source is read in the order of the stream, as single copies do.
pub(super) const SOURCE_ORDER_STREAM: c_uint = 1;
/// `CU_MEM_LOCATION_TYPE_INVALID`: no hint.
pub(super) const LOCATION_NONE: c_uint = 0;
/// `CU_JIT_ERROR_LOG_BUFFER`
pub(super) const JIT_ERROR_LOG_BUFFER: c_uint = 5;
/// `CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES`
pub(super) const JIT_ERROR_LOG_BUFFER_SIZE: c_uint = 6;

/// The functions of the loaded library. Set once, by [`load`].
static FUNCTIONS: OnceLock<Functions> = OnceLock::new();

/// Makes from the declarations a table of the functions' addresses, and a function of the same name for each.
macro_rules! functions {
    ($(fn $name:ident($($parameter:ident: $type:ty),* $(,)?) -> Code;)*) => {
        /// The address of each function, if the library has the function.
        #[allow(non_snake_case)]
        struct Functions {
            $($name: Option<unsafe extern "system" fn($($type),*) -> Code>,)*
        }

        impl Functions {
            /// Finds them in a library that is never unloaded.
            fn find(library: &ManuallyDrop<Library>) -> Self {
                Self {
                    // SAFETY: the address is null, which is `None`, or that of the driver's function with
                    // this name. `cuda.h` declares it like this, and it stays where it is: the library is
                    // never unloaded, since its threads and destructors need its code as well (the driver's
                    // contract).
                    $($name: unsafe {
                        std::mem::transmute::<*mut c_void, Option<unsafe extern "system" fn($($type),*) -> Code>>(
                            library::address(library, stringify!($name)),
                        )
                    },)*
                }
            }

            /// The name of the first function that the library lacks, and must have.
            fn missing(&self) -> Option<&'static str> {
                $(if self.$name.is_none() && !OPTIONAL.contains(&stringify!($name)) {
                    return Some(stringify!($name));
                })*
                None
            }
        }

        $(
            /// The driver's function. If the library is not loaded, or lacks the function, it answers as a
            /// driver does that is not initialised. On a thread of this crate's own it answers as a driver
            /// does that is shutting down once the process ends.
            ///
            /// # Safety
            ///
            /// The conditions of the function itself (the driver's contract).
            #[allow(non_snake_case, clippy::too_many_arguments)]
            #[inline]
            pub(super) unsafe fn $name($($parameter: $type),*) -> Code {
                let Some(_inside) = process_end::enter() else { return code::DEINITIALIZED };
                match FUNCTIONS.get() {
                    // SAFETY: the caller's part (the driver's contract).
                    Some(Functions { $name: Some(function), .. }) => unsafe { function($($parameter),*) },
                    _ => code::NOT_INITIALIZED,
                }
            }
        )*
    };
}

/// Loads the driver's library, unless it is loaded, and finds the functions in it.
///
/// A library that could not be loaded is looked for anew by the next call: it may have come since, and to
/// look for it has no lasting effect. A library that is loaded stays, even if it lacks a function.
pub(super) fn load() -> Result<(), NotLoaded> {
    let functions = match FUNCTIONS.get() {
        Some(functions) => functions,
        None => {
            let found = Functions::find(&library::open(LIBRARY)?);
            // Another thread may have been faster. Then it has found the same addresses.
            FUNCTIONS.get_or_init(|| found)
        }
    };
    functions.missing().map_or(Ok(()), |name| Err(NotLoaded::Function(name)))
}

/// Whether the driver has `cuMemcpyBatchAsync`, which came with CUDA 12.8.
pub(super) fn has_batches() -> bool {
    FUNCTIONS.get().is_some_and(|functions| functions.cuMemcpyBatchAsync.is_some())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A library that is loaded in any case, and is not the driver.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_library_without_the_functions_is_found_out() {
        let other = Functions::find(&library::open("libc.so.6").unwrap());
        assert_eq!(other.missing(), Some("cuInit"));
        assert!(other.cuLaunchKernel.is_none());
    }

    /// In programs of other tests a card may be open, which changes nothing here.
    #[test]
    fn a_driver_is_looked_for_until_it_is_there() {
        let first = load();
        if let Err(NotLoaded::Library(reason)) = &first {
            assert!(reason.contains(LIBRARY) || cfg!(windows), "{reason}");
            assert!(FUNCTIONS.get().is_none(), "nothing is remembered");
            let mut count = 0;
            // SAFETY: the pointer is valid for a write (the driver's contract).
            assert_eq!(unsafe { cuDeviceGetCount(&raw mut count) }, code::NOT_INITIALIZED);
        } else {
            assert!(FUNCTIONS.get().is_some());
        }
        assert_eq!(load(), first);
    }
}
