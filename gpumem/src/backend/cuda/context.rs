//! The device's primary context: found, retained, and made current where a driver call needs it.
//!
//! The primary context is the one that the CUDA runtime library uses, and with it most other CUDA code of a
//! process. So memory and kernels can be shared with that code. The driver counts its users: every opened
//! [`Cuda`](super::Cuda) retains the context. Everything with a handle into it (streams, events, pinned
//! blocks, modules) holds the [`Context`] in an `Arc`, so no handle outlives it. Device memory is the
//! exception, see [`Memory`](super::Memory).
//!
//! A driver call works on the context that is current on the calling thread. [`Context::enter`] makes this
//! one current while its guard lives, and then restores the former one. So any thread can use any buffer, and
//! a context of the application's own is never disturbed.

use super::driver::{
    self, CAPTURE_MODE_RELAXED, ContextHandle, EVENT_DISABLE_TIMING, EventHandle, ModuleHandle,
    OLDEST_DRIVER, StreamHandle,
};
use super::error::{
    check, check_open, context_failed, driver_version, log_failure, not_loaded, too_old, unavailable,
};
use crate::backend::Fault;
use crate::log_safely::event;
use crate::threads::{self, process_end};
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A retained primary context, and the handles that are in it.
#[derive(Debug)]
pub struct Context {
    handle: ContextHandle,
    device: c_int,
    /// Whether another library has reset it.
    is_reset: AtomicBool,
    registry: Registry,
}

/// Handles of a context that its users do not hold, or not alone.
#[derive(Debug, Default)]
struct Registry {
    /// Events that are free to be used again.
    spare_events: Mutex<Vec<EventHandle>>,
    /// Modules whose owners are dropped. Kernels of theirs may still be queued; see `module`.
    retired_modules: Mutex<Vec<ModuleHandle>>,
    /// The streams that are alive.
    streams: Mutex<Vec<StreamHandle>>,
    /// The ends of streams that were dropped before their work was done.
    stream_ends: Mutex<Vec<EventHandle>>,
    /// Whether a busy stream was dropped whose end could not be recorded. Then no event tells when its work
    /// is done.
    has_unseen_end: AtomicBool,
}

impl Context {
    /// Finds the device and retains its primary context. Also returns the device's name.
    pub(super) fn open(ordinal: usize) -> Result<(Self, String), Fault> {
        driver::load().map_err(|why| unavailable(not_loaded(&why)))?;
        // SAFETY: the first call into the driver, which may be made any number of times (the driver's
        // contract).
        check_open("cuInit", unsafe { driver::cuInit(0) })?;
        process_end::watch();
        match driver_version() {
            Some(version) if version < OLDEST_DRIVER => return Err(unavailable(too_old(version))),
            _ => {}
        }
        let _relaxed = RelaxedCapture::enter()?;

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
        Ok((Self { handle, device, is_reset: AtomicBool::new(false), registry: Registry::default() }, name))
    }

    /// Makes the context current on this thread until the guard is dropped.
    pub(super) fn enter(&self) -> Result<CurrentContext<'_>, Fault> {
        self.check()?;
        CurrentContext::enter(self.handle)
    }

    pub(super) fn handle(&self) -> ContextHandle {
        self.handle
    }

    /// Whether no other library has reset it, as far as a call of this one can tell.
    pub(super) fn is_alive(&self) -> bool {
        self.check().is_ok()
    }

    /// A fault if another library has reset the primary context (`cudaDeviceReset` does), although this one
    /// has it retained. All handles are invalid then, and the driver does not notice: most calls on an old
    /// stream end the program. So no handle is used any more, not even when another library makes the context
    /// again, under the same handle. (Nothing helps against a reset during a call.)
    fn check(&self) -> Result<(), Fault> {
        const OPERATION: &str = "cuCtxGetApiVersion";
        let mut version: c_uint = 0;
        let answer = if self.is_reset.load(Ordering::Relaxed) {
            driver::code::INVALID_CONTEXT
        } else {
            // SAFETY: the pointer is valid for a write. The handle is retained as long as `self` lives, and
            // the driver looks it up (the driver's contract).
            unsafe { driver::cuCtxGetApiVersion(self.handle, &raw mut version) }
        };
        if answer != driver::code::INVALID_CONTEXT {
            return check(OPERATION, answer);
        }
        self.is_reset.store(true, Ordering::Relaxed);
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

    /// An attribute of the device.
    pub(super) fn attribute(&self, attribute: c_int) -> Result<c_int, Fault> {
        let mut value: c_int = 0;
        // SAFETY: the device is one, and the pointer is valid for a write (the driver's contract).
        check("cuDeviceGetAttribute", unsafe {
            driver::cuDeviceGetAttribute(&raw mut value, attribute, self.device)
        })?;
        Ok(value)
    }

    pub(super) fn spare_events(&self) -> MutexGuard<'_, Vec<EventHandle>> {
        locked(&self.registry.spare_events)
    }

    /// A spare event, or a new one. The context is current.
    pub(super) fn take_event(&self) -> Result<EventHandle, Fault> {
        // A statement of its own: the list is not locked during the driver call.
        let spare = self.spare_events().pop();
        if let Some(handle) = spare {
            return Ok(handle);
        }
        let mut handle = EventHandle::NULL;
        // SAFETY: the pointer is valid for a write; the caller has made the context current (the driver's
        // contract).
        check("cuEventCreate", unsafe { driver::cuEventCreate(&raw mut handle, EVENT_DISABLE_TIMING) })?;
        Ok(handle)
    }

    /// Takes over a module whose owner is dropped.
    pub(super) fn retire_module(&self, module: ModuleHandle) {
        locked(&self.registry.retired_modules).push(module);
    }

    /// Remembers a stream that was made.
    pub(super) fn stream_made(&self, stream: StreamHandle) {
        locked(&self.registry.streams).push(stream);
    }

    /// Forgets a stream that is about to be destroyed. Its end was noted before.
    pub(super) fn stream_gone(&self, stream: StreamHandle) {
        let mut streams = locked(&self.registry.streams);
        if let Some(index) = streams.iter().position(|other| *other == stream) {
            streams.swap_remove(index);
        }
    }

    /// Remembers that a stream is being dropped whose end could not be recorded.
    pub(super) fn stream_ended_unseen(&self) {
        self.registry.has_unseen_end.store(true, Ordering::Relaxed);
    }

    /// Remembers the end of a stream that is being dropped.
    pub(super) fn stream_ended(&self, end: EventHandle) {
        // A program that opens and drops streams all the time must not collect events.
        self.sweep_stream_ends();
        locked(&self.registry.stream_ends).push(end);
    }

    /// Takes the events of dropped streams back whose work is done. Returns whether none is left.
    /// The context is current.
    fn sweep_stream_ends(&self) -> bool {
        let mut ends = locked(&self.registry.stream_ends);
        ends.retain(|end| {
            let over = is_over(*end);
            if over {
                self.spare_events().push(*end);
            }
            !over
        });
        ends.is_empty()
    }

    /// Unloads the modules of dropped owners, if the device has no work. The driver waits for kernels of
    /// other devices of the process, and for work that other threads queue meanwhile. So call this only on a
    /// thread that may wait.
    pub(super) fn unload_idle_modules(&self) {
        // Taken before the look at the streams: the owners are dropped, so every kernel of these modules was
        // launched before.
        let modules = std::mem::take(&mut *locked(&self.registry.retired_modules));
        if modules.is_empty() {
            return;
        }
        let Ok(_current) = self.enter() else {
            return locked(&self.registry.retired_modules).extend(modules);
        };
        if self.is_idle() {
            // SAFETY: the context is current and nothing is queued on any of its streams, so kernels of these
            // modules have ended (rule 7).
            modules.into_iter().for_each(|module| unsafe { unload(module) });
        } else {
            locked(&self.registry.retired_modules).extend(modules);
        }
    }

    /// Whether the work of all streams is done, dropped ones included. The context is current.
    fn is_idle(&self) -> bool {
        // Locked, so that no stream is destroyed during the call.
        let streams = locked(&self.registry.streams);
        // SAFETY: a stream is forgotten before it is destroyed, so all of these are alive (the driver's
        // contract).
        let idle = |stream: &StreamHandle| unsafe { driver::cuStreamQuery(*stream) } == driver::code::SUCCESS;
        let all = streams.iter().all(idle);
        drop(streams);
        all && !self.registry.has_unseen_end.load(Ordering::Relaxed) && self.sweep_stream_ends()
    }
}

/// A list of handles is whole after every operation on it, so a panic elsewhere does not spoil it.
fn locked<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the device has reached an event of the current context.
fn is_over(event: EventHandle) -> bool {
    // SAFETY: the events in the context's lists are alive until it is dropped (the driver's contract).
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
    /// Everything with a handle into the context holds the context, so only the lists are left of it now. The
    /// driver waits for kernels, those of other devices included, when it unloads a module and when the last
    /// user of a context releases it. So both are left to another thread (rule 7), except where this thread
    /// may wait: in `Device::close`, or if it is that thread.
    fn drop(&mut self) {
        let end = End {
            handle: self.handle,
            device: self.device,
            is_alive: self.check().is_ok(),
            registry: std::mem::take(&mut self.registry),
        };
        if threads::may_wait() {
            return end.run();
        }
        if let Err(error) = threads::start("gpumem-finish", || end.run()) {
            event!(ERROR, "lost", "a CUDA context stays retained: no thread to release it on: {error}");
        }
    }
}

/// The work that is left when a context is dropped.
struct End {
    handle: ContextHandle,
    device: c_int,
    /// Whether no other library has reset it.
    is_alive: bool,
    registry: Registry,
}

impl End {
    fn run(self) {
        // Another library may be capturing a graph (see `RelaxedCapture`), and the release is outside of the
        // context.
        let _relaxed = RelaxedCapture::enter();
        // At the end of the process the driver may have shut down already. Then nothing is left to give back.
        if self.is_alive
            && let Ok(_current) = CurrentContext::<'static>::enter(self.handle)
        {
            self.give_back();
        }
        // SAFETY: retained once in `open`, and given back once, here (the driver's contract).
        let answer = unsafe { driver::cuDevicePrimaryCtxRelease_v2(self.device) };
        log_failure("cuDevicePrimaryCtxRelease", answer);
    }

    /// Unloads modules and destroys events. The context is current.
    fn give_back(&self) {
        let Registry { spare_events, retired_modules, stream_ends, has_unseen_end, .. } = &self.registry;
        let modules = std::mem::take(&mut *locked(retired_modules));
        let ends = std::mem::take(&mut *locked(stream_ends));
        if !modules.is_empty() {
            // SAFETY: the events are this context's and alive, and no other code has them (the driver's
            // contract).
            let mut ended =
                ends.iter().all(|end| unsafe { driver::wait_for_event(*end) } == driver::code::SUCCESS);
            if has_unseen_end.load(Ordering::Relaxed) {
                // SAFETY: the context is current. The call waits for other devices of the card too, and it
                // ruins the capture of another library. Only a lost event is worth that (rule 7).
                ended &= unsafe { driver::cuCtxSynchronize() } == driver::code::SUCCESS;
            }
            if ended {
                // SAFETY: all streams are dropped and their work is done, so the kernels of these
                // modules have ended (rule 7).
                modules.into_iter().for_each(|module| unsafe { unload(module) });
            } else {
                let modules = modules.len();
                event!(WARN, "refused", modules, "CUDA modules stay loaded: their device has failed");
            }
        }
        for event in std::mem::take(&mut *locked(spare_events)).into_iter().chain(ends) {
            // SAFETY: no other code has these events (rule 3: the registry has let go of them). If the device
            // has not reached one yet, the driver frees it when it has.
            let answer = unsafe { driver::cuEventDestroy_v2(event) };
            log_failure("cuEventDestroy", answer);
        }
    }
}

/// While it lives, the context is current on this thread. It stays on the thread (it is neither `Send` nor
/// `Sync`).
pub(super) struct CurrentContext<'a> {
    is_pushed: bool,
    _relaxed: RelaxedCapture,
    _context: PhantomData<(&'a Context, *const ())>,
}

impl CurrentContext<'_> {
    /// Makes a context current that is retained for as long as this lives.
    fn enter(context: ContextHandle) -> Result<Self, Fault> {
        let relaxed = RelaxedCapture::enter()?;
        let mut current = ContextHandle::NULL;
        // SAFETY: the driver is initialised, since there is a context, and the pointer is valid for a write
        // (the driver's contract).
        check("cuCtxGetCurrent", unsafe { driver::cuCtxGetCurrent(&raw mut current) })?;
        let is_pushed = current != context;
        if is_pushed {
            // SAFETY: the handle is retained (the driver's contract).
            check("cuCtxPushCurrent", unsafe { driver::cuCtxPushCurrent_v2(context) })?;
        }
        Ok(Self { is_pushed, _relaxed: relaxed, _context: PhantomData })
    }
}

impl Drop for CurrentContext<'_> {
    fn drop(&mut self) {
        if self.is_pushed {
            let mut popped = ContextHandle::NULL;
            // SAFETY: this thread pushed the context, and all code that ran since has left the stack as it
            // was (the driver's contract).
            let answer = unsafe { driver::cuCtxPopCurrent_v2(&raw mut popped) };
            log_failure("cuCtxPopCurrent", answer);
        }
    }
}

/// While it lives, calls of this thread are independent of graphs that are being captured elsewhere.
///
/// A library that captures a stream in the default mode, as `PyTorch` does, forbids all threads of the
/// process any call that could be meant for its graph: to ask for the state of events and streams, to take
/// and free memory, to load modules. Such a call fails, and ruins the capture too. No work of this crate is
/// meant for a graph of another library, since none of this crate's streams is ever captured.
struct RelaxedCapture {
    former: c_uint,
    _thread: PhantomData<*const ()>,
}

impl RelaxedCapture {
    fn enter() -> Result<Self, Fault> {
        let mut mode = CAPTURE_MODE_RELAXED;
        // SAFETY: the pointer is valid for a read and a write. Only this thread's mode changes, and the drop
        // restores it (the driver's contract).
        check("cuThreadExchangeStreamCaptureMode", unsafe {
            driver::cuThreadExchangeStreamCaptureMode(&raw mut mode)
        })?;
        Ok(Self { former: mode, _thread: PhantomData })
    }
}

impl Drop for RelaxedCapture {
    fn drop(&mut self) {
        // SAFETY: as in `enter` (the driver's contract).
        let answer = unsafe { driver::cuThreadExchangeStreamCaptureMode(&raw mut self.former) };
        log_failure("cuThreadExchangeStreamCaptureMode", answer);
    }
}

fn device_name(device: c_int) -> Result<String, Fault> {
    let mut name: [c_char; 256] = [0; 256];
    // SAFETY: `device` is a device, and the array is longer than the driver is told (the driver's contract).
    check_open("cuDeviceGetName", unsafe { driver::cuDeviceGetName(name.as_mut_ptr(), 255, device) })?;
    // SAFETY: the array ends with a NUL whatever the driver wrote, since it was told of one byte less; it is
    // alive while the string is read (Rust's contract).
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
