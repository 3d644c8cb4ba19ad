//! What only a buffer on the host can do: be a slice.

use super::raw::RawBuffer;
use super::{Buffer, Element, Mode};
use crate::backend::{ALIGNMENT, Host};
use crate::error::Error;
use std::ptr::NonNull;

impl RawBuffer<Host> {
    /// Where the elements lie; aligned for any of them, also when there is no memory.
    pub(crate) fn host_address(&self) -> NonNull<u8> {
        let address = self.block().map(|block| Host::address(block.at(0)));
        address.and_then(NonNull::new).unwrap_or(DANGLING)
    }
}

/// An address for no elements, aligned as every block is.
const DANGLING: NonNull<u8> = NonNull::without_provenance(std::num::NonZero::new(ALIGNMENT).unwrap());

impl<T: Element, M: Mode> Buffer<T, Host, M> {
    /// The elements, where they are. Waits for the work that is queued on the device.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`], and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn as_slice(&self) -> Result<&[T], Error> {
        self.raw.check_uses()?;
        self.raw.state().wait_for_compute()?;
        // SAFETY: the elements were written (rule 5), and the lane was waited for on which all writers are queued, or which was put
        // behind those on other streams when they were noted (rules 1 and 2; `check_uses`: none is unknown). While the buffer is borrowed no writer can be queued: each takes `&mut`. Alignment was checked by `Buffer`.
        Ok(unsafe { std::slice::from_raw_parts(self.raw.host_address().as_ptr().cast(), self.len()) })
    }

    /// The elements, where they are, for writing. Waits for the work that is queued, and for running downloads.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::as_slice`].
    pub fn as_mut_slice(&mut self) -> Result<&mut [T], Error> {
        let state = self.raw.state().clone();
        if let Some(block) = self.raw.block_mut() {
            block.wait_until_unused(&state)?;
        }
        // SAFETY: as for `as_slice`; readers were waited for as well (rule 2), and nothing can be queued on the buffer while
        // it is borrowed mutably.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.raw.host_address().as_ptr().cast(), self.len()) })
    }
}
