//! The device's primary context: found, kept, and made current where a driver call needs it.
//!
//! The primary context is the one that the CUDA runtime library, and with it most other CUDA code of a process, uses as
//! well, so memory and kernels can be shared with it. It is counted by the driver: every opened [`Cuda`](super::Cuda)
//! retains it, and everything that has a handle into it (streams, events, pinned blocks, modules) holds the [`Context`]
//! behind an `Arc`, so no handle outlives it. Device memory is the exception, see [`Memory`](super::Memory).
//!
//! A driver call works on the context that is current on the calling thread. [`Context::bind`] makes this one current
//! for as long as its guard lives and then brings back what was current before, so that any thread can use any buffer
//! and a user's own context is never disturbed.

use super::driver::{
    self, CAPTURE_MODE_RELAXED, ContextHandle, EventHandle, ModuleHandle, OLDEST_DRIVER, StreamHandle,
};
use super::error::{check, check_open, context_failed, driver_version, too_old, unavailable};
use super::module::Loaded;
use crate::backend::Fault;
use crate::threads;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A retained primary context, and what is kept in it for later.
#[derive(Debug)]
pub struct Context {
    handle: ContextHandle,
    device: c_int,
    /// Another library has reset it.
    gone: AtomicBool,
    kept: Kept,
}

/// What a context has besides what its users hold.
#[derive(Debug, Default)]
struct Kept {
    /// Events that nobody uses now; see `event`.
    spare_events: Mutex<Vec<EventHandle>>,
    /// Modules that are loaded.
    modules: Mutex<Vec<Weak<Loaded>>>,
    /// Modules that were let go of. Kernels of theirs may still be queued; see `module`.
    retired_modules: Mutex<Vec<ModuleHandle>>,
    /// The streams that are alive.
    streams: Mutex<Vec<StreamHandle>>,
    /// The ends of streams that were dropped before their work was done.
    stream_ends: Mutex<Vec<EventHandle>>,
    /// A stream was dropped that was not idle, and the event at its end could not be recorded: nobody can
    /// tell when its work is done.
    unseen_end: AtomicBool,
}

impl Context {
    /// Finds the device and retains its primary context; also gives the device's name.
    pub(super) fn open(ordinal: usize) -> Result<(Self, String), Fault> {
        // SAFETY: the first call into the driver, which may be made any number of times (the driver's
        // contract).
        check_open("cuInit", unsafe { driver::cuInit(0) })?;
        match driver_version() {
            Some(version) if version < OLDEST_DRIVER => return Err(unavailable(too_old(version))),
            _ => {}
        }
        let _relaxed = Relaxed::enter()?;

        let mut count: c_int = 0;
        // SAFETY: the driver is initialised, and the pointer is valid for a write (the driver's contract).
        check_open("cuDeviceGetCount", unsafe { driver::cuDeviceGetCount(&raw mut count) })?;
        let number = match c_int::try_from(ordinal) {
            Ok(number) if number < count => number,
            _ => return Err(unavailable(no_such_device(ordinal, count))),
        };

        let mut device: c_int = 0;
        // SAFETY: as above (the driver's contract).
        check_open("cuDeviceGet", unsafe { driver::cuDeviceGet(&raw mut device, number) })?;
        let name = device_name(device)?;

        let mut handle = ContextHandle::NULL;
        // SAFETY: `device` is a device, and the pointer is valid for a write (the driver's contract).
        check_open("cuDevicePrimaryCtxRetain", unsafe {
            driver::cuDevicePrimaryCtxRetain(&raw mut handle, device)
        })?;
        Ok((Self { handle, device, gone: AtomicBool::new(false), kept: Kept::default() }, name))
    }

    /// Makes the context current on this thread until the guard is dropped.
    pub(super) fn bind(&self) -> Result<Bound<'_>, Fault> {
        self.check()?;
        Bound::enter(self.handle)
    }

    pub(super) fn handle(&self) -> ContextHandle {
        self.handle
    }

    /// Whether it was not found to be gone.
    pub(super) fn is_there(&self) -> bool {
        self.check().is_ok()
    }

    /// A fault if another library has reset the primary context (`cudaDeviceReset` does), although this one
    /// has it retained. All handles have gone with it, and the driver follows dangling ones: on a stream of
    /// old, most calls end the program. So none is used any more, not even when somebody has the context made
    /// anew, under the same handle. (A reset while a call is under way is beyond help.)
    fn check(&self) -> Result<(), Fault> {
        const OPERATION: &str = "cuCtxGetApiVersion";
        let mut version: c_uint = 0;
        let answer = if self.gone.load(Ordering::Relaxed) {
            driver::code::INVALID_CONTEXT
        } else {
            // SAFETY: the pointer is valid for a write. The handle is retained as long as `self` lives, and
            // the driver looks it up (the driver's contract).
            unsafe { driver::cuCtxGetApiVersion(self.handle, &raw mut version) }
        };
        if answer != driver::code::INVALID_CONTEXT {
            return check(OPERATION, answer);
        }
        self.gone.store(true, Ordering::Relaxed);
        let reason =
            "another library of this process has reset the card's primary context, which all share".into();
        Err(context_failed(OPERATION, reason))
    }

    /// Makes the context current on this thread and leaves it so.
    pub(crate) fn make_current(&self) -> Result<(), Fault> {
        // SAFETY: the handle is retained as long as `self` lives; the driver refuses calls on it after that
        // (the driver's contract).
        check("cuCtxSetCurrent", unsafe { driver::cuCtxSetCurrent(self.handle) })
    }

    /// The driver's number of the device.
    pub(super) fn device(&self) -> c_int {
        self.device
    }

    /// What the driver says of the device.
    pub(super) fn attribute(&self, attribute: c_int) -> Result<c_int, Fault> {
        let mut value: c_int = 0;
        // SAFETY: the device is one, and the pointer is valid for a write (the driver's contract).
        check("cuDeviceGetAttribute", unsafe {
            driver::cuDeviceGetAttribute(&raw mut value, attribute, self.device)
        })?;
        Ok(value)
    }

    pub(super) fn spare_events(&self) -> MutexGuard<'_, Vec<EventHandle>> {
        locked(&self.kept.spare_events)
    }

    /// Remembers a module that was loaded.
    pub(super) fn module_loaded(&self, module: &Arc<Loaded>) {
        let mut modules = locked(&self.kept.modules);
        modules.retain(|module| module.strong_count() > 0);
        modules.push(Arc::downgrade(module));
    }

    /// Lets go of all modules. See [`Loaded::let_go`] for when that is right.
    pub(super) fn let_go_of_modules(&self) {
        let modules = std::mem::take(&mut *locked(&self.kept.modules));
        modules.iter().filter_map(Weak::upgrade).for_each(|module| module.let_go());
    }

    /// Takes over a module that was let go of.
    pub(super) fn retire_module(&self, module: ModuleHandle) {
        locked(&self.kept.retired_modules).push(module);
    }

    /// Remembers a stream that was made.
    pub(super) fn stream_made(&self, stream: StreamHandle) {
        locked(&self.kept.streams).push(stream);
    }

    /// Forgets a stream that is about to be destroyed. What it still has to do was told before.
    pub(super) fn stream_gone(&self, stream: StreamHandle) {
        let mut streams = locked(&self.kept.streams);
        if let Some(index) = streams.iter().position(|other| *other == stream) {
            streams.swap_remove(index);
        }
    }

    /// Remembers that a stream is being dropped whose end cannot be told.
    pub(super) fn stream_ended_unseen(&self) {
        self.kept.unseen_end.store(true, Ordering::Relaxed);
    }

    /// Remembers the end of a stream that is being dropped.
    pub(super) fn stream_ended(&self, end: EventHandle) {
        // Whoever opens and drops streams all the time shall not collect events.
        self.sweep_stream_ends();
        locked(&self.kept.stream_ends).push(end);
    }

    /// Takes the events back of dropped streams that have come to their ends. Returns whether none is left.
    /// The context is current.
    fn sweep_stream_ends(&self) -> bool {
        let mut ends = locked(&self.kept.stream_ends);
        ends.retain(|end| {
            let over = is_over(*end);
            if over {
                self.spare_events().push(*end);
            }
            !over
        });
        ends.is_empty()
    }

    /// Unloads the modules that were dropped, if the device has nothing to do. Call it where waiting is
    /// expected: the driver waits for kernels of other devices of the process, and for what other threads
    /// queue meanwhile.
    pub(super) fn unload_idle_modules(&self) {
        // Taken first: kernels of these were launched before the look at the streams, since nobody has their
        // functions any more.
        let modules = std::mem::take(&mut *locked(&self.kept.retired_modules));
        if modules.is_empty() {
            return;
        }
        let Ok(_bound) = self.bind() else { return locked(&self.kept.retired_modules).extend(modules) };
        if self.is_idle() {
            // SAFETY: the context is current and nothing is queued on any of its streams, so kernels of these
            // modules have ended (rule 7).
            modules.into_iter().for_each(|module| unsafe { unload(module) });
        } else {
            locked(&self.kept.retired_modules).extend(modules);
        }
    }

    /// Whether all streams have come to their ends, dropped ones included. The context is current.
    fn is_idle(&self) -> bool {
        // Locked, so that none of them is destroyed while it is asked.
        let streams = locked(&self.kept.streams);
        // SAFETY: a stream is forgotten before it is destroyed, so all of these are alive (the driver's
        // contract).
        let idle = |stream: &StreamHandle| unsafe { driver::cuStreamQuery(*stream) } == driver::code::SUCCESS;
        let all = streams.iter().all(idle);
        drop(streams);
        all && !self.kept.unseen_end.load(Ordering::Relaxed) && self.sweep_stream_ends()
    }
}

/// A list of handles is whole after every operation on it, so a panic elsewhere does not spoil it.
fn locked<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the device has reached an event of the current context.
fn is_over(event: EventHandle) -> bool {
    // SAFETY: the events that the context keeps are alive until it is dropped (the driver's contract).
    unsafe { driver::cuEventQuery(event) == driver::code::SUCCESS }
}

/// Unloads a module of the current context. The driver may wait.
///
/// # Safety
///
/// It was taken from the context's list, and its kernels have ended (rule 7).
unsafe fn unload(module: ModuleHandle) {
    // SAFETY: the `Module` is dropped, and with it every borrow of its functions; the rest is the caller's
    // part (rule 7).
    log_failure("cuModuleUnload", unsafe { driver::cuModuleUnload(module) });
}

impl Drop for Context {
    /// Everything with a handle into the context holds it, so by now nothing but the lists is left of it. To
    /// unload modules, and to end a context that nobody else retains, the driver waits for kernels, of other
    /// devices too, so both are left to a thread (rule 7), except where this thread may wait: there it was
    /// asked for (`Device::close`), or it is that thread.
    fn drop(&mut self) {
        let alive = self.check().is_ok();
        let end =
            End { handle: self.handle, device: self.device, alive, kept: std::mem::take(&mut self.kept) };
        if threads::may_wait() {
            return end.run();
        }
        let thread = std::thread::Builder::new().name("gpumem-finish".into()).spawn(|| end.run());
        if let Err(error) = thread {
            crate::log_safely::safely(|| {
                log::error!("gpumem: a CUDA context stays retained: no thread to release it on: {error}");
            });
        }
    }
}

/// What is left to do when a context is let go of.
struct End {
    handle: ContextHandle,
    device: c_int,
    /// Whether it has not been reset.
    alive: bool,
    kept: Kept,
}

impl End {
    fn run(self) {
        // Another library may be capturing a graph (see `Relaxed`), and the release is outside of the
        // context.
        let _relaxed = Relaxed::enter();
        // At the end of the process the driver may be gone already, and then there is nothing to give back.
        if self.alive
            && let Ok(_bound) = Bound::<'static>::enter(self.handle)
        {
            self.let_go();
        }
        // SAFETY: retained once in `open`, and given back once, here (the driver's contract).
        let answer = unsafe { driver::cuDevicePrimaryCtxRelease_v2(self.device) };
        log_failure("cuDevicePrimaryCtxRelease", answer);
    }

    /// Unloads modules and destroys events. The context is current.
    fn let_go(&self) {
        let Kept { spare_events, retired_modules, stream_ends, unseen_end, .. } = &self.kept;
        let modules = std::mem::take(&mut *locked(retired_modules));
        let ends = std::mem::take(&mut *locked(stream_ends));
        if !modules.is_empty() {
            // SAFETY: the events are this context's, alive, and known to nobody else (the driver's contract).
            let mut ended =
                ends.iter().all(|end| unsafe { driver::cuEventSynchronize(*end) } == driver::code::SUCCESS);
            if unseen_end.load(Ordering::Relaxed) {
                // SAFETY: the context is current. It waits for other devices of the card too, which only a
                // lost event is worth, and it ruins the capture of another library (rule 7).
                ended &= unsafe { driver::cuCtxSynchronize() } == driver::code::SUCCESS;
            }
            if ended {
                // SAFETY: all streams are dropped and have come to their ends, so the kernels of these
                // modules have ended (rule 7).
                modules.into_iter().for_each(|module| unsafe { unload(module) });
            } else {
                crate::log_safely::safely(|| {
                    log::warn!("{} CUDA modules stay loaded: their device has failed", modules.len());
                });
            }
        }
        for event in std::mem::take(&mut *locked(spare_events)).into_iter().chain(ends) {
            // SAFETY: these events are known to nobody else (rule 3: the registry has let go of them). One
            // that the device has not reached yet is given back by the driver when it has.
            let answer = unsafe { driver::cuEventDestroy_v2(event) };
            log_failure("cuEventDestroy", answer);
        }
    }
}

/// Where a drop cannot return what went wrong, the log has it.
pub(super) fn log_failure(operation: &'static str, answer: driver::Code) {
    match answer {
        driver::code::SUCCESS => {}
        // Statics may be dropped after the driver has shut down; there is nothing left to give back then.
        driver::code::DEINITIALIZED => crate::log_safely::safely(|| {
            log::debug!("{operation}: the driver has shut down");
        }),
        _ => crate::log_safely::safely(|| {
            log::warn!("{operation}, while dropping: {}", super::error::describe(answer));
        }),
    }
}

/// While it lives, the context is current on this thread. It stays on the thread (it is neither `Send` nor `Sync`).
pub(super) struct Bound<'a> {
    pushed: bool,
    _relaxed: Relaxed,
    _context: PhantomData<(&'a Context, *const ())>,
}

impl Bound<'_> {
    /// Makes a context current that is retained for as long as this lives.
    fn enter(context: ContextHandle) -> Result<Self, Fault> {
        let relaxed = Relaxed::enter()?;
        let mut current = ContextHandle::NULL;
        // SAFETY: the driver is initialised, since there is a context, and the pointer is valid for a write
        // (the driver's contract).
        check("cuCtxGetCurrent", unsafe { driver::cuCtxGetCurrent(&raw mut current) })?;
        let pushed = current != context;
        if pushed {
            // SAFETY: the handle is retained (the driver's contract).
            check("cuCtxPushCurrent", unsafe { driver::cuCtxPushCurrent_v2(context) })?;
        }
        Ok(Self { pushed, _relaxed: relaxed, _context: PhantomData })
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        if self.pushed {
            let mut popped = ContextHandle::NULL;
            // SAFETY: this thread pushed the context, and what ran since has left the stack as it was (the
            // driver's contract).
            let answer = unsafe { driver::cuCtxPopCurrent_v2(&raw mut popped) };
            log_failure("cuCtxPopCurrent", answer);
        }
    }
}

/// While it lives, calls of this thread do not care whether a graph is being captured elsewhere.
///
/// A library that captures a stream in the default mode, as `PyTorch` does, forbids all threads of the
/// process what could be meant for its graph: to ask events and streams how far they are, to take and give
/// back memory, to load modules. Such a call fails, and ruins the capture too. No work of this crate is meant
/// for a graph of others: none of its streams is ever captured.
struct Relaxed {
    former: c_uint,
    _thread: PhantomData<*const ()>,
}

impl Relaxed {
    fn enter() -> Result<Self, Fault> {
        let mut mode = CAPTURE_MODE_RELAXED;
        // SAFETY: the pointer is valid for a read and a write. Only this thread is concerned, and it gets its
        // mode back (the driver's contract).
        check("cuThreadExchangeStreamCaptureMode", unsafe {
            driver::cuThreadExchangeStreamCaptureMode(&raw mut mode)
        })?;
        Ok(Self { former: mode, _thread: PhantomData })
    }
}

impl Drop for Relaxed {
    fn drop(&mut self) {
        // SAFETY: as in `enter` (the driver's contract).
        let answer = unsafe { driver::cuThreadExchangeStreamCaptureMode(&raw mut self.former) };
        log_failure("cuThreadExchangeStreamCaptureMode", answer);
    }
}

fn device_name(device: c_int) -> Result<String, Fault> {
    let mut name: [c_char; 256] = [0; 256];
    // SAFETY: `device` is a device, and the array has more room than the driver is told (the driver's
    // contract).
    check_open("cuDeviceGetName", unsafe { driver::cuDeviceGetName(name.as_mut_ptr(), 255, device) })?;
    // SAFETY: the array ends with a NUL whatever the driver wrote, since it was told of one byte less; it is alive while
    // the string is looked at (Rust's contract).
    Ok(unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned())
}

fn no_such_device(ordinal: usize, count: c_int) -> String {
    match count {
        ..=0 => "the CUDA driver finds no device".into(),
        1 => format!("there is no CUDA device {ordinal}: the driver finds one, which is number 0"),
        _ => format!(
            "there is no CUDA device {ordinal}: the driver finds {count}, numbered 0 to {}",
            count - 1
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_is_told_with_those_that_there_are() {
        assert_eq!(no_such_device(0, 0), "the CUDA driver finds no device");
        assert_eq!(
            no_such_device(1, 1),
            "there is no CUDA device 1: the driver finds one, which is number 0"
        );
        assert_eq!(no_such_device(8, 8), "there is no CUDA device 8: the driver finds 8, numbered 0 to 7");
    }
}
