//! Addresses apart from physical memory: a range of addresses is reserved once, and memory is mapped into it.
//!
//! The driver's protocol: a range is reserved without memory. A handle stands for physical memory, which has
//! no address yet. The handle is mapped into a range. After that the device is given access. Without access
//! the memory is there, and no kernel or copy may touch it. An unmapped handle keeps its bytes and can be
//! mapped elsewhere. At the end each step is undone: the handle is unmapped, then released, and the range is
//! given back.
//!
//! Two rules are stricter here than the driver's. A handle is mapped in one place at a time. And it is
//! released only after it is unmapped: the driver would keep the memory until then, and the amount of it
//! would be unknown.
//!
//! Measured on an H200 on 2026-11-21, and no call waits for running kernels:
//!
//! | call | takes |
//! | --- | --- |
//! | `cuMemCreate` | 7 to 13 us, up to 1 GiB |
//! | `cuMemMap` | 0.6 us |
//! | `cuMemSetAccess` | 21 us per handle, and 10 us |
//! | `cuMemUnmap` | 13 to 20 us per handle |
//! | `cuMemRelease` | 8 us for small handles, about 260 us per GiB |
//!
//! A handle can only be mapped whole. To map a part of one is answered with 801, not supported.
//!
//! Since no call waits, no call is ordered with streams either. The callers make sure that no queued work
//! touches memory that they unmap.

use super::context::Context;
use super::driver::{
    self, ACCESS_READ_WRITE, ALLOCATION_PINNED, ATTRIBUTE_VIRTUAL_MEMORY_SUPPORTED, AccessDescription,
    AllocationProperties, ChunkHandle, DeviceAddress, GRANULARITY_MINIMUM, LOCATION_DEVICE, Location, code,
};
use super::error::{check, check_memory, describe, log_failure};
use crate::backend::{ALIGNMENT, Fault};
use crate::log_safely::event;
use std::sync::Arc;

/// Physical memory of the device. Dropping it gives nothing back.
#[derive(Debug)]
pub struct Chunk {
    handle: ChunkHandle,
}

/// The device's virtual memory.
#[derive(Debug)]
pub(super) struct VirtualMemory {
    context: Arc<Context>,
    granularity: Option<usize>,
}

impl VirtualMemory {
    pub(super) fn open(context: &Arc<Context>) -> Result<Self, Fault> {
        let supported = context.attribute(ATTRIBUTE_VIRTUAL_MEMORY_SUPPORTED)? != 0;
        let granularity = if supported { ask_granularity(context)? } else { None };
        Ok(Self { context: Arc::clone(context), granularity })
    }

    /// The unit of all ranges and chunks; none if the device has no virtual memory. It never changes.
    pub(super) fn granularity(&self) -> Option<usize> {
        self.granularity
    }

    /// Reserves addresses, aligned to a unit.
    pub(super) fn reserve(&self, bytes: usize) -> Result<DeviceAddress, Fault> {
        let _current = self.context.enter()?;
        let mut address: DeviceAddress = 0;
        // 0 leaves the alignment to the driver, for a device without a unit.
        let alignment = self.granularity.unwrap_or(0);
        // SAFETY: the pointer is valid for a write. No place is asked for, so the range overlaps nothing that
        // exists (the driver's contract).
        check_memory("cuMemAddressReserve", unsafe {
            driver::cuMemAddressReserve(&raw mut address, bytes, alignment, 0, 0)
        })?;
        Ok(address)
    }

    /// Gives addresses back.
    ///
    /// # Safety
    ///
    /// As of [`BackendOps::unreserve`](crate::backend::BackendOps::unreserve) (rule 2).
    pub(super) unsafe fn unreserve(&self, address: DeviceAddress, bytes: usize) -> Result<(), Fault> {
        let _current = self.context.enter()?;
        // SAFETY: the caller's part: the range came from `reserve`, whole, and nothing is mapped there, so no
        // queued work can use it (rule 2: memory without pending uses is given back).
        check("cuMemAddressFree", unsafe { driver::cuMemAddressFree(address, bytes) })
    }

    /// Takes physical memory.
    pub(super) fn create(&self, bytes: usize) -> Result<Chunk, Fault> {
        let _current = self.context.enter()?;
        let mut handle = ChunkHandle::NONE;
        let properties = properties(&self.context);
        // SAFETY: both pointers are valid for the call, and the properties are filled in (the driver's
        // contract).
        check_memory("cuMemCreate", unsafe {
            driver::cuMemCreate(&raw mut handle, bytes, &raw const properties, 0)
        })?;
        Ok(Chunk { handle })
    }

    /// Gives physical memory back.
    ///
    /// # Safety
    ///
    /// As of [`BackendOps::release_chunk`](crate::backend::BackendOps::release_chunk), which consumes the
    /// chunk: this is its last use (rule 2).
    pub(super) unsafe fn release(&self, chunk: &Chunk) -> Result<(), Fault> {
        let _current = self.context.enter()?;
        // SAFETY: the handle came from `create`. The caller's part: it is given back once and is mapped
        // nowhere, so no queued work has an address of it (rule 2).
        check("cuMemRelease", unsafe { driver::cuMemRelease(chunk.handle) })
    }

    /// Maps a chunk and lets this device read and write it. If either fails, neither is done.
    ///
    /// # Safety
    ///
    /// As of [`BackendOps::map`](crate::backend::BackendOps::map) (the driver's contract).
    pub(super) unsafe fn map(
        &self,
        address: DeviceAddress,
        chunk: &Chunk,
        bytes: usize,
    ) -> Result<(), Fault> {
        let _current = self.context.enter()?;
        // SAFETY: the caller's part: the range is reserved and free, and the chunk is as long and mapped
        // nowhere. The offset is 0, since a handle is mapped whole (the driver's contract).
        check_memory("cuMemMap", unsafe { driver::cuMemMap(address, bytes, 0, chunk.handle, 0) })?;
        let access = AccessDescription { location: device_location(&self.context), flags: ACCESS_READ_WRITE };
        // SAFETY: the range was mapped above, whole, and the pointer is to one description, as it says (the
        // driver's contract).
        let access = check_memory("cuMemSetAccess", unsafe {
            driver::cuMemSetAccess(address, bytes, &raw const access, 1)
        });
        if access.is_err() {
            // Memory that is mapped and cannot be touched would only be in the way of the next call (rule 6:
            // all or nothing).
            // SAFETY: mapped above, whole; the caller does not know of it yet, so nothing uses it (rule 2).
            let answer = unsafe { driver::cuMemUnmap(address, bytes) };
            log_failure("cuMemUnmap", answer);
        }
        access
    }

    /// Unmaps a chunk.
    ///
    /// # Safety
    ///
    /// As of [`BackendOps::unmap`](crate::backend::BackendOps::unmap) (rule 2).
    pub(super) unsafe fn unmap(&self, address: DeviceAddress, bytes: usize) -> Result<(), Fault> {
        let _current = self.context.enter()?;
        // SAFETY: the caller's part: exactly one chunk is mapped there, and no queued or running work touches
        // it (rule 2: freeing waits for pending uses).
        check("cuMemUnmap", unsafe { driver::cuMemUnmap(address, bytes) })
    }
}

/// The device's unit. A device whose answer is of no use is treated as one without virtual memory, since
/// memory can be taken in blocks too.
fn ask_granularity(context: &Context) -> Result<Option<usize>, Fault> {
    let _current = context.enter()?;
    let mut granularity = 0_usize;
    let properties = properties(context);
    // SAFETY: both pointers are valid for the call, and the properties are filled in (the driver's contract).
    let answer = unsafe {
        driver::cuMemGetAllocationGranularity(
            &raw mut granularity,
            &raw const properties,
            GRANULARITY_MINIMUM,
        )
    };
    if answer == code::SUCCESS && is_unit(granularity) {
        return Ok(Some(granularity));
    }
    let answer = describe(answer);
    event!(
        WARN,
        "refused",
        "virtual memory is not used: the driver tells a granularity of {granularity} ({answer})"
    );
    Ok(None)
}

fn is_unit(granularity: usize) -> bool {
    granularity.is_power_of_two() && granularity >= ALIGNMENT
}

fn device_location(context: &Context) -> Location {
    Location { kind: LOCATION_DEVICE, id: context.device() }
}

/// Memory of this device that is neither shared with other processes, nor compressed, nor read by other
/// hardware.
fn properties(context: &Context) -> AllocationProperties {
    AllocationProperties {
        kind: ALLOCATION_PINNED,
        requested_handle_types: 0,
        location: device_location(context),
        win32_meta_data: std::ptr::null_mut(),
        compression: 0,
        gpu_direct_rdma: 0,
        usage: 0,
        reserved: [0; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_two_that_keep_the_alignment() {
        for unit in [256, 65_536, 2 << 20] {
            assert!(is_unit(unit), "{unit}");
        }
        for other in [0, 1, 128, 384, (2 << 20) + 1] {
            assert!(!is_unit(other), "{other}");
        }
    }
}
