//! A block of host memory that plays device memory or pinned memory: from the heap, or a range of reserved addresses.
//!
//! It frees nothing by itself: like a driver's handle, a block is a name. It may be copied at will, and a copy that is dropped
//! gives nothing back. Nor does it know whether the memory is still there: who may touch it and who may free it, and when, is
//! decided in `memory`, under the promises of `BackendOps`'s unsafe methods. All that is checked here is that a range lies in
//! its block.

use crate::backend::ALIGNMENT;
use std::alloc::{self, Layout};
use std::ptr::NonNull;

/// An address and a length.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a block is an address and a length; all access goes through raw pointers under the promises that the callers
// of `BackendOps`'s unsafe methods make (rule 1, order, and rule 2, pending uses).
unsafe impl Send for Block {}
// SAFETY: as for `Send`; a shared block gives out addresses only (rules 1 and 2).
unsafe impl Sync for Block {}

impl Block {
    /// Heap memory with undefined contents, aligned to [`ALIGNMENT`]. `None` when the heap has no room, or when `bytes` is
    /// more than an address range can hold.
    pub(super) fn new(bytes: usize) -> Option<Self> {
        let layout = Self::layout(bytes)?;
        // SAFETY: the layout is not empty (Rust's contract).
        let start = NonNull::new(unsafe { alloc::alloc(layout) })?;
        Some(Self { start, bytes })
    }

    /// Gives heap memory back.
    ///
    /// # Safety
    ///
    /// The block came from [`Self::new`] and was not given back, under any of its copies, and nothing uses it
    /// any more (rule 2).
    pub(super) unsafe fn free(self) {
        if let Some(layout) = Self::layout(self.bytes) {
            // SAFETY: `start` came from `alloc` with the layout of as many bytes, and the caller frees it
            // once (Rust's contract).
            unsafe { alloc::dealloc(self.start.as_ptr(), layout) }
        }
    }

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()
    }

    /// Names addresses that `virtual_memory` has reserved.
    pub(super) fn reserved(start: NonNull<u8>, bytes: usize) -> Self {
        Self { start, bytes }
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
            offset.checked_add(bytes).is_some_and(|end| end <= self.bytes),
            "gpumem: {bytes} bytes at {offset} of a block of {}",
            self.bytes
        );
        // SAFETY: the offset was just checked to lie in the heap's allocation, or in the reservation (Rust's
        // contract).
        Address(unsafe { self.start.as_ptr().add(offset) })
    }
}

/// An address on its way to a worker thread.
#[derive(Clone, Copy)]
pub(super) struct Address(*mut u8);

// SAFETY: only the job that it was made for uses it, under the promises of `BackendOps`'s unsafe methods (rules 1
// and 2).
unsafe impl Send for Address {}

impl Address {
    // By value, so that a closure captures the `Address` and not the pointer inside it, which is not `Send`.
    pub(super) fn get(self) -> *mut u8 {
        self.0
    }
}
