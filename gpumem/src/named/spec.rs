//! [`NamedSpec`]: a buffer to be allocated, as data.

use crate::buffer::{Buffer, Element};
use crate::error::Error;
use crate::spec::BufferSpec;
use std::any::TypeId;

/// A buffer to be allocated: the arguments of [`NamedBuffers::allocate`](super::NamedBuffers::allocate), as
/// data.
///
/// ```
/// use gpumem::named::{BufferConfig, NamedSpec};
///
/// let spec = NamedSpec::new::<f32>("density", 1_000, BufferConfig::of::<f32>());
/// assert_eq!(spec.name(), "density");
/// ```
#[derive(Clone, Debug)]
pub struct NamedSpec {
    /// With the element type.
    pub(super) spec: BufferSpec,
    pub(super) len: usize,
    pub(super) element: TypeId,
    /// Bytes per element by the settings, or 0 if they leave it open.
    declared: usize,
}

impl NamedSpec {
    /// A buffer of `len` elements, with this name and these settings.
    ///
    /// ```
    /// use gpumem::named::{BufferConfig, NamedSpec};
    ///
    /// let names = ["height", "density"];
    /// let specs = names.map(|name| NamedSpec::new::<f32>(name, 1_000, BufferConfig::of::<f32>()));
    /// assert_eq!(specs[1].name(), "density");
    /// ```
    ///
    /// Elements without size do not compile, as for every buffer:
    ///
    /// ```compile_fail,E0080
    /// # use gpumem::named::{BufferConfig, NamedSpec};
    /// NamedSpec::new::<()>("nothing", 3, BufferConfig::of::<()>());
    /// ```
    #[must_use]
    pub fn new<T: Element>(name: impl Into<String>, len: usize, config: impl Into<BufferSpec>) -> Self {
        let () = Buffer::<T>::ELEMENT_FITS;
        let spec = config.into().named(name.into());
        let declared = spec.element_size();
        Self { spec: spec.element::<T>(), len, element: TypeId::of::<T>(), declared }
    }

    /// The name.
    ///
    /// ```
    /// # use gpumem::named::{BufferConfig, NamedSpec};
    /// assert_eq!(NamedSpec::new::<u8>("mask", 10, BufferConfig::of::<u8>()).name(), "mask");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.spec.name()
    }

    /// Refuses settings for elements of another size.
    pub(super) fn check(&self) -> Result<(), Error> {
        let (declared, size) = (self.declared, self.spec.element_size());
        if declared == 0 || declared == size {
            return Ok(());
        }
        let element = self.spec.element_name().get();
        Err(Error::InvalidSpec {
            what: format!("buffer `{}`", self.name()),
            key: "bytes_per_element",
            value: format!("{declared}, while `{element}` has {size} bytes"),
            rule: "both must be the same",
        })
    }
}
