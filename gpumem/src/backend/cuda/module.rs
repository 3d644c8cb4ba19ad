//! Modules of kernels, compiled from PTX by the driver.

use super::context::Context;
use super::driver::{
    self, ATTRIBUTE_MAX_SHARED_BYTES, Code, FUNCTION_MAX_DYNAMIC_SHARED_BYTES, FunctionHandle,
    JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE, ModuleHandle, code,
};
use super::error::{check, describe, driver_version, refused, unavailable, up_to};
use crate::backend::Fault;
use std::ffi::{CString, c_int, c_void};
use std::fmt;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Kernels that were loaded onto a device.
#[derive(Debug)]
pub(crate) struct Module {
    loaded: Arc<Loaded>,
    /// Whose kernels they are, for comparison: it stays the only one of its address.
    context: Weak<Context>,
}

/// What a module holds until it is dropped, or until its device is closed.
#[derive(Debug)]
pub(super) struct Loaded(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    handle: ModuleHandle,
    context: Arc<Context>,
}

impl Loaded {
    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        // It is whole at all times.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the driver's module and of the context: for when the device is closed, so that no stream is
    /// left to launch a kernel on.
    pub(super) fn let_go(&self) {
        let held = self.held().take();
        drop(held);
    }
}

/// One kernel of a [`Module`](crate::cuda::Module), found by name with
/// [`get_function`](crate::cuda::Module::get_function).
pub struct Function<'m> {
    handle: FunctionHandle,
    name: CString,
    module: &'m Module,
}

/// What can be launched on a device's stream: a [`Function`] of this crate's [`Module`](crate::cuda::Module),
/// or one of `cust`'s.
///
/// The trait is sealed.
pub trait Kernel: sealed::Kernel {}

impl Kernel for Function<'_> {}
impl Kernel for cust::function::Function<'_> {}

pub(super) mod sealed {
    use super::{Context, c_void};

    pub trait Kernel {
        /// The driver's handle of the kernel.
        fn raw(&self) -> *mut c_void;
        /// The context that the kernel was loaded into, where that is known.
        fn context(&self) -> Option<*const Context>;
        /// What messages call the kernel, where that is known.
        fn name(&self) -> Option<&str>;
    }
}

impl sealed::Kernel for Function<'_> {
    fn raw(&self) -> *mut c_void {
        self.handle.to_raw()
    }

    fn context(&self) -> Option<*const Context> {
        Some(self.module.context.as_ptr())
    }

    fn name(&self) -> Option<&str> {
        self.name.to_str().ok()
    }
}

impl sealed::Kernel for cust::function::Function<'_> {
    fn raw(&self) -> *mut c_void {
        self.to_raw().cast()
    }

    fn context(&self) -> Option<*const Context> {
        None
    }

    fn name(&self) -> Option<&str> {
        None
    }
}

impl Module {
    /// Has the driver compile PTX for the device.
    pub(super) fn load_ptx(context: &Arc<Context>, ptx: &str) -> Result<Self, Fault> {
        if ptx.trim().is_empty() {
            return Err(unavailable("the PTX is empty".into()));
        }
        let image = CString::new(ptx).map_err(|nul| {
            unavailable(format!("the PTX has a NUL at byte {}; it must be text", nul.nul_position()))
        })?;

        // The driver waits for running kernels when it loads one.
        context.unload_idle_modules();
        let _bound = context.bind()?;
        let mut log = JitLog::new();
        let mut handle = ModuleHandle::NULL;
        let answer = log.during(|count, keys, values| {
            // SAFETY: the image is text that ends with a NUL, the options are those of a `JitLog`, the pointer is valid
            // for a write, and the context is current. The driver keeps none of these pointers (the driver's
            // contract).
            unsafe { driver::cuModuleLoadDataEx(&raw mut handle, image.as_ptr().cast(), count, keys, values) }
        });
        match answer {
            code::INVALID_IMAGE
            | code::NO_BINARY_FOR_GPU
            | code::INVALID_PTX
            | code::JIT_COMPILER_NOT_FOUND
            | code::UNSUPPORTED_PTX_VERSION
            | code::JIT_COMPILATION_DISABLED
            | code::INVALID_SOURCE
            | code::SHARED_OBJECT_SYMBOL_NOT_FOUND => Err(unavailable(cannot_compile(answer, &log.text()))),
            _ => check("cuModuleLoadDataEx", answer),
        }?;
        let held = Held { handle, context: Arc::clone(context) };
        let loaded = Arc::new(Loaded(Mutex::new(Some(held))));
        context.module_loaded(&loaded);
        Ok(Self { loaded, context: Arc::downgrade(context) })
    }

    /// Calls the driver with the module, which is not let go of meanwhile, and with its context current.
    fn with<T>(
        &self,
        kernel: &str,
        call: impl FnOnce(ModuleHandle, &Context) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let held = self.loaded.held();
        let Some(Held { handle, context }) = &*held else {
            let kernel = kernel.escape_debug();
            return Err(refused(format!(
                "the device that the module of `{kernel}` was loaded onto is closed"
            )));
        };
        let _bound = context.bind()?;
        call(*handle, context)
    }

    /// Finds a kernel by the name that it has in the PTX.
    pub(crate) fn function(&self, name: &str) -> Result<Function<'_>, Fault> {
        let unknown = || {
            refused(format!(
                "the module has no kernel `{}`; in PTX a kernel has the name of its `.entry`, which C++ mangles unless \
                 the kernel is `extern \"C\"`",
                name.escape_debug()
            ))
        };
        // The driver calls an empty name an invalid argument.
        let name = Some(name).filter(|name| !name.is_empty()).ok_or_else(unknown)?;
        let name = CString::new(name).map_err(|_| unknown())?;
        let mut handle = FunctionHandle::NULL;
        self.with(&name.to_string_lossy(), |module, _| {
            // SAFETY: the module is loaded, the name ends with a NUL, the pointer is valid for a write, and
            // the context is current (the driver's contract).
            match unsafe { driver::cuModuleGetFunction(&raw mut handle, module, name.as_ptr()) } {
                code::NOT_FOUND => Err(unknown()),
                answer => check("cuModuleGetFunction", answer),
            }
        })?;
        Ok(Function { handle, name, module: self })
    }
}

impl Drop for Held {
    /// Unloading may wait for the device, and must not happen before its kernels have ended; so it is left to
    /// those who may wait: whoever loads another module, trims the device or ends the context (rule 7).
    fn drop(&mut self) {
        self.context.retire_module(self.handle);
    }
}

impl Function<'_> {
    /// The kernel's name in the PTX.
    #[must_use]
    pub fn name(&self) -> &str {
        sealed::Kernel::name(self).unwrap_or_default()
    }

    /// Sets how much dynamic shared memory a launch of the kernel may ask for.
    pub(crate) fn allow_shared(&self, bytes: u32) -> Result<(), Fault> {
        const OPERATION: &str = "cuFuncSetAttribute";
        // More than fits the driver's number is more than any device has.
        let value = c_int::try_from(bytes).unwrap_or(c_int::MAX);
        self.module.with(self.name(), |_, context| {
            // SAFETY: the kernel's module is loaded, and its context is current (the driver's contract).
            let answer =
                unsafe { driver::cuFuncSetAttribute(self.handle, FUNCTION_MAX_DYNAMIC_SHARED_BYTES, value) };
            if answer != code::INVALID_VALUE {
                return check(OPERATION, answer);
            }
            let most = context.attribute(ATTRIBUTE_MAX_SHARED_BYTES)?;
            Err(refused(format!(
                "`{}` cannot have {bytes} bytes of dynamic shared memory: a block of this device has at most {most}, with \
                 the shared memory that the kernel declares by itself",
                self.name()
            )))
        })
    }
}

impl fmt::Debug for Function<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("name", &self.name()).finish_non_exhaustive()
    }
}

fn cannot_compile(answer: Code, log: &str) -> String {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut message = format!("the driver cannot compile the PTX: {}", describe(answer));
    if answer == code::UNSUPPORTED_PTX_VERSION
        && let Some(version) = driver_version()
    {
        message.push_str("; ");
        message.push_str(&up_to(version));
    }
    if !lines.is_empty() {
        message.push_str("; its compiler says: ");
        message.push_str(&lines.join("; "));
    }
    message
}

/// Room for what the driver's compiler has to say.
struct JitLog {
    bytes: Box<[u8; Self::SIZE]>,
}

impl JitLog {
    /// Enough for the first errors, which are those that count.
    const SIZE: usize = 8 << 10;

    fn new() -> Self {
        Self { bytes: Box::new([0; Self::SIZE]) }
    }

    /// Calls the driver with the options that make it write here: their count, keys and values.
    fn during(&mut self, call: impl FnOnce(u32, *mut u32, *mut *mut c_void) -> Code) -> Code {
        let mut keys = [JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE];
        // A number is passed in the place of the pointer, not behind it.
        let mut values = [self.bytes.as_mut_ptr().cast::<c_void>(), ptr::without_provenance_mut(Self::SIZE)];
        call(2, keys.as_mut_ptr(), values.as_mut_ptr())
    }

    fn text(&self) -> String {
        let end = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(Self::SIZE);
        String::from_utf8_lossy(&self.bytes[..end]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_read_to_its_end() {
        let mut log = JitLog::new();
        assert_eq!(log.text(), "");
        log.bytes[..4].copy_from_slice(b"oops");
        assert_eq!(log.text(), "oops");
        log.bytes.fill(b'x');
        assert_eq!(log.text().len(), JitLog::SIZE);
    }

    #[test]
    fn what_the_compiler_says_is_one_line() {
        let message = cannot_compile(218, "ptxas: line 1\r\n\n  ptxas: line 2\n");
        assert!(message.ends_with("; its compiler says: ptxas: line 1; ptxas: line 2"), "{message}");
        let message = cannot_compile(222, "");
        assert!(
            message.starts_with("the driver cannot compile the PTX: ") && message.contains("222"),
            "{message}"
        );
        assert!(!message.contains("compiler says"), "{message}");
    }
}
