//! [`NamedBuffers`]: the manager, and how its buffers are made and found.

use super::key::Key;
use super::several::Keys;
use super::spec::NamedSpec;
use super::table::Table;
use crate::backend::{Backend, Host};
use crate::buffer::{Async, Buffer, Element};
use crate::device::Device;
use crate::error::Error;
use crate::set::Set;
use crate::spec::BufferSpec;

/// Buffers that are known by name at run time. [The module](super) has an overview.
///
/// Each method that takes a name takes the element type of the buffer with it, except those that need no
/// type. A name that no buffer has is an [`Error::UnknownName`], which lists the names that there are, and
/// the nearest one; another type is an [`Error::WrongElement`] with both types.
///
/// ```
/// use gpumem::named::{BufferConfig, NamedBuffers};
/// use gpumem::{Device, Error};
///
/// let mut buffers = NamedBuffers::new(&Device::host());
/// buffers.allocate::<f32>("weights", 1_000, BufferConfig::of::<f32>())?;
/// buffers.get_mut::<f32>("weights")?.write(10, &[0.5, 1.5])?;
/// assert_eq!(buffers.get::<f32>("weights")?.view(9..12)?.download()?, [0.0, 0.5, 1.5]);
///
/// let error = buffers.get::<u32>("weights").unwrap_err();
/// assert_eq!(error.to_string(), "buffer `named.weights` has elements of `f32`, and was asked for as one of `u32`");
/// # Ok::<(), Error>(())
/// ```
pub struct NamedBuffers<B: Backend = Host> {
    pub(super) set: Set<B>,
    pub(super) table: Table<B>,
}

/// The limit of [`NamedBuffers::with_default_limit`], in bytes: 6 GiB.
pub const DEFAULT_LIMIT: u64 = 6 << 30;

/// The name of a manager in labels and reports.
const LABEL: &str = "named";

impl<B: Backend> NamedBuffers<B> {
    /// No buffers yet. The device's own memory limit holds for them.
    ///
    /// ```
    /// # use gpumem::{Device, named::NamedBuffers};
    /// let buffers = NamedBuffers::new(&Device::host());
    /// assert!(buffers.is_empty());
    /// ```
    #[must_use]
    pub fn new(device: &Device<B>) -> Self {
        Self { set: Set::new(device, &LABEL), table: Table::new() }
    }

    /// No buffers yet, with a limit for the capacities of all of them together, in bytes. Beyond it,
    /// operations end with [`Error::SetLimit`].
    ///
    /// ```
    /// use gpumem::named::{BufferConfig, NamedBuffers};
    /// use gpumem::{Device, Error};
    ///
    /// let mut buffers = NamedBuffers::with_limit(&Device::host(), 1_000);
    /// buffers.allocate::<u8>("cells", 600, BufferConfig::of::<u8>())?;
    /// let error = buffers.allocate::<u8>("more", 401, BufferConfig::of::<u8>()).unwrap_err();
    /// assert!(matches!(error, Error::SetLimit { requested: 401, used: 600, limit: 1_000, .. }));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn with_limit(device: &Device<B>, bytes: u64) -> Self {
        Self { set: Set::limited(device, &LABEL, bytes), table: Table::new() }
    }

    /// [`with_limit`](Self::with_limit) of 6 GiB, which hand-written managers often have as the limit of a
    /// device. If the device's other buffers are to count too, open the device with that limit:
    ///
    /// ```
    /// use gpumem::Device;
    /// use gpumem::named::{DEFAULT_LIMIT, NamedBuffers};
    ///
    /// let buffers = NamedBuffers::with_default_limit(&Device::host());
    /// assert_eq!(buffers.stats().limit_bytes, Some(6 << 30));
    ///
    /// let device = Device::builder().memory_limit(DEFAULT_LIMIT).host()?; // for all buffers of the device
    /// assert_eq!(device.memory_limit(), 6 << 30);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn with_default_limit(device: &Device<B>) -> Self {
        Self::with_limit(device, DEFAULT_LIMIT)
    }

    /// Makes a buffer of `len` elements, all zero. `config` is a [`BufferConfig`](super::BufferConfig) or a
    /// [`BufferSpec`], whose own name does not count.
    ///
    /// ```
    /// use gpumem::named::{BufferConfig, NamedBuffers};
    /// use gpumem::{BufferSpec, Device, Error};
    ///
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// let edges = buffers.allocate::<[u32; 2]>("edges", 100, BufferSpec::new("").growth(2.0).stable())?;
    /// assert_eq!(buffers.at(edges)?.len(), 100);
    ///
    /// let error = buffers.allocate::<f32>("edges", 5, BufferConfig::of::<f32>()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "buffer `named.edges` is there already, with 100 elements of `[u32; 2]`: take it with `get` or `get_mut`, \
    ///      or `free` it first"
    /// );
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateName`], [`Error::InvalidSpec`] for settings that cannot work or that are for
    /// elements of another size, and those of [`Buffer::zeroed`]. Nothing is allocated then.
    #[doc(alias = "create_managed_buffer")]
    #[track_caller]
    pub fn allocate<T: Element>(
        &mut self,
        name: impl Into<String>,
        len: usize,
        config: impl Into<BufferSpec>,
    ) -> Result<Key<T>, Error> {
        let spec = NamedSpec::new::<T>(name, len, config);
        self.insert(&spec)?;
        self.key(spec.name())
    }

    /// [`Self::allocate`], for a specification that has the type.
    #[track_caller]
    pub(super) fn insert(&mut self, named: &NamedSpec) -> Result<(), Error> {
        self.table.check_new(named.name())?;
        named.check()?;
        let [mut made] = self.set.make(std::slice::from_ref(&named.spec), [named.len])?;
        made.0.resize(named.len)?;
        self.table.insert(named.name(), named.element, made);
        Ok(())
    }

    /// Frees a buffer, and gives up its downloads that nothing has waited for. Its memory goes back to the
    /// device when the work that uses it is done; the call does not wait for that. Keys of the buffer are
    /// errors afterwards.
    ///
    /// ```
    /// # use gpumem::{Device, Error, named::{BufferConfig, NamedBuffers}};
    /// let device = Device::host();
    /// let mut buffers = NamedBuffers::new(&device);
    /// buffers.allocate::<f32>("scratch", 1_000, BufferConfig::of::<f32>())?;
    /// buffers.free("scratch")?;
    /// assert_eq!(device.stats().live_bytes, 0);
    /// assert!(matches!(buffers.free("scratch"), Err(Error::UnknownName { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`].
    pub fn free(&mut self, name: &str) -> Result<(), Error> {
        self.table.remove(name).map(drop)
    }

    /// Makes room for `capacity` elements in all, by the growth factor if that is more. The length and the
    /// elements stay; [`Buffer::resize`] changes the length. A buffer that has the room stays as it is.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// let edges = buffers.allocate::<[u64; 4]>("edges", 100, BufferConfig::edges())?;
    /// buffers.ensure_capacity::<[u64; 4]>("edges", 101)?;
    /// assert_eq!((buffers.at(edges)?.len(), buffers.at(edges)?.capacity()), (100, 200));
    /// buffers.ensure_capacity::<[u64; 4]>("edges", 50)?;
    /// assert_eq!(buffers.at(edges)?.capacity(), 200);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`], [`Error::WrongElement`], and those of [`Buffer::reserve_to`].
    pub fn ensure_capacity<T: Element>(&mut self, name: &str, capacity: usize) -> Result<(), Error> {
        self.get_mut::<T>(name)?.reserve_to(capacity)
    }

    /// The buffer with this name.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// assert_eq!(buffers.get::<u64>("grid")?.download()?, [0; 64]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`] and [`Error::WrongElement`].
    pub fn get<T: Element>(&self, name: &str) -> Result<&Buffer<T, B, Async>, Error> {
        self.at(self.key(name)?)
    }

    /// The buffer with this name, for writing. To exchange the contents of two buffers, call
    /// [`Buffer::swap_contents`]: after `std::mem::swap` reports and statistics have their names the wrong
    /// way round.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// buffers.allocate::<u64>("grid", 0, BufferConfig::grid_cells())?;
    /// buffers.get_mut::<u64>("grid")?.extend_from_slice(&[1, 2, 3])?;
    /// assert_eq!(buffers.get::<u64>("grid")?.len(), 3);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`] and [`Error::WrongElement`].
    pub fn get_mut<T: Element>(&mut self, name: &str) -> Result<&mut Buffer<T, B, Async>, Error> {
        self.at_mut(self.key(name)?)
    }

    /// The key of the buffer with this name, for uses without a look-up.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// let made = buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// assert_eq!(buffers.key::<u64>("grid")?, made);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`] and [`Error::WrongElement`].
    pub fn key<T: Element>(&self, name: &str) -> Result<Key<T>, Error> {
        self.table.key(name)
    }

    /// The buffer of a key: an array access and a comparison.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// let grid = buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// let download = buffers.at(grid)?.start_download()?; // a ticket, which can be asked or awaited
    /// assert_eq!(*download.wait()?, [0; 64]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`] if the buffer was freed, or is of another manager.
    #[inline]
    pub fn at<T: Element>(&self, key: Key<T>) -> Result<&Buffer<T, B, Async>, Error> {
        self.table.at(key)
    }

    /// The buffer of a key, for writing: an array access and a comparison.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// let grid = buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// for step in 0..10 {
    ///     buffers.at_mut(grid)?.fill(step)?;
    /// }
    /// assert_eq!(buffers.at(grid)?.download()?, [9; 64]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`] if the buffer was freed, or is of another manager.
    #[inline]
    pub fn at_mut<T: Element>(&mut self, key: Key<T>) -> Result<&mut Buffer<T, B, Async>, Error> {
        self.table.at_mut(key)
    }

    /// Two to twelve buffers mutably at once, for a kernel that takes several.
    ///
    /// ```
    /// use gpumem::Device;
    /// use gpumem::named::{BufferConfig, NamedBuffers};
    ///
    /// let device = Device::host();
    /// let mut buffers = NamedBuffers::new(&device);
    /// let positions = buffers.allocate::<[f32; 3]>("positions", 4, BufferConfig::positions())?;
    /// let velocities = buffers.allocate::<[f32; 3]>("velocities", 4, BufferConfig::velocities())?;
    /// buffers.at_mut(velocities)?.fill([1.0, 0.0, 0.5])?;
    ///
    /// let (p, v) = buffers.split_mut((positions, velocities))?;
    /// device.launch((p, &*v), |(p, v)| {
    ///     for (p, v) in p.as_flattened_mut().iter_mut().zip(v.as_flattened()) {
    ///         *p += v;
    ///     }
    /// })?;
    /// assert_eq!(buffers.at(positions)?.download()?, [[1.0, 0.0, 0.5]; 4]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BadKey`], also for a key that is there twice.
    pub fn split_mut<K: Keys<B>>(&mut self, keys: K) -> Result<K::Buffers<'_>, Error> {
        keys.split(&mut self.table)
    }
}
