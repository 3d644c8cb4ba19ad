//! Modules of kernels, compiled from PTX by the driver, and the launch of kernels.

use super::context::Context;
use super::driver::{
    self, ATTRIBUTE_MAX_SHARED_BYTES, Code, FUNCTION_MAX_DYNAMIC_SHARED_BYTES, FunctionHandle,
    JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE, ModuleHandle, code,
};
use super::error::{
    call_refused, check, context_failed, describe, driver_version, is_sticky, kernel_refused, unavailable,
    up_to,
};
use super::stream::Stream;
use crate::backend::{Dim3, Fault};
use std::ffi::{CString, c_int, c_void};
use std::fmt;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Bytes of dynamic shared memory that every kernel may have which declares none by itself.
pub(super) const SHARED_UNASKED: u32 = 48 << 10;

/// Kernels that were loaded onto a device.
#[derive(Debug)]
pub(crate) struct Module {
    cell: Arc<ModuleCell>,
    /// The context of the kernels, for comparison: while this lives, no other context has its address.
    context: Weak<Context>,
}

/// The driver's module, until its [`Module`] is dropped or its device is closed.
#[derive(Debug)]
struct ModuleCell(Mutex<Option<Loaded>>);

/// A module of the driver's.
#[derive(Debug)]
struct Loaded {
    handle: ModuleHandle,
    context: Arc<Context>,
}

impl ModuleCell {
    fn lock(&self) -> MutexGuard<'_, Option<Loaded>> {
        // It is whole at all times.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The modules that were loaded through one opened device.
#[derive(Debug, Default)]
pub(super) struct Modules(Mutex<Vec<Weak<ModuleCell>>>);

impl Modules {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<ModuleCell>>> {
        // A list is whole after every operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a module that was loaded.
    pub(super) fn add(&self, module: &Module) {
        let mut modules = self.lock();
        modules.retain(|module| module.strong_count() > 0);
        modules.push(Arc::downgrade(&module.cell));
    }

    /// Lets go of the driver's modules and of the context: when the device is closed, and no stream is left
    /// to launch a kernel on.
    pub(super) fn let_go(&self) {
        let modules = std::mem::take(&mut *self.lock());
        for module in modules.iter().filter_map(Weak::upgrade) {
            let loaded = module.lock().take();
            drop(loaded);
        }
    }
}

/// One kernel of a [`Module`](crate::cuda::Module), found by name with
/// [`get_function`](crate::cuda::Module::get_function).
pub struct Function<'m> {
    handle: FunctionHandle,
    name: CString,
    module: &'m Module,
}

/// A kernel that can be launched on a device's stream: a [`Function`] of this crate's
/// [`Module`](crate::cuda::Module), or with the feature `cust` a `cust::function::Function`.
///
/// The trait is sealed.
pub trait Kernel: sealed::Kernel {}

impl Kernel for Function<'_> {}

pub(crate) mod sealed {
    use super::{Context, c_void};

    pub trait Kernel {
        /// The driver's handle of the kernel.
        fn raw(&self) -> *mut c_void;

        /// The context that the kernel was loaded into, if that is known.
        fn context(&self) -> Option<*const Context> {
            None
        }

        /// The kernel's name for messages, if that is known.
        fn name(&self) -> Option<&str> {
            None
        }
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

impl Module {
    /// Has the driver compile PTX for the device.
    pub(super) fn load_ptx(context: &Arc<Context>, ptx: &str) -> Result<Self, Fault> {
        if ptx.trim().is_empty() {
            return Err(unavailable("the PTX is empty".into()));
        }
        let image = CString::new(ptx).map_err(|nul| {
            unavailable(format!("the PTX has a NUL at byte {}; it must be text", nul.nul_position()))
        })?;

        // The driver waits for running kernels when it loads a module, so this thread may wait.
        context.unload_idle_modules();
        let _current = context.enter()?;
        let mut log = JitLog::new();
        let mut handle = ModuleHandle::NULL;
        let answer = log.during(|count, keys, values| {
            // SAFETY: the image is text that ends with a NUL, the options are those of a `JitLog`, the
            // pointer is valid for a write, and the context is current. The driver keeps none of these
            // pointers (the driver's contract).
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
        let loaded = Loaded { handle, context: Arc::clone(context) };
        Ok(Self { cell: Arc::new(ModuleCell(Mutex::new(Some(loaded)))), context: Arc::downgrade(context) })
    }

    /// Calls the driver with the module, which stays loaded during the call, and with its context current.
    pub(super) fn with<T>(
        &self,
        kernel: &str,
        call: impl FnOnce(ModuleHandle, &Context) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let loaded = self.cell.lock();
        let Some(Loaded { handle, context }) = &*loaded else {
            let kernel = kernel.escape_debug();
            return Err(kernel_refused(format!(
                "the device that the module of `{kernel}` was loaded onto is closed"
            )));
        };
        let _current = context.enter()?;
        call(*handle, context)
    }

    /// The context of the kernels, for comparison.
    pub(super) fn context(&self) -> *const Context {
        self.context.as_ptr()
    }

    /// Finds a kernel by the name that it has in the PTX.
    pub(crate) fn function(&self, name: &str) -> Result<Function<'_>, Fault> {
        let unknown = || {
            kernel_refused(format!(
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

impl Drop for Loaded {
    /// To unload a module may keep a thread waiting for the device, and its kernels must have ended before.
    /// So it is left to a thread that may wait: one that loads another module, trims the device or ends the
    /// context (rule 7).
    fn drop(&mut self) {
        self.context.retire_module(self.handle);
    }
}

impl Function<'_> {
    /// The kernel's name in the PTX.
    ///
    /// ```no_run
    /// use gpumem::Device;
    /// # const PTX: &str = "";
    ///
    /// let device = Device::cuda(0)?;
    /// let module = device.load_ptx(PTX)?; // with the kernel `add_one`
    /// let add_one = module.get_function("add_one")?;
    /// assert_eq!(add_one.name(), "add_one");
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        sealed::Kernel::name(self).unwrap_or_default()
    }

    pub(super) fn handle(&self) -> FunctionHandle {
        self.handle
    }

    /// Sets how much dynamic shared memory a launch of the kernel may ask for.
    pub(crate) fn allow_shared(&self, bytes: u32) -> Result<(), Fault> {
        const OPERATION: &str = "cuFuncSetAttribute";
        // A number that is too large for the driver's type is more than any device has.
        let value = c_int::try_from(bytes).unwrap_or(c_int::MAX);
        self.module.with(self.name(), |_, context| {
            // SAFETY: the kernel's module is loaded, and its context is current (the driver's contract).
            let answer =
                unsafe { driver::cuFuncSetAttribute(self.handle, FUNCTION_MAX_DYNAMIC_SHARED_BYTES, value) };
            if answer != code::INVALID_VALUE {
                return check(OPERATION, answer);
            }
            let most = context.attribute(ATTRIBUTE_MAX_SHARED_BYTES)?;
            Err(kernel_refused(format!(
                "`{}` cannot have {bytes} bytes of dynamic shared memory: a block of this device has at most {most}, with \
                 the shared memory that the kernel declares by itself",
                self.name()
            )))
        })
    }
}

impl Stream {
    /// Queues a kernel.
    ///
    /// # Safety
    ///
    /// `arguments` points to one value for each of the kernel's parameters, in order and of the parameter's
    /// type. All memory that the kernel reads and writes is in bounds, is alive until the kernel has ended,
    /// and is touched at the same time only by work that is ordered with this stream (rules 1 and 2).
    pub(crate) unsafe fn launch<K: Kernel + ?Sized>(
        &self,
        kernel: &K,
        grid: Dim3,
        block: Dim3,
        shared_bytes: u32,
        arguments: &[*mut c_void],
    ) -> Result<(), Fault> {
        const OPERATION: &str = "cuLaunchKernel";
        let name = kernel.name().unwrap_or("kernel");
        if kernel.context().is_some_and(|context| !ptr::eq(context, Arc::as_ptr(self.context()))) {
            let reason = format!("`{name}` was loaded through another opened device than the stream's");
            return Err(kernel_refused(reason));
        }
        let _current = self.context().enter()?;
        // SAFETY: the kernel and the stream are alive and of this context, which is current (a device with a
        // stream is not closed, and only closing lets go of modules). The driver copies the arguments before
        // it returns and writes none of them. The rest is the caller's part (rules 1 and 2).
        let answer = unsafe {
            driver::cuLaunchKernel(
                FunctionHandle::from_raw(kernel.raw()),
                grid.x,
                grid.y,
                grid.z,
                block.x,
                block.y,
                block.z,
                shared_bytes,
                self.handle(),
                arguments.as_ptr().cast_mut(),
                ptr::null_mut(),
            )
        };
        let reason = || refusal(answer, name, (grid, block), shared_bytes);
        match answer {
            code::SUCCESS => Ok(()),
            code::OUT_OF_MEMORY => Err(call_refused(OPERATION, answer, reason())),
            answer if is_sticky(answer) => Err(context_failed(OPERATION, reason())),
            // All other codes concern the launch: this device does not have the kernel, the configuration or
            // a feature.
            _ => Err(kernel_refused(reason())),
        }
    }
}

/// The driver's text for a refused launch, and the launch itself. The driver calls a grid of no blocks and a
/// block of too many threads the same: an "invalid argument".
#[cold]
fn refusal(answer: Code, kernel: &str, (grid, block): (Dim3, Dim3), shared_bytes: u32) -> String {
    let advice = if shared_bytes > SHARED_UNASKED {
        ", of which more than 48 KiB are had with `Function::allow_shared_bytes`"
    } else {
        ""
    };
    format!(
        "{}, for `{kernel}` with a grid of {grid} blocks of {block} threads and {shared_bytes} bytes of shared \
         memory{advice}",
        describe(answer),
    )
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

/// The messages of the driver's compiler.
struct JitLog {
    bytes: Box<[u8; Self::SIZE]>,
}

impl JitLog {
    /// Enough for the first errors, which count.
    const SIZE: usize = 8 << 10;

    fn new() -> Self {
        Self { bytes: Box::new([0; Self::SIZE]) }
    }

    /// Calls the driver with the options that make it write into this: their count, keys and values.
    fn during(&mut self, call: impl FnOnce(u32, *mut u32, *mut *mut c_void) -> Code) -> Code {
        let mut keys = [JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE];
        // The driver reads this number in place of a pointer, and follows none.
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
