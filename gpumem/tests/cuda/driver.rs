//! The driver's functions for tests and benchmarks that call it by themselves. Each includes this file by its
//! path.
//!
//! The runtime's declarations are included here, and this file declares what the runtime does not call. The
//! driver is loaded when it is needed.

use libloading::Library;
use std::ffi::c_void;
use std::sync::LazyLock;

/// Makes of declarations functions that are looked for when they are called first. A function that is not
/// there answers as a driver does that is not initialised. The declarations are in child modules, so `super`
/// is this file.
macro_rules! functions {
    ($(fn $name:ident($($parameter:ident: $type:ty),* $(,)?) -> Code;)*) => {$(
        #[allow(non_snake_case, clippy::too_many_arguments)]
        pub(crate) unsafe fn $name($($parameter: $type),*) -> Code {
            type Function = Option<unsafe extern "system" fn($($type),*) -> Code>;
            static FUNCTION: std::sync::LazyLock<Function> = std::sync::LazyLock::new(|| {
                // SAFETY: null is `None`, and `cuda.h` declares the function like this.
                unsafe { std::mem::transmute::<*mut c_void, Function>(super::find(stringify!($name))) }
            });
            match *FUNCTION {
                // SAFETY: the caller's part.
                Some(function) => unsafe { function($($parameter),*) },
                None => code::NOT_INITIALIZED,
            }
        }
    )*};
}

#[allow(clippy::duplicate_mod)] // The runtime's own tests have this module beside the runtime's.
#[path = "../../src/backend/cuda/driver/declarations.rs"]
mod declarations;

pub(crate) use self::declarations::*;
pub(crate) use self::only_here::*;

/// The driver's library, if there is a driver. It stays loaded, since a static is never dropped.
static DRIVER: LazyLock<Option<Library>> = LazyLock::new(|| {
    // SAFETY: a library of this name is the driver, or stands in for it on purpose.
    unsafe { Library::new(LIBRARY) }.ok()
});

/// The address of a function of the driver; null if there is no driver, or if it has no such function.
pub(crate) fn find(name: &str) -> *mut c_void {
    let found = DRIVER.as_ref().and_then(|library| {
        // SAFETY: the symbol is read as an address, which every symbol is.
        unsafe { library.get::<*mut c_void>(name) }.ok()
    });
    found.map_or(std::ptr::null_mut(), |found| *found)
}

/// What the runtime does not call.
mod only_here {
    use super::declarations::*;
    use std::ffi::{c_int, c_uint, c_void};

    /// `CUgraph`
    pub(crate) type GraphHandle = *mut c_void;

    /// `CU_STREAM_CAPTURE_MODE_GLOBAL`, the default
    pub(crate) const CAPTURE_MODE_GLOBAL: c_uint = 0;
    /// `CU_MEMPOOL_ATTR_RELEASE_THRESHOLD`
    pub(crate) const POOL_RELEASE_THRESHOLD: c_uint = 4;
    /// `CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH`
    pub(crate) const POOL_RESERVED_HIGH: c_uint = 6;

    functions! {
        fn cuDeviceGetDefaultMemPool(pool: *mut PoolHandle, device: c_int) -> Code;
        fn cuDevicePrimaryCtxReset_v2(device: c_int) -> Code;
        fn cuDevicePrimaryCtxGetState(device: c_int, flags: *mut c_uint, active: *mut c_int) -> Code;
        fn cuCtxCreate_v2(context: *mut ContextHandle, flags: c_uint, device: c_int) -> Code;
        fn cuCtxDestroy_v2(context: ContextHandle) -> Code;

        fn cuMemAllocAsync(address: *mut DeviceAddress, bytes: usize, stream: StreamHandle) -> Code;
        fn cuMemPoolSetAttribute(pool: PoolHandle, attribute: c_uint, value: *mut c_void) -> Code;
        fn cuMemPoolGetAttribute(pool: PoolHandle, attribute: c_uint, value: *mut c_void) -> Code;
        fn cuMemPoolTrimTo(pool: PoolHandle, keep: usize) -> Code;

        fn cuStreamBeginCapture_v2(stream: StreamHandle, mode: c_uint) -> Code;
        fn cuStreamEndCapture(stream: StreamHandle, graph: *mut GraphHandle) -> Code;

        fn cuMemcpyDtoH_v2(to: *mut c_void, from: DeviceAddress, bytes: usize) -> Code;
        fn cuMemcpyHtoD_v2(to: DeviceAddress, from: *const c_void, bytes: usize) -> Code;
    }
}
