//! The functions of CUDA's driver, found in the driver's library while the program runs.
//!
//! `declarations` has them, with the types and numbers that they take. This folder decides nothing. Codes
//! become faults in `error`, and the callers state the rules for each call.

/// Makes from the declarations a table of the functions' addresses, and a function of the same name for each.
/// All of it becomes part of the module `declarations`.
macro_rules! functions {
    ($(fn $name:ident($($parameter:ident: $type:ty),* $(,)?) -> Code;)*) => {
        use super::{FUNCTIONS, OPTIONAL, library};
        use crate::threads::process_end;
        use libloading::Library;
        use std::mem::ManuallyDrop;

        /// The address of each function, if the library has the function.
        #[allow(non_snake_case)]
        pub(super) struct Functions {
            $(pub(super) $name: Option<unsafe extern "system" fn($($type),*) -> Code>,)*
        }

        impl Functions {
            /// Finds them in a library that is never unloaded.
            pub(super) fn find(library: &ManuallyDrop<Library>) -> Self {
                Self {
                    // SAFETY: the address is null, which is `None`, or that of the driver's function with
                    // this name. `cuda.h` declares it like this, and it stays where it is: the library is
                    // never unloaded, since its threads and destructors need its code as well (the driver's
                    // contract).
                    $($name: unsafe {
                        std::mem::transmute::<*mut c_void, Option<unsafe extern "system" fn($($type),*) -> Code>>(
                            library::address(library, stringify!($name)),
                        )
                    },)*
                }
            }

            /// The name of the first function that the library lacks, and must have.
            pub(super) fn missing(&self) -> Option<&'static str> {
                $(if self.$name.is_none() && !OPTIONAL.contains(&stringify!($name)) {
                    return Some(stringify!($name));
                })*
                None
            }
        }

        $(
            /// The driver's function. If the library is not loaded, or lacks the function, it answers as a
            /// driver does that is not initialised. On a thread of this crate's own it answers as a driver
            /// does that is shutting down once the process ends.
            ///
            /// # Safety
            ///
            /// The conditions of the function itself (the driver's contract).
            #[allow(non_snake_case, clippy::too_many_arguments)]
            #[inline]
            pub(in crate::backend::cuda) unsafe fn $name($($parameter: $type),*) -> Code {
                let Some(_inside) = process_end::enter() else { return code::DEINITIALIZED };
                match FUNCTIONS.get() {
                    // SAFETY: the caller's part (the driver's contract).
                    Some(Functions { $name: Some(function), .. }) => unsafe { function($($parameter),*) },
                    _ => code::NOT_INITIALIZED,
                }
            }
        )*
    };
}

mod declarations;
mod library;
mod waits;

pub(super) use self::declarations::*;
pub(super) use self::library::NotLoaded;
pub(super) use self::waits::{wait_for_event, wait_for_stream};

use std::ffi::c_int;
use std::sync::OnceLock;

/// The oldest driver that has all functions of `declarations` but for [`OPTIONAL`], as `cuDriverGetVersion`
/// counts: that of CUDA 11.2, which brought stream-ordered memory. (Virtual memory is of 10.2, and
/// `cuThreadExchangeStreamCaptureMode` of 10.1.)
pub(super) const OLDEST_DRIVER: c_int = 11_020;

/// The functions that a driver may lack. They are called only where they are there.
const OPTIONAL: [&str; 1] = ["cuMemcpyBatchAsync"];

/// The functions of the loaded library. Set once, by [`load`].
static FUNCTIONS: OnceLock<Functions> = OnceLock::new();

/// Loads the driver's library, unless it is loaded, and finds the functions in it.
///
/// A library that could not be loaded is looked for anew by the next call: it may have come since, and to
/// look for it has no lasting effect. A library that is loaded stays, even if it lacks a function.
pub(super) fn load() -> Result<(), NotLoaded> {
    let functions = match FUNCTIONS.get() {
        Some(functions) => functions,
        None => {
            let found = Functions::find(&library::open(LIBRARY)?);
            // Another thread may have been faster. Then it has found the same addresses.
            FUNCTIONS.get_or_init(|| found)
        }
    };
    functions.missing().map_or(Ok(()), |name| Err(NotLoaded::Function(name)))
}

/// Whether the driver has `cuMemcpyBatchAsync`, which came with CUDA 12.8.
pub(super) fn has_batches() -> bool {
    FUNCTIONS.get().is_some_and(|functions| functions.cuMemcpyBatchAsync.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library that is loaded in any case, and is not the driver.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_library_without_the_functions_is_found_out() {
        let other = Functions::find(&library::open("libc.so.6").unwrap());
        assert_eq!(other.missing(), Some("cuInit"));
        assert!(other.cuLaunchKernel.is_none());
    }

    /// In programs of other tests a card may be open, which changes nothing here.
    #[test]
    fn a_driver_is_looked_for_until_it_is_there() {
        let first = load();
        if let Err(NotLoaded::Library(reason)) = &first {
            assert!(reason.contains(LIBRARY) || cfg!(windows), "{reason}");
            assert!(FUNCTIONS.get().is_none(), "nothing is remembered");
            let mut count = 0;
            // SAFETY: the pointer is valid for a write (the driver's contract).
            assert_eq!(unsafe { cuDeviceGetCount(&raw mut count) }, code::NOT_INITIALIZED);
        } else {
            assert!(FUNCTIONS.get().is_some());
        }
        assert_eq!(load(), first);
    }
}
