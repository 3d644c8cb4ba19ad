//! Why a backend did not carry out a call, and which backend that was.

use std::fmt;

/// A backend's answer to a call that it did not carry out. With `?` it becomes an [`Error`](crate::Error).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    backend: &'static str,
    cause: Cause,
}

/// Why a backend could not carry out a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no such device, or its driver is missing.
    Unavailable(String),
    /// The device has no room, or for pinned memory the machine has none.
    OutOfMemory,
    /// A kernel that does not exist, or a launch that the device cannot do. Nothing has failed.
    KernelRefused(String),
    /// The calling thread would wait for itself. It runs a host kernel, and the work may be queued after that
    /// kernel. Or it runs wakers, and would wait to be woken. Or it has slots, and would wait for more.
    WouldDeadlock,
    /// CUDA's driver, or for the host backend the operating system, refused this one call. Nothing has
    /// failed: queued work runs on, and the call can be made again.
    CallRefused {
        /// The name of the call.
        operation: &'static str,
        /// The reason that was given.
        reason: String,
    },
    /// The device has failed, now or before: every later call fails too, and all data on the device is lost.
    Failed {
        /// The name of the call.
        operation: &'static str,
        /// The reason that was given.
        reason: String,
    },
}

impl Fault {
    // `backend` is the backend's `NAME`; the causes are described above.

    pub fn unavailable(backend: &'static str, reason: String) -> Self {
        Self { backend, cause: Cause::Unavailable(reason) }
    }

    pub(super) fn out_of_memory(backend: &'static str) -> Self {
        Self { backend, cause: Cause::OutOfMemory }
    }

    pub fn kernel_refused(backend: &'static str, reason: String) -> Self {
        Self { backend, cause: Cause::KernelRefused(reason) }
    }

    pub(crate) fn would_deadlock(backend: &'static str) -> Self {
        Self { backend, cause: Cause::WouldDeadlock }
    }

    pub(crate) fn call_refused(backend: &'static str, operation: &'static str, reason: String) -> Self {
        Self { backend, cause: Cause::CallRefused { operation, reason } }
    }

    pub(super) fn failed(backend: &'static str, operation: &'static str, reason: String) -> Self {
        Self { backend, cause: Cause::Failed { operation, reason } }
    }

    /// Whether there was no memory for the call.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.cause == Cause::OutOfMemory
    }

    /// Whether the device has failed for good. After any other fault pending work stays pending, and the call
    /// can be made again.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self.cause, Cause::Failed { .. })
    }

    #[cfg(test)]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The backend's name, and the cause.
    pub fn into_parts(self) -> (&'static str, Cause) {
        (self.backend, self.cause)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Unavailable(reason) | Cause::KernelRefused(reason) => f.write_str(reason),
            Cause::OutOfMemory => f.write_str("out of memory"),
            Cause::WouldDeadlock => f.write_str("the thread would wait for itself"),
            Cause::CallRefused { operation, reason } | Cause::Failed { operation, reason } => {
                write!(f, "{operation}: {reason}")
            }
        }
    }
}
