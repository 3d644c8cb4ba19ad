//! Shared code of the tests on a card: it finds a card, gives turns on it, and has the kernels and the
//! functions of the driver made of threads.

use crate::TestBackend;
use gpumem::{Buffer, Cuda, Device, DeviceBuilder, Element, Mode};
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[path = "../../gpumem/tests/cuda/card.rs"]
mod card;

/// The kernels of the tests, as PTX: `occupy` takes a number of nanoseconds, and `add_one` takes elements and
/// their count.
pub const KERNELS: &str = include_str!("kernels.ptx");

/// The driver's own functions.
#[allow(dead_code)] // Other programs use the rest of the file.
#[path = "../../gpumem/tests/cuda/driver.rs"]
mod driver;

/// Takes the turn to use the card. The tests of one program take it one at a time: a driver call that frees
/// memory waits for the work of all of them, and some take most of the card's memory. When this returns, the
/// devices of earlier tests have ended, each on a separate thread.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // A forgotten handle keeps the context for good, so the wait ends when no thread is ending a device.
    let mut looks = 0;
    while is_context_retained() && looks < 20 {
        looks = if a_device_ends() { 0 } else { looks + 1 };
        std::thread::sleep(Duration::from_millis(1));
    }
    turn
}

/// Whether the primary context is retained, by a device or another library.
#[must_use]
pub fn is_context_retained() -> bool {
    let (mut flags, mut active) = (0, 0);
    // SAFETY: both pointers are valid for a write.
    let code = unsafe { driver::cuDevicePrimaryCtxGetState(0, &raw mut flags, &raw mut active) };
    code == 0 && active != 0
}

/// Whether a thread is ending a device now. A thread that has just started has no name yet.
fn a_device_ends() -> bool {
    let ends = |thread: std::io::Result<std::fs::DirEntry>| {
        let name = thread.and_then(|thread| std::fs::read_to_string(thread.path().join("comm")));
        name.is_ok_and(|name| name.trim() == "gpumem-finish")
    };
    // A system without this folder does not list the threads.
    std::fs::read_dir("/proc/self/task").is_ok_and(|mut threads| threads.any(ends))
}

impl TestBackend for Cuda {
    fn open(builder: DeviceBuilder) -> Option<Device<Self>> {
        card::found(builder.cuda(0))
    }

    fn address<T: Element, M: Mode>(buffer: &Buffer<T, Self, M>) -> u64 {
        buffer.as_raw()
    }
}

/// Functions that only the driver made of threads has (`tests/fake-cuda/driver.c`). They make it refuse
/// calls, and count modules. With a real driver each of them returns `None`.
pub mod fake {
    use super::{c_int, c_void, driver};

    /// The function with this name.
    fn find(name: &str) -> Option<*mut c_void> {
        let found = driver::find(name);
        (!found.is_null()).then_some(found)
    }

    /// Like [`find`]. Without such a function it prints that the test is skipped.
    fn find_to_refuse(name: &str) -> Option<*mut c_void> {
        let found = find(name);
        if found.is_none() {
            println!("skipped: this driver refuses nothing that is asked of it");
        }
        found
    }

    /// Makes the driver answer `code` to the next `calls` calls of this thread.
    #[must_use]
    pub fn refuse(code: c_int, calls: c_int) -> Option<()> {
        note("fake_cuda_refuse", code, calls)
    }

    /// Like [`refuse`], but refuses only the one call after `calls` others; a number below 0 refuses none.
    /// Returns whether the call that was chosen last has been made.
    #[must_use]
    pub fn refuse_after(code: c_int, calls: c_int) -> Option<bool> {
        type Refuse = unsafe extern "C" fn(c_int, c_int) -> c_int;
        let found = find_to_refuse("fake_cuda_refuse_after")?;
        // SAFETY: the driver declares the function so, and it only notes the two numbers.
        Some(unsafe { std::mem::transmute::<*mut c_void, Refuse>(found)(code, calls) } != 0)
    }

    /// Makes the driver answer `code` to the next `calls` waits of all threads except this one.
    #[must_use]
    pub fn refuse_waits(code: c_int, calls: c_int) -> Option<()> {
        note("fake_cuda_refuse_waits", code, calls)
    }

    /// The batches of copies that this thread has queued, if the driver has batches.
    #[must_use]
    pub fn batches() -> Option<c_int> {
        find("cuMemcpyBatchAsync")?;
        count("fake_cuda_batches")
    }

    /// Calls a function of the fake driver that notes two numbers and returns nothing.
    fn note(name: &str, code: c_int, calls: c_int) -> Option<()> {
        let found = find_to_refuse(name)?;
        // SAFETY: both callers name a function that is declared so, and that only notes the two numbers.
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int, c_int)>(found)(code, calls) };
        Some(())
    }

    /// The number of loaded modules.
    #[must_use]
    pub fn loaded_modules() -> Option<c_int> {
        count("fake_cuda_modules")
    }

    /// Calls a function of the fake driver that returns a number.
    fn count(name: &str) -> Option<c_int> {
        let found = find(name)?;
        // SAFETY: both callers name a function that is declared so; it takes nothing and only counts.
        Some(unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> c_int>(found)() })
    }
}
