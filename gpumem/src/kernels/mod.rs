//! Kernels: closures on the host, PTX modules for CUDA cards, and typed kernels for both.
//!
//! A kernel uses the elements of buffers, so this module lies above `buffer`, and a device knows nothing of
//! its kernels.
//!
//! In the order of the imports: `launch` is the size of a launch. `source` is what `#[kernels]` found, as
//! data. `backend` is how a backend runs a kernel, and `on_card` does it on a card. `arg` has the
//! arguments. `typed` launches the kernels of a source; `host` launches closures; `cuda` loads PTX, and
//! `with_cust` takes what `cust` loaded. `header` joins the text of a header for CUDA C++.

mod arg;
mod backend;
#[cfg(feature = "cuda")]
mod cuda;
mod header;
mod host;
mod launch;
#[cfg(feature = "cuda")]
mod on_card;
mod source;
mod typed;
#[cfg(feature = "cust")]
mod with_cust;

pub use self::arg::{KernelArg, KernelArgs, KernelSlice, KernelSliceMut};
pub use self::backend::KernelBackend;
#[cfg(feature = "cuda")]
pub use self::cuda::Module;
pub use self::header::{Header, HeaderPart};
pub use self::host::HostKernels;
pub use self::launch::{IntoLaunch, Launch, LaunchOn};
pub use self::source::{Entry, KernelValue, ParamOrigin, Source, Value};
pub use self::typed::{KernelSet, Length};
