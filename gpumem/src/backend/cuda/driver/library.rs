//! The library with the driver's functions, which the system's loader looks for while the program runs.
//!
//! A program that is linked with the library starts only on a machine that has it. This one starts anywhere,
//! and learns when it opens a card whether there is a driver.

use libloading::Library;
use std::error::Error as _;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;

/// Why the driver's functions cannot be called.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::backend::cuda) enum NotLoaded {
    /// The system's loader has not loaded the library, with its reason.
    Library(String),
    /// The library has no function of this name.
    Function(&'static str),
}

/// Loads a library for good.
///
/// It is never unloaded, so the addresses of its functions are valid for ever. The driver has threads, and
/// destructors that run at the end of threads and of the process: their code would be gone. And values that
/// the application keeps until the end of the process call the driver when they are dropped.
pub(super) fn open(name: &str) -> Result<ManuallyDrop<Library>, NotLoaded> {
    // SAFETY: this runs the initialisers of the library, as the start of a program does that is linked with
    // it. A library of the driver's name is the driver, or stands in for it on purpose (the driver's
    // contract).
    let library = unsafe { Library::new(name) }.map_err(|error| {
        // The error itself only names the function of the system that failed.
        NotLoaded::Library(error.source().map_or_else(|| error.to_string(), ToString::to_string))
    })?;
    Ok(ManuallyDrop::new(library))
}

/// The address of a function, which is null if the library has no such function.
pub(super) fn address(library: &Library, name: &str) -> *mut c_void {
    // SAFETY: the symbol is read as an address, which it is whatever it stands for (the system's contract).
    unsafe { library.get::<*mut c_void>(name) }.map_or(ptr::null_mut(), |found| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_told_with_the_loaders_reason() {
        // The name may end in what the system adds by itself.
        match open("libgpumem-of-no-system.so.1") {
            Err(NotLoaded::Library(reason)) if cfg!(unix) => {
                assert!(reason.contains("libgpumem-of-no-system.so.1"), "{reason}");
            }
            Err(NotLoaded::Library(reason)) => assert!(!reason.is_empty()),
            other => panic!("{other:?}"),
        }
    }
}
