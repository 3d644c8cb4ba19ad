//! Addresses first, memory later. "The kernel" is here that of the operating system.
//!
//! A reserved range of addresses has no access at first. Memory comes into it and leaves it in whole units:
//!
//! 1. *reserve*: a private mapping without any access. It costs the kernel one entry, however long it is.
//!    Without access the kernel does not charge it, so `MAP_NORESERVE` is not asked for. With that flag the
//!    kernel would not count the memory later either, and would never refuse any.
//! 2. *create a chunk*: physical memory has no handle here, so a chunk is a mere size. A large one is
//!    compared with the memory that the machine has left, since most kernels promise more than they have, and
//!    kill the process in the end.
//! 3. *map*: the range may be read and written. The kernel refuses memory that it does not promise (on Linux:
//!    more than all memory in one piece, or past the limit if overcommitment is off). Pages come when they
//!    are first touched. Linux is asked for huge ones, which makes the first touch some three to six times
//!    faster.
//! 4. *unmap*: a new mapping without access replaces the range. That one call gives the pages back, ends the
//!    access and ends the charge. To take the access away alone would keep both pages and charge.
//! 5. *unreserve*: the addresses go back.
//!
//! Between the calls the kernel checks the protocol: a touch of unmapped addresses is a crash. Chunks that
//! are mapped side by side become one entry in the kernel's table, whose length is limited (65530 on Linux).
//!
//! Without such calls (not Unix, or too few addresses), [`UNIT`] is `None`, and no other function here is
//! called.

use super::fault::out_of_memory;
use super::memory::HostMemory;
use crate::backend::Fault;

pub(super) use os::UNIT;

/// Physical memory: only its size, until it is mapped.
#[derive(Debug)]
pub struct Chunk {
    bytes: usize,
}

impl Chunk {
    /// `left` tells how much memory the machine has left. It is asked for large chunks only, since it reads a
    /// file.
    pub(super) fn new(bytes: usize, left: impl FnOnce() -> Option<u64>) -> Result<Self, Fault> {
        const LARGE: usize = 64 << 20;
        if bytes >= LARGE && left().is_some_and(|left| bytes as u64 > left) {
            return Err(out_of_memory());
        }
        Ok(Self { bytes })
    }
}

/// Reserves addresses, aligned to a unit.
pub(super) fn reserve(bytes: usize) -> Result<HostMemory, Fault> {
    Ok(HostMemory::reserved(os::reserve(bytes)?, bytes))
}

/// Gives addresses back.
///
/// # Safety
///
/// That of [`BackendOps::unreserve`](crate::backend::BackendOps::unreserve) (rule 2).
pub(super) unsafe fn unreserve(memory: HostMemory, bytes: usize) -> Result<(), Fault> {
    let start = memory.at(0, bytes);
    // SAFETY: the caller promises that the range was reserved as a whole and is given back once (rule 2).
    unsafe { os::unreserve(start.get(), bytes) }
}

/// Maps a chunk into a reserved range.
///
/// # Safety
///
/// That of [`BackendOps::map`](crate::backend::BackendOps::map) (the system's contract).
pub(super) unsafe fn map(
    memory: &HostMemory,
    offset: usize,
    chunk: &Chunk,
    bytes: usize,
) -> Result<(), Fault> {
    debug_assert_eq!(chunk.bytes, bytes, "a chunk is mapped as a whole");
    let start = memory.at(offset, bytes);
    // SAFETY: `at` checked the place against the reserved range, which the caller keeps, with nothing mapped
    // there (the system's contract).
    unsafe { os::commit(start.get(), bytes) }
}

/// Unmaps a chunk from a reserved range.
///
/// # Safety
///
/// That of [`BackendOps::unmap`](crate::backend::BackendOps::unmap) (rule 2).
pub(super) unsafe fn unmap(
    memory: &HostMemory,
    offset: usize,
    chunk: &Chunk,
    bytes: usize,
) -> Result<(), Fault> {
    debug_assert_eq!(chunk.bytes, bytes, "a chunk is unmapped as a whole");
    let start = memory.at(offset, bytes);
    // SAFETY: `at` checked the place against the reserved range, which the caller keeps, and nothing touches
    // it any more (rule 2).
    unsafe { os::decommit(start.get(), bytes) }
}

// Miri has no `mprotect`; there, the heap is used.
#[cfg(all(unix, target_pointer_width = "64", not(miri)))]
mod os {
    use super::super::fault::{call_refused, out_of_memory};
    use crate::backend::Fault;
    use libc::{MAP_ANONYMOUS, MAP_FAILED, MAP_FIXED, MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE};
    use std::io;
    use std::ptr::{self, NonNull};

    /// The size of a huge page on x86 and on most ARM, and a multiple of every page size.
    const BYTES: usize = 2 << 20;

    /// The unit of reserved ranges and of chunks.
    pub(in crate::backend::host) const UNIT: Option<usize> = Some(BYTES);

    pub(super) fn reserve(bytes: usize) -> Result<NonNull<u8>, Fault> {
        // The kernel aligns to a page. So one unit more is taken, and the parts before and after are given
        // back.
        let one_unit_more = bytes.checked_add(BYTES).filter(|all| isize::try_from(*all).is_ok());
        let one_unit_more = one_unit_more.ok_or_else(out_of_memory)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists (the
        // system's contract).
        let all = unsafe {
            libc::mmap(ptr::null_mut(), one_unit_more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        };
        if all == MAP_FAILED {
            return Err(last_fault("mmap", Shortage::IsOutOfMemory));
        }
        let all = all.cast::<u8>();
        let head = all.addr().next_multiple_of(BYTES) - all.addr();
        let start = all.wrapping_add(head);
        for (from, length) in [(all, head), (start.wrapping_add(bytes), BYTES - head)] {
            if length > 0 {
                // Addresses that are not given back are wasted, and no more than that.
                // SAFETY: the range lies in the new mapping, outside the part that is returned (the system's
                // contract).
                let _ = unsafe { libc::munmap(from.cast(), length) };
            }
        }
        NonNull::new(start).ok_or_else(out_of_memory)
    }

    /// # Safety
    ///
    /// The range came from [`reserve`] as a whole and is given back once; nothing uses it any more (rule 2).
    pub(super) unsafe fn unreserve(start: *mut u8, bytes: usize) -> Result<(), Fault> {
        // SAFETY: the caller's promise (rule 2).
        check("munmap", Shortage::IsFailure, unsafe { libc::munmap(start.cast(), bytes) })
    }

    /// # Safety
    ///
    /// The range is whole units of a reserved one, and nothing is mapped there (the system's contract).
    pub(super) unsafe fn commit(start: *mut u8, bytes: usize) -> Result<(), Fault> {
        // SAFETY: the range is reserved, and more access does no harm (the system's contract).
        let code = unsafe { libc::mprotect(start.cast(), bytes, PROT_READ | PROT_WRITE) };
        if let Err(fault) = check("mprotect", Shortage::IsOutOfMemory, code) {
            // The call may have come half way, if the range was more than one entry of the kernel's table.
            // SAFETY: the caller does not know of the memory yet, so nothing uses it (rule 2).
            let _ = unsafe { decommit(start, bytes) };
            return Err(fault);
        }
        // Here and not for the whole reserved range, since unmapping undoes it. A kernel without huge pages
        // refuses, and the memory is as good.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: advice on the range that was just mapped; it changes no contents (the system's contract).
        let _ = unsafe { libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE) };
        Ok(())
    }

    /// # Safety
    ///
    /// The range is whole units of a reserved one, and nothing uses it any more (rule 2).
    pub(super) unsafe fn decommit(start: *mut u8, bytes: usize) -> Result<(), Fault> {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
        // SAFETY: this replaces a part of the reserved range, and the caller promises that nothing uses it.
        // The kernel swaps the two at once, so no other thread's mapping can come in between (rule 2).
        let replaced = unsafe { libc::mmap(start.cast(), bytes, PROT_NONE, flags, -1, 0) };
        if replaced == MAP_FAILED { Err(last_fault("mmap", Shortage::IsFailure)) } else { Ok(()) }
    }

    /// The meaning of the kernel's answer that it has no memory. For a call that takes memory it is a lack of
    /// memory. For a call that gives memory back it is a failure: the kernel's own table is full.
    #[derive(Clone, Copy, PartialEq)]
    enum Shortage {
        IsOutOfMemory,
        IsFailure,
    }

    fn check(operation: &'static str, shortage: Shortage, code: libc::c_int) -> Result<(), Fault> {
        if code == 0 { Ok(()) } else { Err(last_fault(operation, shortage)) }
    }

    fn last_fault(operation: &'static str, shortage: Shortage) -> Fault {
        let error = io::Error::last_os_error();
        // EAGAIN: too much is locked, or no swap, depending on the system.
        match error.raw_os_error() {
            Some(libc::ENOMEM | libc::EAGAIN) if shortage == Shortage::IsOutOfMemory => out_of_memory(),
            _ => call_refused(operation, &error),
        }
    }
}

#[cfg(not(all(unix, target_pointer_width = "64", not(miri))))]
mod os {
    use super::super::fault::failed;
    use crate::backend::Fault;
    use std::ptr::NonNull;

    pub(in crate::backend::host) const UNIT: Option<usize> = None;

    fn missing() -> Fault {
        failed("virtual memory", "not on this platform".into())
    }

    pub(super) fn reserve(_bytes: usize) -> Result<NonNull<u8>, Fault> {
        Err(missing())
    }

    /// # Safety
    ///
    /// None: it does nothing.
    pub(super) unsafe fn unreserve(_start: *mut u8, _bytes: usize) -> Result<(), Fault> {
        Err(missing())
    }

    /// # Safety
    ///
    /// None: it does nothing.
    pub(super) unsafe fn commit(_start: *mut u8, _bytes: usize) -> Result<(), Fault> {
        Err(missing())
    }

    /// # Safety
    ///
    /// None: it does nothing.
    pub(super) unsafe fn decommit(_start: *mut u8, _bytes: usize) -> Result<(), Fault> {
        Err(missing())
    }
}

#[cfg(all(test, unix, target_pointer_width = "64", not(miri)))]
mod tests;
