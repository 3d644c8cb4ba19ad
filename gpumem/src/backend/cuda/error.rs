//! From the driver's codes to faults in words.
//!
//! A driver that does not work names no code, and neither does a driver that is not loaded. Then a code is
//! written as a number.

use super::driver::{self, Code, LIBRARY, NotLoaded, OLDEST_DRIVER, code};
use crate::backend::Fault;
use crate::log_safely::event;
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

/// The backend's name.
pub(super) const NAME: &str = "cuda";

pub(super) fn unavailable(reason: String) -> Fault {
    Fault::unavailable(NAME, reason)
}

pub(super) fn kernel_refused(reason: String) -> Fault {
    Fault::kernel_refused(NAME, reason)
}

pub(super) fn context_failed(operation: &'static str, reason: String) -> Fault {
    Fault::failed(NAME, operation, reason)
}

fn out_of_memory() -> Fault {
    Fault::out_of_memory(NAME)
}

/// Turns a code into a result. `operation` is the driver function that returned it, called with handles of
/// this crate's own.
pub(super) fn check(operation: &'static str, answer: Code) -> Result<(), Fault> {
    if answer == code::SUCCESS { Ok(()) } else { Err(fault(operation, answer)) }
}

/// As [`check`], for a call that takes memory.
pub(super) fn check_memory(operation: &'static str, answer: Code) -> Result<(), Fault> {
    if answer == code::OUT_OF_MEMORY { Err(out_of_memory()) } else { check(operation, answer) }
}

/// The fault that stands for a code other than success.
#[cold]
pub(super) fn fault(operation: &'static str, answer: Code) -> Fault {
    // The handles are alive as long as the context. If the driver does not know one, the context is gone:
    // another library has reset it, for example.
    let failed = is_sticky(answer) || answer == code::INVALID_HANDLE;
    let reason = describe(answer);
    if failed { context_failed(operation, reason) } else { call_refused(operation, answer, reason) }
}

/// A call that the driver refused, with advice.
pub(super) fn call_refused(operation: &'static str, answer: Code, reason: String) -> Fault {
    let advice = match answer {
        code::OUT_OF_MEMORY => "; drop buffers, or give back with `Device::trim(0)` what is retained",
        code::STREAM_CAPTURE_UNSUPPORTED => {
            "; a stream is being captured: try again when the capture has ended"
        }
        _ => "",
    };
    Fault::call_refused(NAME, operation, reason + advice)
}

/// Whether the context has failed with this answer, or is gone. After a "sticky" code, by the driver's
/// documentation, every call answers the same until the process ends. Others say that the driver or the
/// context is not there any more. All other codes refuse the one call that they answer.
pub(super) fn is_sticky(answer: Code) -> bool {
    matches!(
        answer,
        code::ECC_UNCORRECTABLE
            | code::NVLINK_UNCORRECTABLE
            | code::CONTAINED
            | code::ILLEGAL_ADDRESS
            | code::LAUNCH_TIMEOUT
            | code::ASSERT
            | code::HARDWARE_STACK_ERROR
            | code::ILLEGAL_INSTRUCTION
            | code::MISALIGNED_ADDRESS
            | code::INVALID_ADDRESS_SPACE
            | code::INVALID_PC
            | code::LAUNCH_FAILED
            | code::TENSOR_MEMORY_LEAK
            | code::EXTERNAL_DEVICE
            | code::UNKNOWN
            // The driver or the context is not there any more: at the end of the process, in a forked child,
            // after a reset, without the MPS server.
            | code::NOT_INITIALIZED
            | code::DEINITIALIZED
            | code::INVALID_CONTEXT
            | code::CONTEXT_IS_DESTROYED
            | code::MPS_RPC_FAILURE
            | code::MPS_CLIENT_TERMINATED
    )
}

/// As [`check`], while a device is opened. Nothing is queued yet, so every other code means that this device
/// is not available.
pub(super) fn check_open(operation: &'static str, answer: Code) -> Result<(), Fault> {
    match answer {
        code::SUCCESS => Ok(()),
        code::OUT_OF_MEMORY => Err(out_of_memory()),
        code::INSUFFICIENT_DRIVER | code::CALL_REQUIRES_NEWER_DRIVER => {
            let version = driver_version().map_or_else(|| "it does not tell its version".into(), up_to);
            Err(unavailable(format!(
                "the CUDA driver is too old; {version} ({operation}: {})",
                describe(answer)
            )))
        }
        _ => Err(unavailable(match explain(answer) {
            Some(words) => format!("{words} ({operation}: {})", describe(answer)),
            None => format!("{operation}: {}", describe(answer)),
        })),
    }
}

/// A code in the driver's words: its text, its name and its number.
pub(super) fn describe(answer: Code) -> String {
    // SAFETY: both functions fill the pointer with a static string of the driver. For an unknown code they
    // leave it null or make it so. They may be called at any time, even before the driver is initialised (the
    // driver's contract).
    let (name, text) =
        unsafe { (ask(driver::cuGetErrorName, answer), ask(driver::cuGetErrorString, answer)) };
    compose(name, text, answer)
}

/// The newest version of CUDA that the driver supports: 12030 for 12.3.
pub(super) fn driver_version() -> Option<c_int> {
    let mut version: c_int = 0;
    // SAFETY: the pointer is valid for a write, and the function may be called at any time (the driver's
    // contract).
    let answer = unsafe { driver::cuDriverGetVersion(&raw mut version) };
    (answer == code::SUCCESS && version > 0).then_some(version)
}

/// Such a version, as part of a sentence.
pub(super) fn up_to(version: c_int) -> String {
    format!("this driver is for CUDA up to {}.{}", version / 1_000, version % 1_000 / 10)
}

/// The message for a driver that is too old.
pub(super) fn too_old(version: c_int) -> String {
    let (major, minor) = (OLDEST_DRIVER / 1_000, OLDEST_DRIVER % 1_000 / 10);
    format!(
        "the CUDA driver is too old: {}, and the oldest that works is that of CUDA {major}.{minor}",
        up_to(version)
    )
}

/// The message for a driver whose functions cannot be called.
pub(super) fn not_loaded(why: &NotLoaded) -> String {
    match why {
        NotLoaded::Library(reason) => format!(
            "the CUDA driver's library {LIBRARY} cannot be loaded ({reason}); install NVIDIA's driver, or start the \
             container with access to the cards"
        ),
        NotLoaded::Function(name) => lacks(name, driver_version()),
    }
}

/// The message for a driver of this version, if it is known, that lacks a function.
fn lacks(function: &str, version: Option<c_int>) -> String {
    match version {
        Some(version) if version < OLDEST_DRIVER => {
            format!("{}; it has no function `{function}`", too_old(version))
        }
        Some(version) => {
            format!("{LIBRARY} has no function `{function}`, although {}", up_to(version))
        }
        None => format!(
            "{LIBRARY} has no function `{function}`: it is that of a CUDA driver which is too old, or of none"
        ),
    }
}

/// Asks the driver for one of the two strings that it has for a code.
///
/// # Safety
///
/// `question` fills its pointer with a string that lives as long as the process, or leaves it null (the
/// driver's contract).
unsafe fn ask(question: unsafe fn(Code, *mut *const c_char) -> Code, answer: Code) -> Option<&'static str> {
    let mut string: *const c_char = ptr::null();
    // SAFETY: the pointer is valid for a write; the rest is this function's own condition (the driver's
    // contract).
    let known = unsafe { question(answer, &raw mut string) } == code::SUCCESS;
    if !known || string.is_null() {
        return None;
    }
    // SAFETY: not null, so by this function's condition a C string that lives for ever (the driver's
    // contract).
    unsafe { CStr::from_ptr(string) }.to_str().ok()
}

/// Logs an answer other than success where a drop cannot return it.
pub(super) fn log_failure(operation: &'static str, answer: Code) {
    match answer {
        code::SUCCESS => {}
        // Statics may be dropped after the driver has shut down. Then nothing is left to give back.
        code::DEINITIALIZED => event!(DEBUG, "refused", "{operation}: the driver has shut down"),
        _ => event!(WARN, "refused", "{operation}, while dropping: {}", describe(answer)),
    }
}

fn compose(name: Option<&str>, text: Option<&str>, answer: Code) -> String {
    match (name, text) {
        (Some(name), Some(text)) => format!("{text} ({name}, {answer})"),
        (Some(known), None) | (None, Some(known)) => format!("{known} ({answer})"),
        (None, None) => format!("code {answer}, which this driver does not name"),
    }
}

/// The meaning of the codes that a machine gives which is not set up for CUDA.
fn explain(answer: Code) -> Option<&'static str> {
    Some(match answer {
        code::NOT_INITIALIZED => "the CUDA driver does not initialise; it is missing or not running",
        code::DEINITIALIZED => "the CUDA driver is shutting down",
        code::STUB_LIBRARY => {
            "the program was started with the toolkit's stub in place of the driver's libcuda.so.1; take the `stubs` \
             folder out of the library path"
        }
        code::DEVICE_UNAVAILABLE => {
            "the CUDA device is taken by another process, or may not be used for computing"
        }
        code::NO_DEVICE => "the CUDA driver finds no device",
        code::INVALID_DEVICE => "there is no such CUDA device",
        code::SYSTEM_NOT_READY => {
            "the system is not ready for CUDA; a service such as the fabric manager is not running"
        }
        code::SYSTEM_DRIVER_MISMATCH => {
            "libcuda.so.1 and the kernel's driver are of different versions; reboot, or repair the driver's installation"
        }
        code::COMPAT_NOT_SUPPORTED_ON_DEVICE => {
            "the compatibility package's libcuda.so.1 does not support this device; take it out of the library path"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Cause;

    #[test]
    fn a_code_is_told_with_whatever_is_known_of_it() {
        let name = Some("CUDA_ERROR_ILLEGAL_ADDRESS");
        let text = Some("an illegal memory access was encountered");
        assert_eq!(
            compose(name, text, 700),
            "an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS, 700)"
        );
        assert_eq!(compose(name, None, 700), "CUDA_ERROR_ILLEGAL_ADDRESS (700)");
        assert_eq!(compose(None, text, 700), "an illegal memory access was encountered (700)");
        assert_eq!(compose(None, None, 700), "code 700, which this driver does not name");
    }

    /// A real driver does not know these codes; the stand-in names none.
    #[test]
    fn a_code_from_the_future_is_a_number() {
        for unknown in [12_345, -1, Code::MAX, Code::MIN] {
            let fault = fault("cuTest", unknown);
            let Cause::CallRefused { operation: "cuTest", reason } = fault.cause() else {
                panic!("{fault:?}")
            };
            assert!(reason.contains(&unknown.to_string()), "{reason}");
        }
    }

    #[test]
    fn codes_become_faults() {
        assert_eq!(check("cuTest", 0), Ok(()));
        assert_eq!(check_memory("cuTest", 2), Err(out_of_memory()));
        assert!(check_memory("cuTest", 700).unwrap_err().is_failure());
        let failed = check("cuTest", 700).unwrap_err().to_string();
        assert!(failed.starts_with("cuTest: ") && failed.contains("700"), "{failed}");

        let reason = |opened: Result<(), Fault>| match opened.unwrap_err().into_parts() {
            ("cuda", Cause::Unavailable(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(check_open("cuInit", 0), Ok(()));
        assert_eq!(check_open("cuInit", 2), Err(out_of_memory()));
        for answer in [3, 4, 34, 35, 36, 46, 100, 101, 802, 803, 804, 999, 123_456] {
            let reason = reason(check_open("cuInit", answer));
            assert!(reason.contains(&answer.to_string()), "{reason}");
        }
        let reason = reason(check_open("cuInit", 100));
        assert!(reason.starts_with("the CUDA driver finds no device (cuInit: "), "{reason}");
    }

    /// A code that refused one call was once reported as a failure of the device.
    #[test]
    fn only_codes_of_a_failed_context_fail_a_device() {
        for refusal in
            [1, 2, 36, 46, 209, 218, 304, 500, 600, 701, 720, 800, 801, 802, 900, 901, 906, 912, 12_345]
        {
            let fault = check("cuTest", refusal).unwrap_err();
            assert!(!fault.is_failure(), "{refusal}: {fault:?}");
            assert!(fault.to_string().contains(&refusal.to_string()), "{fault}");
        }
        let failures = [
            3, 4, 201, 214, 220, 226, 400, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 806, 810,
            911, 999,
        ];
        for failure in failures {
            assert!(check("cuTest", failure).unwrap_err().is_failure(), "{failure}");
        }
        let told = |answer| check("cuTest", answer).unwrap_err().to_string();
        assert!(told(2).contains("Device::trim(0)") && told(900).contains("when the capture has ended"));
    }

    #[test]
    fn a_driver_that_is_too_old_is_told_with_both_versions() {
        let text = "the CUDA driver is too old: this driver is for CUDA up to 10.2, and the oldest that works is that of CUDA 11.2";
        assert_eq!(too_old(10_020), text);
        assert_eq!(lacks("cuX", Some(10_020)), format!("{text}; it has no function `cuX`"));
        let text = lacks("cuX", Some(13_000));
        assert!(text.contains("`cuX`, although this driver is for CUDA up to 13.0"), "{text}");
        let text = lacks("cuX", None);
        assert!(text.contains("libcuda.so.1 has no function `cuX`") || cfg!(windows), "{text}");
    }

    #[test]
    fn a_driver_that_is_not_there_is_told_with_the_loaders_reason_and_advice() {
        let text = not_loaded(&NotLoaded::Library("no such file".into()));
        let library = format!("library {LIBRARY} cannot be loaded (no such file); install NVIDIA's driver");
        assert!(text.contains(&library), "{text}");
    }
}
