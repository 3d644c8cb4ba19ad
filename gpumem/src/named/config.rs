//! [`BufferConfig`]: the settings of a buffer as plain fields, as hand-written managers have them.

use crate::spec::BufferSpec;

/// The settings of a named buffer, as plain fields. It converts to a [`BufferSpec`], which has more settings
/// and which [`NamedBuffers::allocate`](super::NamedBuffers::allocate) takes too.
///
/// The presets are those of the derive (`#[buffer(preset = "positions")]`). The values are checked when a
/// buffer is allocated: a growth factor that is not above 1, a minimum above the maximum, or a size of
/// elements that differs from that of the type is an [`Error::InvalidSpec`](crate::Error::InvalidSpec).
///
/// | preset | bytes per element | growth | maximum | async downloads |
/// | --- | --- | --- | --- | --- |
/// | [`positions`](Self::positions) | 12 | 1.3 | 512 MiB | yes |
/// | [`velocities`](Self::velocities) | 12 | 1.3 | 512 MiB | yes |
/// | [`edges`](Self::edges) | 32 | 2.0 | 2 GiB | no |
/// | [`grid_cells`](Self::grid_cells) | 8 | 1.5 | 256 MiB | no |
///
/// ```
/// use gpumem::named::{BufferConfig, NamedBuffers};
/// use gpumem::{BufferSpec, Device};
///
/// let config = BufferConfig { max_size_bytes: Some(1 << 20), ..BufferConfig::positions() };
/// let mut buffers = NamedBuffers::new(&Device::host());
/// buffers.allocate::<[f32; 3]>("positions", 10, config)?;
///
/// let error = buffers.allocate::<[f32; 2]>("planar", 10, config).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "buffer `planar`: `bytes_per_element` is 12, while `[f32; 2]` has 8 bytes, and both must be the same"
/// );
/// assert_eq!(BufferSpec::from(config).max_bytes(), Some(1 << 20));
/// # Ok::<(), gpumem::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BufferConfig {
    /// The size of an element, in bytes. It must be that of the buffer's type; 0 leaves it open.
    pub bytes_per_element: usize,
    /// When the contents outgrow the capacity, the new capacity is at least the old one times this: finite
    /// and above 1.
    pub growth_factor: f64,
    /// Bytes that the buffer never exceeds, or `None` for the limit of the device alone.
    pub max_size_bytes: Option<u64>,
    /// Bytes that the buffer holds from the start and keeps when it shrinks.
    pub min_size_bytes: u64,
    /// Whether [`start_async_download`](super::NamedBuffers::start_async_download) takes it. A download that
    /// the buffer itself starts (`at(key)?.start_download()`) does not ask this.
    pub enable_async: bool,
}

impl BufferConfig {
    /// The defaults for elements of type `T`: growth 1.5, no maximum, no minimum, no async downloads.
    ///
    /// ```
    /// use gpumem::named::BufferConfig;
    ///
    /// let config = BufferConfig { enable_async: true, ..BufferConfig::of::<f32>() };
    /// assert_eq!((config.bytes_per_element, config.growth_factor), (4, 1.5));
    /// ```
    #[must_use]
    pub const fn of<T>() -> Self {
        Self {
            bytes_per_element: size_of::<T>(),
            growth_factor: 1.5,
            max_size_bytes: None,
            min_size_bytes: 0,
            enable_async: false,
        }
    }

    /// For positions in space: 12 bytes per element, growth 1.3, at most 512 MiB, async downloads.
    ///
    /// ```
    /// # use gpumem::named::BufferConfig;
    /// assert!(BufferConfig::positions().enable_async);
    /// ```
    #[must_use]
    pub const fn positions() -> Self {
        Self {
            growth_factor: 1.3,
            max_size_bytes: Some(512 << 20),
            enable_async: true,
            ..Self::of::<[f32; 3]>()
        }
    }

    /// For velocities: as [`positions`](Self::positions).
    ///
    /// ```
    /// # use gpumem::named::BufferConfig;
    /// assert_eq!(BufferConfig::velocities(), BufferConfig::positions());
    /// ```
    #[must_use]
    pub const fn velocities() -> Self {
        Self::positions()
    }

    /// For edges of a graph: 32 bytes per element, growth 2, at most 2 GiB, no async downloads.
    ///
    /// ```
    /// # use gpumem::named::BufferConfig;
    /// assert_eq!(BufferConfig::edges().bytes_per_element, 32);
    /// ```
    #[must_use]
    pub const fn edges() -> Self {
        Self { growth_factor: 2.0, max_size_bytes: Some(2 << 30), ..Self::of::<[u64; 4]>() }
    }

    /// For cells of a grid: 8 bytes per element, growth 1.5, at most 256 MiB, no async downloads.
    ///
    /// ```
    /// # use gpumem::named::BufferConfig;
    /// assert_eq!(BufferConfig::grid_cells().max_size_bytes, Some(256 << 20));
    /// ```
    #[must_use]
    pub const fn grid_cells() -> Self {
        Self { growth_factor: 1.5, max_size_bytes: Some(256 << 20), ..Self::of::<u64>() }
    }
}

/// A specification without a name. To make a [`Buffer`](crate::Buffer) of it, add one with
/// [`BufferSpec::named`].
impl From<BufferConfig> for BufferSpec {
    fn from(config: BufferConfig) -> Self {
        let mut spec = Self::new("")
            .growth(config.growth_factor)
            .min(config.min_size_bytes)
            .sized(config.bytes_per_element);
        if let Some(max) = config.max_size_bytes {
            spec = spec.max(max);
        }
        if config.enable_async { spec.asynchronous() } else { spec }
    }
}
