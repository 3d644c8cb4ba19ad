//! An exact count of the bytes of the host's heap that the calling thread has requested and not given back.
//!
//! Each thread has a count, so threads share nothing because of it. Memory that is taken from
//! `std::alloc::System` directly, as by the peer of that name, is neither counted nor slowed down.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counted;

#[global_allocator]
static COUNTED: Counted = Counted;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Wraps around below 0, on a thread that frees memory of another thread. Differences stay right.
pub(crate) fn bytes() -> usize {
    BYTES.get()
}

fn count(more: usize, less: usize) {
    // While a thread ends, nothing reads its count any more.
    let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_add(more).wrapping_sub(less)));
}

// SAFETY: the system allocator does all of the work. Counting only changes a number of the calling thread.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller promises the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(address, layout, size) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(address, layout) }
    }
}
