//! `Device::cuda` of a build without the feature `cuda`: it cannot be called, and so makes the compiler name
//! the feature.

use super::Device;
use crate::backend::Host;
use crate::error::Error;

#[diagnostic::on_unimplemented(
    message = "`Device::cuda` needs the feature `cuda` of `gpumem`, which is off",
    label = "no CUDA in this build",
    note = "turn it on: `cargo add gpumem --features cuda`; building it needs no toolkit and no driver",
    note = "`Device::host()` needs no card"
)]
pub trait CudaFeature {}

impl Device<Host> {
    #[doc(hidden)]
    #[allow(clippy::needless_pass_by_value)]
    pub fn cuda<N: CudaFeature>(_ordinal: N) -> Result<Self, Error> {
        Err(Error::BackendUnavailable { backend: "cuda", reason: "the feature `cuda` is off".into() })
    }
}
