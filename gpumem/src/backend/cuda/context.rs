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

use super::driver::{self, ContextHandle, EventHandle, ModuleHandle};
use super::error::{check, check_open};
use crate::backend::Fault;
use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A retained primary context, and what is kept in it for later.
#[derive(Debug)]
pub struct Context {
    handle: ContextHandle,
    device: c_int,
    /// Events that nobody uses now; see `event`.
    spare_events: Mutex<Vec<EventHandle>>,
    /// Modules that were dropped while kernels of theirs may still have been queued; see `module`.
    retired_modules: Mutex<Vec<ModuleHandle>>,
    /// The ends of streams that were dropped before their work was done.
    stream_ends: Mutex<Vec<EventHandle>>,
    /// A stream was dropped without an event at its end, so nobody knows when its work is done.
    unseen_end: AtomicBool,
}

impl Context {
    /// Finds the device and retains its primary context; also gives the device's name.
    pub(super) fn open(ordinal: usize) -> Result<(Self, String), Fault> {
        // SAFETY: the first call into the driver, which may be made any number of times.
        check_open("cuInit", unsafe { driver::cuInit(0) })?;

        let mut count: c_int = 0;
        // SAFETY: the driver is initialised, and the pointer is valid for a write.
        check_open("cuDeviceGetCount", unsafe { driver::cuDeviceGetCount(&raw mut count) })?;
        let number = match c_int::try_from(ordinal) {
            Ok(number) if number < count => number,
            _ => return Err(Fault::Unavailable(no_such_device(ordinal, count))),
        };

        let mut device: c_int = 0;
        // SAFETY: as above.
        check_open("cuDeviceGet", unsafe { driver::cuDeviceGet(&raw mut device, number) })?;
        let name = device_name(device)?;

        let mut handle = ContextHandle::NULL;
        // SAFETY: `device` is a device, and the pointer is valid for a write.
        check_open("cuDevicePrimaryCtxRetain", unsafe {
            driver::cuDevicePrimaryCtxRetain(&raw mut handle, device)
        })?;
        let context = Self {
            handle,
            device,
            spare_events: Mutex::default(),
            retired_modules: Mutex::default(),
            stream_ends: Mutex::default(),
            unseen_end: AtomicBool::new(false),
        };
        Ok((context, name))
    }

    /// Makes the context current on this thread until the guard is dropped.
    pub(super) fn bind(&self) -> Result<Bound<'_>, Fault> {
        let mut current = ContextHandle::NULL;
        // SAFETY: the driver is initialised, since there is a context, and the pointer is valid for a write.
        check("cuCtxGetCurrent", unsafe { driver::cuCtxGetCurrent(&raw mut current) })?;
        let pushed = current != self.handle;
        if pushed {
            // SAFETY: the handle is retained as long as `self` lives.
            check("cuCtxPushCurrent", unsafe { driver::cuCtxPushCurrent_v2(self.handle) })?;
        }
        Ok(Bound { pushed, _context: PhantomData })
    }

    /// Makes the context current on this thread and leaves it so.
    pub(crate) fn make_current(&self) -> Result<(), Fault> {
        // SAFETY: the handle is retained as long as `self` lives; the driver refuses calls on it after that.
        check("cuCtxSetCurrent", unsafe { driver::cuCtxSetCurrent(self.handle) })
    }

    /// The driver's number of the device.
    pub(super) fn device(&self) -> c_int {
        self.device
    }

    /// What the driver says of the device.
    pub(super) fn attribute(&self, attribute: c_int) -> Result<c_int, Fault> {
        let mut value: c_int = 0;
        // SAFETY: the device is one, and the pointer is valid for a write.
        check("cuDeviceGetAttribute", unsafe {
            driver::cuDeviceGetAttribute(&raw mut value, attribute, self.device)
        })?;
        Ok(value)
    }

    pub(super) fn spare_events(&self) -> MutexGuard<'_, Vec<EventHandle>> {
        locked(&self.spare_events)
    }

    pub(super) fn retired_modules(&self) -> MutexGuard<'_, Vec<ModuleHandle>> {
        locked(&self.retired_modules)
    }

    /// Remembers that a stream is being dropped whose end cannot be told.
    pub(super) fn stream_ended_unseen(&self) {
        self.unseen_end.store(true, Ordering::Relaxed);
    }

    /// Remembers the end of a stream that is being dropped.
    pub(super) fn stream_ended(&self, end: EventHandle) {
        let mut ends = locked(&self.stream_ends);
        // Whoever opens and drops streams all the time shall not collect events.
        ends.retain(|earlier| {
            let done = is_over(*earlier);
            if done {
                self.spare_events().push(*earlier);
            }
            !done
        });
        ends.push(end);
    }
}

/// A list of handles is whole after every operation on it, so a panic elsewhere does not spoil it.
fn locked<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the device has reached an event of the current context.
fn is_over(event: EventHandle) -> bool {
    // SAFETY: the events that the context keeps are alive until it is dropped.
    unsafe { driver::cuEventQuery(event) == driver::code::SUCCESS }
}

impl Drop for Context {
    /// Everything with a handle into the context holds it, so by now nothing but the lists is left of it.
    fn drop(&mut self) {
        let modules = std::mem::take(&mut *self.retired_modules());
        let mut events = std::mem::take(&mut *self.spare_events());
        let stream_ends = std::mem::take(&mut *locked(&self.stream_ends));
        // At the end of the process the driver may be gone already, and then there is nothing to give back.
        if let Ok(_bound) = self.bind() {
            // A closed device has waited for everything. Without that, kernels may be running yet, and to wait for them
            // here would be to block in a drop (rule 7); their modules stay until the driver ends the context.
            let seen = !self.unseen_end.load(Ordering::Relaxed);
            if seen && stream_ends.iter().all(|end| is_over(*end)) {
                for module in modules {
                    // SAFETY: the `Module` is dropped, and with it every borrow of its functions; its kernels were
                    // launched on streams of this context only, all of which have come to their ends.
                    let answer = unsafe { driver::cuModuleUnload(module) };
                    log_failure("cuModuleUnload", answer);
                }
            } else if !modules.is_empty() {
                crate::log_safely::safely(|| {
                    log::warn!(
                        "{} CUDA modules stay loaded: their device was dropped while it ran, or has failed",
                        modules.len()
                    );
                });
            }
            events.extend(stream_ends);
            for event in events {
                // SAFETY: these events are known to nobody else (rule 3: the registry has let go of them). One that the
                // device has not reached yet is given back by the driver when it has.
                let answer = unsafe { driver::cuEventDestroy_v2(event) };
                log_failure("cuEventDestroy", answer);
            }
        }
        // SAFETY: retained once in `open`, and given back once, here.
        let answer = unsafe { driver::cuDevicePrimaryCtxRelease_v2(self.device) };
        log_failure("cuDevicePrimaryCtxRelease", answer);
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
    _context: PhantomData<(&'a Context, *const ())>,
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        if self.pushed {
            let mut popped = ContextHandle::NULL;
            // SAFETY: this thread pushed the context, and what ran since has left the stack as it was.
            let answer = unsafe { driver::cuCtxPopCurrent_v2(&raw mut popped) };
            log_failure("cuCtxPopCurrent", answer);
        }
    }
}

fn device_name(device: c_int) -> Result<String, Fault> {
    let mut name: [c_char; 256] = [0; 256];
    // SAFETY: `device` is a device, and the array has more room than the driver is told.
    check_open("cuDeviceGetName", unsafe { driver::cuDeviceGetName(name.as_mut_ptr(), 255, device) })?;
    // SAFETY: the array ends with a NUL whatever the driver wrote, since it was told of one byte less; it is alive while
    // the string is looked at.
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
