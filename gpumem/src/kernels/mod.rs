//! Kernels: closures on the host, and modules of kernels for CUDA cards.
//!
//! A kernel uses the elements of buffers, so this module lies above `buffer`, and a device knows nothing of
//! its kernels.

#[cfg(feature = "cuda")]
mod cuda;
mod host;
#[cfg(feature = "cust")]
mod with_cust;

#[cfg(feature = "cuda")]
pub use self::cuda::Module;
pub use self::host::{HostArg, HostArgs, HostKernels};
