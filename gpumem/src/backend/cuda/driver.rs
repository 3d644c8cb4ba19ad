//! The driver's own functions, declared once more.
//!
//! `cust` brings the library in and declares the same functions, but with a Rust enum of CUDA 11.4's codes as the
//! result: a driver that answers with a newer code would be undefined behaviour before anybody looked at it. Here every
//! function returns a plain `i32`. Where the driver has a second version of a function, it is the `_v2` symbol: the
//! name without it is the old 32-bit interface, and only the C header maps one to the other.
//!
//! Nothing is decided in this file. Codes become faults in `error`, and the rules of who may call what stand with the
//! callers.

use std::ffi::{c_char, c_int, c_uint, c_void};

// Not a type of `cust`, but its link to the driver library: without a mention, `cust` would not be linked at all.
use cust as _;

/// What every function returns: 0, or why it did not work.
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
            /// What an output parameter holds before the driver fills it, and what "none" is.
            pub(super) const NULL: Self = Self(std::ptr::null_mut());
        }

        // SAFETY: a handle is a name that only the driver looks behind, and the driver's functions may be called from
        // any thread (rule: "from any thread, with or without the context current there"; `context` makes it current).
        unsafe impl Send for $name {}
        // SAFETY: as above; there is nothing behind a shared handle that this process could race on.
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
}

impl FunctionHandle {
    /// The handle as other layers have it, `cust` for one.
    pub(super) fn from_raw(raw: *mut c_void) -> Self {
        Self(raw)
    }

    pub(super) fn to_raw(self) -> *mut c_void {
        self.0
    }
}

/// The codes that the runtime tells apart. All others are only named.
pub(super) mod code {
    use super::Code;

    pub(crate) const SUCCESS: Code = 0;
    pub(crate) const INVALID_VALUE: Code = 1;
    pub(crate) const OUT_OF_MEMORY: Code = 2;
    pub(crate) const NOT_INITIALIZED: Code = 3;
    pub(crate) const DEINITIALIZED: Code = 4;
    pub(crate) const STUB_LIBRARY: Code = 34;
    /// The runtime library's code; drivers in front of a virtual card answer with it as well.
    pub(crate) const INSUFFICIENT_DRIVER: Code = 35;
    pub(crate) const CALL_REQUIRES_NEWER_DRIVER: Code = 36;
    pub(crate) const DEVICE_UNAVAILABLE: Code = 46;
    pub(crate) const NO_DEVICE: Code = 100;
    pub(crate) const INVALID_DEVICE: Code = 101;
    pub(crate) const INVALID_IMAGE: Code = 200;
    pub(crate) const NO_BINARY_FOR_GPU: Code = 209;
    pub(crate) const INVALID_PTX: Code = 218;
    pub(crate) const JIT_COMPILER_NOT_FOUND: Code = 221;
    pub(crate) const UNSUPPORTED_PTX_VERSION: Code = 222;
    pub(crate) const JIT_COMPILATION_DISABLED: Code = 223;
    pub(crate) const INVALID_SOURCE: Code = 300;
    /// An external symbol of the PTX that nothing defines.
    pub(crate) const SHARED_OBJECT_SYMBOL_NOT_FOUND: Code = 302;
    pub(crate) const NOT_FOUND: Code = 500;
    pub(crate) const NOT_READY: Code = 600;
    pub(crate) const LAUNCH_OUT_OF_RESOURCES: Code = 701;
    pub(crate) const SYSTEM_NOT_READY: Code = 802;
    pub(crate) const SYSTEM_DRIVER_MISMATCH: Code = 803;
    pub(crate) const COMPAT_NOT_SUPPORTED_ON_DEVICE: Code = 804;
}

/// `CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED`: the device has stream-ordered memory.
pub(super) const ATTRIBUTE_MEMORY_POOLS_SUPPORTED: c_int = 115;

/// `CU_STREAM_NON_BLOCKING`: the stream does not wait for the legacy stream, nor that for it.
pub(super) const STREAM_NON_BLOCKING: c_uint = 1;
/// `CU_EVENT_DISABLE_TIMING`: an event that only orders, which is cheaper to record and to wait for.
pub(super) const EVENT_DISABLE_TIMING: c_uint = 2;
/// `CU_MEMHOSTALLOC_PORTABLE`: pinned for every context of the process. Write-combined memory, the other flag one meets,
/// is never asked for: the host reads it many times slower.
pub(super) const HOST_ALLOC_PORTABLE: c_uint = 1;
/// `CU_JIT_ERROR_LOG_BUFFER`
pub(super) const JIT_ERROR_LOG_BUFFER: c_uint = 5;
/// `CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES`
pub(super) const JIT_ERROR_LOG_BUFFER_SIZE: c_uint = 6;

// The signatures are those of `cuda.h`; enums that go in are passed as the `unsigned int` that they are in C.
unsafe extern "C" {
    pub(super) fn cuInit(flags: c_uint) -> Code;
    pub(super) fn cuDriverGetVersion(version: *mut c_int) -> Code;
    pub(super) fn cuGetErrorName(error: Code, name: *mut *const c_char) -> Code;
    pub(super) fn cuGetErrorString(error: Code, text: *mut *const c_char) -> Code;

    pub(super) fn cuDeviceGetCount(count: *mut c_int) -> Code;
    pub(super) fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> Code;
    pub(super) fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_int, device: c_int) -> Code;
    pub(super) fn cuDeviceGetName(name: *mut c_char, len: c_int, device: c_int) -> Code;
    pub(super) fn cuDevicePrimaryCtxRetain(context: *mut ContextHandle, device: c_int) -> Code;
    pub(super) fn cuDevicePrimaryCtxRelease_v2(device: c_int) -> Code;

    pub(super) fn cuCtxGetCurrent(context: *mut ContextHandle) -> Code;
    pub(super) fn cuCtxSetCurrent(context: ContextHandle) -> Code;
    pub(super) fn cuCtxPushCurrent_v2(context: ContextHandle) -> Code;
    pub(super) fn cuCtxPopCurrent_v2(context: *mut ContextHandle) -> Code;

    pub(super) fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> Code;
    pub(super) fn cuMemAlloc_v2(address: *mut DeviceAddress, bytes: usize) -> Code;
    pub(super) fn cuMemFree_v2(address: DeviceAddress) -> Code;
    pub(super) fn cuMemAllocAsync(address: *mut DeviceAddress, bytes: usize, stream: StreamHandle) -> Code;
    pub(super) fn cuMemFreeAsync(address: DeviceAddress, stream: StreamHandle) -> Code;
    pub(super) fn cuMemHostAlloc(address: *mut *mut c_void, bytes: usize, flags: c_uint) -> Code;
    pub(super) fn cuMemFreeHost(address: *mut c_void) -> Code;

    pub(super) fn cuStreamCreate(stream: *mut StreamHandle, flags: c_uint) -> Code;
    pub(super) fn cuStreamSynchronize(stream: StreamHandle) -> Code;
    pub(super) fn cuStreamDestroy_v2(stream: StreamHandle) -> Code;
    pub(super) fn cuStreamWaitEvent(stream: StreamHandle, event: EventHandle, flags: c_uint) -> Code;

    pub(super) fn cuEventCreate(event: *mut EventHandle, flags: c_uint) -> Code;
    pub(super) fn cuEventDestroy_v2(event: EventHandle) -> Code;
    pub(super) fn cuEventRecord(event: EventHandle, stream: StreamHandle) -> Code;
    pub(super) fn cuEventQuery(event: EventHandle) -> Code;
    pub(super) fn cuEventSynchronize(event: EventHandle) -> Code;

    pub(super) fn cuMemcpyHtoDAsync_v2(
        to: DeviceAddress,
        from: *const c_void,
        bytes: usize,
        stream: StreamHandle,
    ) -> Code;
    pub(super) fn cuMemcpyDtoHAsync_v2(
        to: *mut c_void,
        from: DeviceAddress,
        bytes: usize,
        stream: StreamHandle,
    ) -> Code;
    pub(super) fn cuMemcpyDtoDAsync_v2(
        to: DeviceAddress,
        from: DeviceAddress,
        bytes: usize,
        stream: StreamHandle,
    ) -> Code;
    pub(super) fn cuMemsetD8Async(to: DeviceAddress, value: u8, count: usize, stream: StreamHandle) -> Code;
    pub(super) fn cuMemsetD16Async(to: DeviceAddress, value: u16, count: usize, stream: StreamHandle)
    -> Code;
    pub(super) fn cuMemsetD32Async(
        to: DeviceAddress,
        value: c_uint,
        count: usize,
        stream: StreamHandle,
    ) -> Code;

    pub(super) fn cuModuleLoadDataEx(
        module: *mut ModuleHandle,
        image: *const c_void,
        options: c_uint,
        keys: *mut c_uint,
        values: *mut *mut c_void,
    ) -> Code;
    pub(super) fn cuModuleUnload(module: ModuleHandle) -> Code;
    pub(super) fn cuModuleGetFunction(
        function: *mut FunctionHandle,
        module: ModuleHandle,
        name: *const c_char,
    ) -> Code;
    pub(super) fn cuLaunchKernel(
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
