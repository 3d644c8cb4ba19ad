//! Host memory that serves as device memory or pinned memory: a block of the heap, or a range of reserved
//! addresses.
//!
//! [`HostMemory`] is a name, like a handle of a driver. It may be copied, and dropping a copy frees nothing.
//! It does not know whether the memory is still there. The layer `memory` decides when it is touched and
//! freed, under the promises of `BackendOps`'s unsafe methods. The only check here is that a range lies in
//! its block.

use crate::backend::ALIGNMENT;
use std::alloc::{self, Layout};
use std::ptr::NonNull;

/// An address and a length.
#[derive(Clone, Copy, Debug)]
pub struct HostMemory {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is an address and a length. All access goes through raw pointers, under the promises that the
// callers of `BackendOps`'s unsafe methods make (rule 1, order, and rule 2, pending uses).
unsafe impl Send for HostMemory {}
// SAFETY: as for `Send`; a shared reference gives out addresses only (rules 1 and 2).
unsafe impl Sync for HostMemory {}

impl HostMemory {
    /// A block of the heap with undefined contents, aligned to [`ALIGNMENT`]. `None` if the heap has no room,
    /// or if `bytes` is more than an address range can hold.
    pub(super) fn new(bytes: usize) -> Option<Self> {
        let layout = Self::layout(bytes)?;
        // SAFETY: the layout is not empty (Rust's contract).
        let start = NonNull::new(unsafe { alloc::alloc(layout) })?;
        Some(Self { start, bytes })
    }

    /// Gives a block of the heap back.
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
    /// If the range does not lie in the block: a mistake of this crate's, caught before it does harm.
    pub(super) fn at(&self, offset: usize, bytes: usize) -> Address {
        assert!(
            offset.checked_add(bytes).is_some_and(|end| end <= self.bytes),
            "gpumem: {bytes} bytes at {offset} of a block of {}",
            self.bytes
        );
        // SAFETY: the offset was just checked to lie in the heap's allocation, or in the reserved range
        // (Rust's contract).
        Address(unsafe { self.start.as_ptr().add(offset) })
    }
}

/// An address on its way to a worker thread.
#[derive(Clone, Copy)]
pub(super) struct Address(*mut u8);

// SAFETY: only the job that it was made for uses it, under the promises of `BackendOps`'s unsafe methods
// (rules 1 and 2).
unsafe impl Send for Address {}

impl Address {
    // By value, so that a closure captures the `Address` and not the pointer inside it, which is not `Send`.
    pub(super) fn get(self) -> *mut u8 {
        self.0
    }
}
