//! The buffers of a manager as a whole: names, statistics, leaks, the end.

use super::buffers::NamedBuffers;
use super::table::Entry;
use crate::backend::Backend;
use crate::buffer::RawBuffer;
use crate::device::Device;
use crate::error::Error;
use crate::ledger::SetStats;
use crate::set::AnySet;
use std::fmt;

impl<B: Backend> NamedBuffers<B> {
    /// Whether there is a buffer with this name, of any type.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// if !buffers.contains("grid") {
    ///     buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// }
    /// assert!(buffers.contains("grid"));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.table.contains(name)
    }

    /// The names of all buffers, in the order of their places: a new buffer takes the place of one that was
    /// freed, if there is such a place.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// for number in 0..3 {
    ///     buffers.allocate::<u8>(format!("tile_{number}"), 10, BufferConfig::of::<u8>())?;
    /// }
    /// assert_eq!(buffers.names().collect::<Vec<_>>(), ["tile_0", "tile_1", "tile_2"]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.table.names()
    }

    /// The number of buffers.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// assert_eq!(buffers.len(), 1);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no buffer.
    ///
    /// ```
    /// # use gpumem::{Device, named::NamedBuffers};
    /// assert!(NamedBuffers::new(&Device::host()).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The device of the buffers.
    ///
    /// ```
    /// # use gpumem::{Device, named::NamedBuffers};
    /// let device = Device::host();
    /// assert_eq!(NamedBuffers::new(&device).device().name(), device.name());
    /// ```
    #[must_use]
    pub fn device(&self) -> &Device<B> {
        self.set.device()
    }

    /// Lengths, capacities and bytes, per buffer and in total. The text is a table.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// let stats = buffers.stats();
    /// assert_eq!((stats.live_bytes(), stats.buffers[0].label.name()), (512, "grid"));
    /// println!("{stats}");
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> SetStats {
        self.set.stats(&self.raw())
    }

    /// Checks that no buffer of the manager is alive outside of it, and that all buffers in it are its own.
    /// Downloads by name that were not waited for are no leak of the manager; the device's check lists them.
    ///
    /// ```
    /// use gpumem::named::{BufferConfig, NamedBuffers};
    /// use gpumem::{Buffer, Device, Error};
    ///
    /// let device = Device::host();
    /// let mut buffers = NamedBuffers::new(&device);
    /// buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// buffers.check_leaks()?;
    ///
    /// let other = Buffer::new(&device, "other")?.into_async();
    /// let escaped = std::mem::replace(buffers.get_mut::<u64>("grid")?, other);
    /// assert!(matches!(buffers.check_leaks(), Err(Error::Leaked(_))));
    /// # drop(escaped);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] with the buffers that are elsewhere, and [`Error::ForeignBuffer`].
    pub fn check_leaks(&self) -> Result<(), Error> {
        self.set.check_leaks(&self.raw())
    }

    /// Frees all buffers, and waits until their memory is given back.
    ///
    /// ```
    /// # use gpumem::{Device, named::{BufferConfig, NamedBuffers}};
    /// let device = Device::host();
    /// let mut buffers = NamedBuffers::new(&device);
    /// buffers.allocate::<u64>("grid", 64, BufferConfig::grid_cells())?;
    /// buffers.close()?;
    /// device.close()?;
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Leaked`] when buffers of the manager are alive elsewhere, [`Error::ForeignBuffer`], and
    /// [`Error::DeviceFailed`].
    pub fn close(self) -> Result<(), Error> {
        self.set.close(self.table.into_raw())
    }

    fn raw(&self) -> Vec<&RawBuffer<B>> {
        self.table.entries().map(Entry::raw).collect()
    }
}

impl<B: Backend> AnySet for NamedBuffers<B> {
    fn label(&self) -> &str {
        self.set.label()
    }

    fn stats(&self) -> SetStats {
        self.stats()
    }

    fn lengths_by_name(&self) -> Vec<(&str, usize)> {
        self.set.lengths_by_name(&self.raw())
    }

    fn check_leaks(&self) -> Result<(), Error> {
        self.check_leaks()
    }
}

impl<B: Backend> fmt::Debug for NamedBuffers<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.set.debug(f, "NamedBuffers", &self.raw())
    }
}
