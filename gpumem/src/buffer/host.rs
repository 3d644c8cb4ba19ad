//! Buffers on the host as slices.

use super::element::{Element, Mode};
use super::raw::RawBuffer;
use super::typed::Buffer;
use crate::backend::{ALIGNMENT, Host};
use crate::error::Error;
use std::ptr::NonNull;

impl RawBuffer<Host> {
    /// The address of the elements. It is aligned for any element, also if there is no memory.
    pub(crate) fn host_address(&self) -> NonNull<u8> {
        let address = self.block().map(|block| Host::address(block.at(0)));
        address.and_then(NonNull::new).unwrap_or(DANGLING)
    }
}

/// An address for no elements, aligned as every block is.
const DANGLING: NonNull<u8> = NonNull::without_provenance(std::num::NonZero::new(ALIGNMENT).unwrap());

impl<T: Element, M: Mode> Buffer<T, Host, M> {
    /// The elements, in place. Waits for the work that is queued on the device.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1_u32, 2, 3])?;
    /// cells.extend_from_slice(&[4])?;
    /// assert_eq!(cells.host_slice()?.iter().sum::<u32>(), 10); // no copy
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`], and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn host_slice(&self) -> Result<&[T], Error> {
        self.raw.check_uses()?;
        self.raw.state().wait_for_compute()?;
        // SAFETY: the elements were written (rule 5). The compute stream was waited for; all writers are
        // queued there, or it was made to wait for those on other streams when they were noted (rules 1 and
        // 2; `check_uses`: none is unknown). While the buffer is borrowed no writer can be queued, since each
        // takes `&mut`. `Buffer` checked the alignment.
        Ok(unsafe { std::slice::from_raw_parts(self.raw.host_address().as_ptr().cast(), self.len()) })
    }

    /// The elements, in place, for writing. Waits for the queued work, and for running downloads.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::from_slice(&Device::host(), "cells", &[1, 2, 3])?;
    /// cells.host_slice_mut()?.reverse();
    /// assert_eq!(cells.download()?, [3, 2, 1]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::host_slice`].
    pub fn host_slice_mut(&mut self) -> Result<&mut [T], Error> {
        let state = self.raw.state().clone();
        if let Some(block) = self.raw.block_mut() {
            block.wait_until_unused(&state.backend, state.lanes.compute.stream())?;
        }
        // SAFETY: as for `host_slice`. Readers were waited for too (rule 2), and no work can be queued on the
        // buffer while it is borrowed mutably.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.raw.host_address().as_ptr().cast(), self.len()) })
    }
}
