//! Stands in for a profiler: NVTX calls the functions that are put into its table here.

use gpumem::Device;
use gpumem_example_tracing::{step, to_nvtx};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::Mutex;

static CALLS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note(call: String) {
    CALLS.lock().unwrap().push(call);
}

/// The beginning of `nvtxEventAttributes_v2`.
#[repr(C)]
struct Attributes {
    version: u16,
    size: u16,
    category: u32,
    color_type: i32,
    color: u32,
    payload_type: i32,
    reserved: i32,
    payload: u64,
    message_type: i32,
    message: *const c_void,
}

/// # Safety
///
/// It is a string of 32-bit characters that ends with 0.
unsafe fn wide(text: *const c_void) -> String {
    let text = text.cast::<u32>();
    // SAFETY: the caller vouches for the string.
    let characters = (0..).map(|index| unsafe { *text.add(index) }).take_while(|character| *character != 0);
    characters.filter_map(char::from_u32).collect()
}

/// # Safety
///
/// NVTX gives attributes.
unsafe fn message(attributes: *const Attributes) -> String {
    // SAFETY: the caller vouches for the attributes. Their message is of the type that they tell.
    unsafe {
        match (*attributes).message_type {
            1 => CStr::from_ptr((*attributes).message.cast()).to_string_lossy().into_owned(),
            2 => wide((*attributes).message),
            3 => (*(*attributes).message.cast::<String>()).clone(), // from `register`
            other => format!("a message of type {other}"),
        }
    }
}

unsafe extern "C" fn create_domain(name: *const c_char) -> usize {
    // SAFETY: NVTX gives a name.
    note(format!("domain {}", unsafe { CStr::from_ptr(name) }.to_string_lossy()));
    1
}

unsafe extern "C" fn create_wide_domain(name: *const c_void) -> usize {
    // SAFETY: NVTX gives a name.
    note(format!("domain {}", unsafe { wide(name) }));
    1
}

unsafe extern "C" fn register(_: usize, text: *const c_char) -> *const String {
    // SAFETY: NVTX gives a text.
    Box::leak(Box::new(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()))
}

unsafe extern "C" fn register_wide(_: usize, text: *const c_void) -> *const String {
    // SAFETY: NVTX gives a text.
    Box::leak(Box::new(unsafe { wide(text) }))
}

unsafe extern "C" fn mark(_: usize, attributes: *const Attributes) {
    // SAFETY: NVTX gives attributes.
    note(format!("mark {}", unsafe { message(attributes) }));
}

unsafe extern "C" fn start(_: usize, attributes: *const Attributes) -> u64 {
    // SAFETY: NVTX gives attributes.
    note(format!("start {}", unsafe { message(attributes) }));
    7
}

unsafe extern "C" fn end(_: usize, range: u64) {
    note(format!("end {}", range == 7));
}

/// `NvtxExportTableCallbacks`.
#[repr(C)]
pub struct Callbacks {
    size: usize,
    functions_of: unsafe extern "C" fn(c_int, *mut *const *mut *const c_void, *mut c_uint) -> c_int,
}

type ExportTable = unsafe extern "C" fn(c_uint) -> *const Callbacks;

/// Called by NVTX, once, before its first call has an effect. 5 is the module with domains, 1 the table of
/// callbacks; the indices are those of `NvtxCallbackIdCore2`.
unsafe extern "C" fn attach(export_table: ExportTable) -> c_int {
    let (mut table, mut size) = (std::ptr::null(), 0);
    // SAFETY: NVTX has this table, and each of its places holds a function of the type at its index.
    unsafe {
        if ((*export_table(1)).functions_of)(5, &raw mut table, &raw mut size) != 1 {
            return 0;
        }
        let functions: [(usize, *const c_void); 7] = [
            (1, mark as *const c_void),
            (2, start as *const c_void),
            (3, end as *const c_void),
            (10, register as *const c_void),
            (11, register_wide as *const c_void),
            (12, create_domain as *const c_void),
            (13, create_wide_domain as *const c_void),
        ];
        for (index, function) in functions {
            **table.add(index) = function;
        }
    }
    1
}

/// NVTX looks for a profiler that is linked into the program under this name.
// SAFETY: NVTX has a weak variable of this name and type.
#[allow(non_upper_case_globals)]
#[unsafe(no_mangle)]
pub static InitializeInjectionNvtx2_fnptr: unsafe extern "C" fn(ExportTable) -> c_int = attach;

#[test]
fn spans_are_ranges_and_events_are_marks() {
    tracing::subscriber::with_default(to_nvtx(), || step(&Device::host())).unwrap();
    let mut calls = CALLS.lock().unwrap();
    calls.retain(|call| !call.starts_with("domain gpumem_example"));
    let expected = [
        "start step",
        "domain gpumem",
        "start upload",
        "end true",
        "mark grown by copy",
        "start download",
        "end true",
        "end true",
    ];
    assert_eq!(*calls, expected);
}
