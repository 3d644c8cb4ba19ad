//! Kernels: closures on the host, and modules of kernels for CUDA cards.
//!
//! A kernel uses the elements of buffers, so this module lies above `buffer`, and a device knows nothing of
//! its kernels.

mod arg;
mod backend;
#[cfg(feature = "cuda")]
mod cuda;
mod host;
mod launch;
#[cfg(feature = "cuda")]
mod on_card;
mod typed;
#[cfg(feature = "cust")]
mod with_cust;

pub use self::arg::{KernelArg, KernelArgs, KernelSlice, KernelSliceMut};
pub use self::backend::KernelBackend;
#[cfg(feature = "cuda")]
pub use self::cuda::Module;
pub use self::host::HostKernels;
pub use self::launch::{IntoLaunch, Launch, LaunchOn};
pub use self::typed::{Entry, KernelSet, KernelValue, Length, Slot, Source, Value};
