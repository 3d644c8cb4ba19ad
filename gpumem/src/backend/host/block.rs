//! A block of heap memory that plays device memory or pinned memory.
//!
//! It frees nothing by itself: like a driver's handle, a block that is dropped is leaked. Who may free it, and when, is
//! decided in `memory`.

use crate::backend::ALIGNMENT;
use std::alloc::{self, Layout};
use std::ptr::NonNull;

/// Heap memory with undefined contents, aligned to [`ALIGNMENT`].
#[derive(Debug)]
pub struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a block is an address and a length; all access goes through raw pointers under the promises that the callers
// of `Driver`'s unsafe methods make (rule 1, order, and rule 2, pending uses).
unsafe impl Send for Block {}
// SAFETY: as for `Send`; a shared block gives out addresses only.
unsafe impl Sync for Block {}

impl Block {
    /// `None` when the heap has no room, or when `bytes` is more than an address range can hold.
    pub(super) fn new(bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc::alloc(layout) })?;
        Some(Self { start, layout })
    }

    /// Gives the memory back.
    ///
    /// # Safety
    ///
    /// Nothing uses the block any more.
    pub(super) unsafe fn free(self) {
        // SAFETY: `start` came from `alloc` with this layout, and `self` is consumed, so it is freed once.
        unsafe { alloc::dealloc(self.start.as_ptr(), self.layout) }
    }

    pub(super) fn address(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The address `offset` bytes in, for a job that touches `bytes` bytes there.
    ///
    /// # Panics
    ///
    /// When the range does not lie in the block: a mistake of this crate's, caught before it does harm.
    pub(super) fn at(&self, offset: usize, bytes: usize) -> Address {
        assert!(
            offset.checked_add(bytes).is_some_and(|end| end <= self.layout.size()),
            "gpumem: {bytes} bytes at {offset} of a block of {}",
            self.layout.size()
        );
        // SAFETY: the offset was just checked to lie in the allocation.
        Address(unsafe { self.start.as_ptr().add(offset) })
    }
}

/// An address on its way to a worker thread.
#[derive(Clone, Copy)]
pub(super) struct Address(*mut u8);

// SAFETY: only the job that it was made for uses it, under the promises of `Driver`'s unsafe methods.
unsafe impl Send for Address {}

impl Address {
    // By value, so that a closure captures the `Address` and not the pointer inside it, which is not `Send`.
    pub(super) fn get(self) -> *mut u8 {
        self.0
    }
}
