//! The choice of the backend when the program runs.

use super::{Device, DeviceBuilder};
#[cfg(feature = "cuda")]
use crate::backend::Cuda;
use crate::backend::Host;
use crate::error::Error;
#[cfg(feature = "cuda")]
use crate::log_safely::event;

/// A device whose backend was chosen at run time; see [`Device::auto`].
///
/// Code for any device is generic over the backend. [`on_device!`](crate::on_device) calls it with the device
/// that this is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyDevice {
    /// The host.
    Host(Device<Host>),
    /// A CUDA card (feature `cuda`).
    #[cfg(feature = "cuda")]
    Cuda(Device<Cuda>),
}

/// The variable that overrides the choice.
const VARIABLE: &str = "GPUMEM_DEVICE";

/// The user's wish.
#[derive(Debug, PartialEq)]
enum Choice {
    /// The first card, or else the host.
    Any,
    Host,
    Cuda(usize),
}

impl Device<Host> {
    /// Opens the first CUDA card, or the host if there is none, with the default limits.
    ///
    /// The environment variable `GPUMEM_DEVICE` overrides the choice: `host`, `cuda` for the first card, or
    /// `cuda:1` for the second. Then there is no fallback. Without the feature `cuda` the device is the host.
    ///
    /// ```
    /// use gpumem::{Backend, Buffer, Device, Result, on_device};
    ///
    /// /// The whole program, for any device.
    /// fn run<B: Backend>(device: &Device<B>) -> Result<usize> {
    ///     let cells = Buffer::from_slice(device, "cells", &[1, 2, 3])?;
    ///     Ok(cells.download()?.len())
    /// }
    ///
    /// fn main() -> Result<()> {
    ///     let cells = on_device!(Device::auto()?, |device| run(&device))?;
    ///     assert_eq!(cells, 3);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] if the variable names no device, and [`Error::BackendUnavailable`] if it names
    /// a card that is not there. Without the variable, [`Error::DeviceFailed`] if there is a card, and it
    /// fails.
    pub fn auto() -> Result<AnyDevice, Error> {
        DeviceBuilder::default().auto()
    }
}

impl DeviceBuilder {
    /// Opens the device that [`Device::auto`] chooses, with these settings.
    ///
    /// ```
    /// use gpumem::{Device, on_device};
    ///
    /// let device = Device::builder().memory_limit(64 << 20).auto()?;
    /// assert_eq!(on_device!(device, |device| device.memory_limit()), 64 << 20);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Device::auto`], and [`Error::InvalidSpec`] for a limit of 0.
    pub fn auto(self) -> Result<AnyDevice, Error> {
        let named = std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
        self.choose(&choice(named.as_deref())?)
    }

    #[cfg(feature = "cuda")]
    fn choose(self, choice: &Choice) -> Result<AnyDevice, Error> {
        self.check()?;
        let backend = match choice {
            Choice::Host => return self.host().map(AnyDevice::Host),
            Choice::Any => match Cuda::open(0).map_err(Error::from_opening) {
                Err(Error::BackendUnavailable { reason, .. }) => {
                    event!(INFO, "host", "the host is the device, since there is no CUDA card: {reason}");
                    return self.host().map(AnyDevice::Host);
                }
                opened => opened,
            },
            Choice::Cuda(ordinal) => Cuda::open(*ordinal).map_err(Error::from_opening),
        };
        self.open(backend?).map(AnyDevice::Cuda)
    }

    #[cfg(not(feature = "cuda"))]
    fn choose(self, choice: &Choice) -> Result<AnyDevice, Error> {
        match choice {
            Choice::Any | Choice::Host => self.host().map(AnyDevice::Host),
            Choice::Cuda(ordinal) => Err(Error::BackendUnavailable {
                backend: "cuda",
                reason: format!(
                    "{VARIABLE} asks for card {ordinal}, and this program was built without the feature `cuda` of `gpumem`"
                ),
            }),
        }
    }
}

fn choice(named: Option<&str>) -> Result<Choice, Error> {
    let name = named.unwrap_or_default().trim();
    let ordinal = name.strip_prefix("cuda:").and_then(|ordinal| ordinal.parse().ok());
    match (name, ordinal) {
        ("", _) => Ok(Choice::Any),
        ("host", _) => Ok(Choice::Host),
        ("cuda", _) => Ok(Choice::Cuda(0)),
        (_, Some(ordinal)) => Ok(Choice::Cuda(ordinal)),
        _ => Err(Error::InvalidSpec {
            what: "environment".into(),
            key: VARIABLE,
            value: format!("`{name}`"),
            rule: "it can be `host`, `cuda`, or `cuda:1` for the second card",
        }),
    }
}

#[doc = include_str!("on_device.md")]
#[cfg(feature = "cuda")]
#[macro_export]
macro_rules! on_device {
    ($device:expr, |$name:ident| $run:expr $(,)?) => {
        match $device {
            $crate::AnyDevice::Host($name) => $run,
            $crate::AnyDevice::Cuda($name) => $run,
            // No other backend exists in this version of the crate.
            _ => ::core::unreachable!(),
        }
    };
}

#[doc = include_str!("on_device.md")]
#[cfg(not(feature = "cuda"))]
#[macro_export]
macro_rules! on_device {
    ($device:expr, |$name:ident| $run:expr $(,)?) => {
        match $device {
            $crate::AnyDevice::Host($name) => $run,
            // No other backend exists in this version of the crate.
            _ => ::core::unreachable!(),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_a_device() {
        for (named, chosen) in [
            (None, Choice::Any),
            (Some(""), Choice::Any),
            (Some("host"), Choice::Host),
            (Some(" cuda "), Choice::Cuda(0)),
            (Some("cuda:12"), Choice::Cuda(12)),
        ] {
            assert_eq!(choice(named), Ok(chosen), "{named:?}");
        }
        for named in ["gpu", "cuda:", "cuda:-1", "cuda:x", "Host", "host:0"] {
            let error = choice(Some(named)).unwrap_err().to_string();
            let start = format!("environment: `GPUMEM_DEVICE` is `{named}`, and it can be `host`");
            assert!(error.starts_with(&start), "{error}");
        }
    }

    #[test]
    fn a_card_that_is_asked_for_is_not_replaced() {
        let error = DeviceBuilder::default().choose(&Choice::Cuda(4_096)).unwrap_err();
        assert!(matches!(error, Error::BackendUnavailable { backend: "cuda", .. }), "{error}");
        assert!(matches!(DeviceBuilder::default().choose(&Choice::Host), Ok(AnyDevice::Host(_))));
        let zero = DeviceBuilder::default().memory_limit(0).choose(&Choice::Any).unwrap_err();
        assert!(matches!(zero, Error::InvalidSpec { .. }), "{zero}");
    }
}
