//! What the tests on a card share: how a card is found, whose turn it is, the kernels, and the driver of threads.

use crate::{Kernel, TestBackend};
use gpumem::{Buffer, Cuda, Device, DeviceBuilder, Element, Error, Mode};
use std::ffi::{CStr, c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[path = "../../gpumem/tests/cuda/card.rs"]
mod card;

/// The kernels of the tests, as text: `occupy`, which takes a number of nanoseconds, and `add_one`, which takes elements and their count.
pub const KERNELS: &str = include_str!("kernels.ptx");

/// The driver's own functions.
#[allow(dead_code)] // The file has those of other programs too.
#[path = "../../gpumem/tests/cuda/driver.rs"]
mod driver;

/// The turn to use the card. Tests of one program take it one at a time: a driver call that frees memory waits for the work of all of
/// them, and some take most of the card's memory. Devices of earlier tests have ended by then, each on a thread of its own.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // A handle that was forgotten keeps the context for good, so the wait ends when no thread ends a device any more.
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

/// Whether a thread ends a device now. A thread that was just started has no name yet.
fn a_device_ends() -> bool {
    let ends = |thread: std::io::Result<std::fs::DirEntry>| {
        let name = thread.and_then(|thread| std::fs::read_to_string(thread.path().join("comm")));
        name.is_ok_and(|name| name.trim() == "gpumem-finish")
    };
    // A system without this folder does not tell which threads there are.
    std::fs::read_dir("/proc/self/task").is_ok_and(|mut threads| threads.any(ends))
}

impl TestBackend for Cuda {
    fn open(builder: DeviceBuilder) -> Option<Device<Self>> {
        card::found(builder.cuda(0), |error| matches!(error, Error::BackendUnavailable { .. }))
    }

    fn occupier(device: &Device<Self>) -> Box<dyn Fn(Duration)> {
        let device = device.clone();
        let module = device.load_ptx(KERNELS).expect("the kernels compile");
        Box::new(move |time| {
            let occupy = module.get_function("occupy").expect("it is there");
            let (stream, nanoseconds) = (device.stream(), u64::try_from(time.as_nanos()).unwrap());
            // SAFETY: the kernel takes one u64 and touches no memory.
            unsafe { cust::launch!(occupy<<<1, 1, 0, stream>>>(nanoseconds)) }
                .expect("a kernel can be queued");
        })
    }

    fn adder<M: Mode>(device: &Device<Self>) -> Kernel<Self, M> {
        let module = device.load_ptx(KERNELS).expect("the kernels compile");
        Box::new(move |buffer| {
            if buffer.is_empty() {
                return;
            }
            let device = buffer.device().clone();
            let add_one = module.get_function("add_one").expect("it is there");
            let count = u32::try_from(buffer.len()).unwrap();
            let elements = buffer.as_device_ptr_mut().expect("the stream takes work");
            let stream = device.stream();
            // SAFETY: the kernel takes a pointer to `count` elements, which the buffer holds, and writes only these, in
            // order on the buffer's own stream.
            unsafe { cust::launch!(add_one<<<count.div_ceil(256), 256, 0, stream>>>(elements, count)) }
                .expect("a kernel can be queued");
        })
    }

    fn address<T: Element, M: Mode>(buffer: &Buffer<T, Self, M>) -> u64 {
        buffer.as_raw()
    }
}

/// What only the driver of threads has (`tests/fake-cuda/driver.c`): it refuses calls on demand, and counts modules. A real driver has
/// none of these functions, and each answers with `None`.
pub mod fake {
    use super::{CStr, c_int, c_void};

    /// The function with this name.
    fn find(name: &CStr) -> Option<*mut c_void> {
        // SAFETY: the name ends with a NUL.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    }

    /// As [`find`]. Without it the test is skipped, which is said.
    fn find_to_refuse(name: &CStr) -> Option<*mut c_void> {
        let found = find(name);
        if found.is_none() {
            println!("skipped: this driver refuses nothing that is asked of it");
        }
        found
    }

    /// Lets the next so many calls of this thread to the driver answer `code`.
    #[must_use]
    pub fn refuse(code: c_int, calls: c_int) -> Option<()> {
        note(c"fake_cuda_refuse", code, calls)
    }

    /// As [`refuse`], but only the call after so many others; below 0 none. Returns whether the call was made that was to be refused last.
    #[must_use]
    pub fn refuse_after(code: c_int, calls: c_int) -> Option<bool> {
        type Refuse = unsafe extern "C" fn(c_int, c_int) -> c_int;
        let found = find_to_refuse(c"fake_cuda_refuse_after")?;
        // SAFETY: it is declared so, and only notes the two numbers.
        Some(unsafe { std::mem::transmute::<*mut c_void, Refuse>(found)(code, calls) } != 0)
    }

    /// Lets the next so many waits of all threads but this one answer `code`.
    #[must_use]
    pub fn refuse_waits(code: c_int, calls: c_int) -> Option<()> {
        note(c"fake_cuda_refuse_waits", code, calls)
    }

    /// Calls a function of the fake driver that notes two numbers and returns nothing.
    fn note(name: &CStr, code: c_int, calls: c_int) -> Option<()> {
        let found = find_to_refuse(name)?;
        // SAFETY: both callers name a function that is declared so, and that only notes the two numbers.
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int, c_int)>(found)(code, calls) };
        Some(())
    }

    /// How many modules are loaded.
    #[must_use]
    pub fn loaded_modules() -> Option<c_int> {
        let found = find(c"fake_cuda_modules")?;
        // SAFETY: it is declared so, takes nothing, and only counts.
        Some(unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> c_int>(found)() })
    }
}
