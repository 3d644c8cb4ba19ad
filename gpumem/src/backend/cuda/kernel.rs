//! Kernels of a module for typed launches: found once, with the limits of the device and of the kernel.
//!
//! A launch is compared with the limits before the driver is called. The driver refuses the same launches,
//! but calls each of them an "invalid argument".

use super::context::Context;
use super::driver::{
    self, ATTRIBUTE_MAX_BLOCK, ATTRIBUTE_MAX_GRID, FUNCTION_MAX_THREADS, FUNCTION_STATIC_SHARED_BYTES,
    FunctionHandle,
};
use super::error::{check, kernel_refused};
use super::module::{Function, Module, SHARED_UNASKED, sealed};
use crate::backend::{Dim3, Fault};
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, PoisonError};

/// The most blocks of a grid, or threads of a block, along each axis.
type Axes = [c_int; 3];

/// The limits of a device for every kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    block: Axes,
    grid: Axes,
}

/// A kernel of a module.
#[derive(Debug)]
pub(crate) struct FoundKernel {
    handle: FunctionHandle,
    name: &'static str,
    max_threads: u32,
    static_shared: u32,
    /// The dynamic shared memory that the driver was asked to allow. Locked while it is asked, so that a
    /// smaller number does not replace a larger one.
    allowed_shared: Mutex<u32>,
}

/// A kernel with its module, for a launch.
struct Launched<'a>(&'a FoundKernel, *const Context);

impl super::module::Kernel for Launched<'_> {}

impl sealed::Kernel for Launched<'_> {
    fn raw(&self) -> *mut c_void {
        self.0.handle.to_raw()
    }

    fn context(&self) -> Option<*const Context> {
        Some(self.1)
    }

    fn name(&self) -> Option<&str> {
        Some(self.0.name)
    }
}

impl Module {
    /// The limits of the module's device.
    pub(crate) fn limits(&self) -> Result<Limits, Fault> {
        self.with("", |_, context| {
            let axes = |first: c_int| -> Result<Axes, Fault> {
                Ok([context.attribute(first)?, context.attribute(first + 1)?, context.attribute(first + 2)?])
            };
            Ok(Limits { block: axes(ATTRIBUTE_MAX_BLOCK)?, grid: axes(ATTRIBUTE_MAX_GRID)? })
        })
    }

    /// Finds a kernel for launches to come.
    pub(crate) fn find(&self, name: &'static str) -> Result<FoundKernel, Fault> {
        let function = self.function(name)?;
        let attribute = |attribute: c_int| self.with(name, |_, _| function_attribute(&function, attribute));
        Ok(FoundKernel {
            handle: function.handle(),
            name,
            max_threads: attribute(FUNCTION_MAX_THREADS)?,
            static_shared: attribute(FUNCTION_STATIC_SHARED_BYTES)?,
            allowed_shared: Mutex::new(0),
        })
    }
}

fn function_attribute(function: &Function<'_>, attribute: c_int) -> Result<u32, Fault> {
    let mut value: c_int = 0;
    // SAFETY: the kernel's module is loaded, its context is current, and the pointer is valid for a write
    // (the driver's contract).
    check("cuFuncGetAttribute", unsafe {
        driver::cuFuncGetAttribute(&raw mut value, attribute, function.handle())
    })?;
    Ok(u32::try_from(value).unwrap_or_default())
}

impl FoundKernel {
    /// The threads of a block where the launch does not say.
    pub(crate) fn default_block(&self) -> Dim3 {
        Dim3::from(self.max_threads.clamp(1, 256))
    }

    /// Refuses a launch that the device or the kernel cannot do.
    pub(crate) fn check(&self, (grid, block): (Dim3, Dim3), limits: &Limits) -> Result<(), Fault> {
        let name = self.name;
        let threads = block.count();
        if threads > u128::from(self.max_threads) {
            let most = self.max_threads;
            return Err(kernel_refused(format!(
                "a block of {block} threads has {threads}, and a block of `{name}` has at most {most} on this device"
            )));
        }
        let beyond = |size: Dim3, most: Axes| {
            let sizes = [size.x, size.y, size.z];
            sizes.iter().zip(most).any(|(size, most)| i64::from(*size) > i64::from(most))
        };
        for (what, size, most) in [("block", block, limits.block), ("grid", grid, limits.grid)] {
            if beyond(size, most) {
                let [x, y, z] = most;
                return Err(kernel_refused(format!(
                    "a {what} of {size} is too large for `{name}`: the device has at most {x} x {y} x {z}"
                )));
            }
        }
        Ok(())
    }

    /// Has the driver allow as much dynamic shared memory as a launch asks for.
    pub(crate) fn allow_shared(&self, module: &Module, bytes: u32) -> Result<(), Fault> {
        if bytes.saturating_add(self.static_shared) <= SHARED_UNASKED {
            return Ok(());
        }
        // A number is whole at all times.
        let mut allowed = self.allowed_shared.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes > *allowed {
            module.function(self.name)?.allow_shared(bytes)?;
            *allowed = bytes;
        }
        Ok(())
    }
}

impl super::Stream {
    /// Queues a kernel of a module. See [`launch`](Self::launch).
    ///
    /// # Safety
    ///
    /// As for `launch`; the kernel is one of the module (rules 1 and 2).
    pub(crate) unsafe fn launch_found(
        &self,
        module: &Module,
        kernel: &FoundKernel,
        (grid, block, shared_bytes): (Dim3, Dim3, u32),
        arguments: &[*mut c_void],
    ) -> Result<(), Fault> {
        let kernel = Launched(kernel, module.context());
        // SAFETY: the caller promises the same (rules 1 and 2).
        unsafe { self.launch(&kernel, grid, block, shared_bytes, arguments) }
    }
}
