//! How many bytes of the host's heap the calling thread has asked for and not given back, counted exactly.
//!
//! The count is the thread's own, so that threads have nothing in common because of it. What `std::alloc::System` gives directly, as it
//! does to the peer of that name, is neither counted nor slowed down.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counted;

#[global_allocator]
static COUNTED: Counted = Counted;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Wraps around below 0, which a thread reaches that frees what another has taken; differences stay right.
pub(crate) fn bytes() -> usize {
    BYTES.get()
}

fn count(more: usize, less: usize) {
    // In a thread's last moments the count is not read any more.
    let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_add(more).wrapping_sub(less)));
}

// SAFETY: everything is the system allocator's doing; counting touches a number of the thread's own.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise is the same.
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
