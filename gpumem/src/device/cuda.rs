//! CUDA cards as devices.

use super::{Device, DeviceBuilder};
use crate::backend::Cuda;
use crate::error::Error;

impl Device<Cuda> {
    /// Opens the CUDA card with this number, counted from 0, with the default limits.
    ///
    /// The device uses the card's primary context, as nearly all CUDA libraries do, so they all share its
    /// addresses. No context needs to be current on the calling thread, and a context that is current stays
    /// so.
    ///
    /// The first call loads the driver's library, `libcuda.so.1` or `nvcuda.dll`, by the search path of the
    /// system. So a program with the feature `cuda` starts on a machine without a driver, and goes on there
    /// without a card. The library stays loaded until the process ends. If it is not found, the next call
    /// looks for it again.
    ///
    /// ```
    /// use gpumem::{Device, Error};
    ///
    /// match Device::cuda(0) {
    ///     Ok(device) => println!("running on {}", device.name()),
    ///     Err(Error::BackendUnavailable { reason, .. }) => println!("no CUDA card: {reason}"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BackendUnavailable`] when there is no driver, no card or no card with this number, when the
    /// driver is older than that of CUDA 11.2, or when the card has failed in this process before. The reason
    /// says which: without a driver it has the message of the system's loader, and for a driver that lacks a
    /// function the name of that function and the driver's version.
    pub fn cuda(ordinal: usize) -> Result<Self, Error> {
        DeviceBuilder::default().cuda(ordinal)
    }

    /// Makes the card's primary context current on the calling thread and leaves it so, for code that calls
    /// the driver itself, or through `cust` or `cudarc`. This crate itself does not need it.
    ///
    #[cfg_attr(feature = "cust", doc = "```no_run")]
    #[cfg_attr(not(feature = "cust"), doc = "```ignore")]
    /// use gpumem::Device;
    ///
    /// let device = Device::cuda(0)?;
    /// device.make_current()?;
    /// let (free, total) = cust::memory::mem_get_info().unwrap(); // of the card that is current
    /// assert!(free <= total);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the driver refuses.
    pub fn make_current(&self) -> Result<(), Error> {
        Ok(self.state().backend.make_current()?)
    }
}

impl DeviceBuilder {
    /// Opens the CUDA card with this number with these settings; see [`Device::cuda`].
    ///
    /// ```no_run
    /// use gpumem::Device;
    ///
    /// let device = Device::builder().memory_limit(4 << 30).retain(256 << 20).cuda(0)?;
    /// assert_eq!(device.memory_limit(), 4 << 30);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Device::cuda`], and [`Error::InvalidSpec`] for a limit of 0.
    pub fn cuda(self, ordinal: usize) -> Result<Device<Cuda>, Error> {
        self.check()?;
        let backend = Cuda::open(ordinal).map_err(Error::from_opening)?;
        self.open(backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_is_not_there_is_unavailable() {
        let error = Device::cuda(4_096).unwrap_err();
        assert!(matches!(error, Error::BackendUnavailable { backend: "cuda", .. }), "{error}");
        let error = Device::builder().memory_limit(0).cuda(0).unwrap_err();
        assert!(matches!(error, Error::InvalidSpec { .. }), "{error}");
    }
}
