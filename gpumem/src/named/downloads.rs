//! Async downloads by name: they wait in the manager, so the caller holds no ticket.

use super::buffers::NamedBuffers;
use crate::backend::Backend;
use crate::buffer::{DownloadGuard, Element};
use crate::error::Error;

impl<B: Backend> NamedBuffers<B> {
    /// Starts to copy a buffer to the host. The copy shows the buffer as it is now; later writes wait for the
    /// copy, on the device. [`wait_for_download`](Self::wait_for_download) gives the elements. Two downloads
    /// of a buffer can be under way at a time, or as many as
    /// [`BufferSpec::slots`](crate::BufferSpec::slots) says.
    ///
    /// [`Buffer::start_download`] of [`at`](Self::at) and [`get`](Self::get) gives a ticket instead, which
    /// can be asked whether it is ready, and awaited.
    /// [`Device::start_downloads`](crate::Device::start_downloads) takes several buffers at one moment:
    /// `device.start_downloads((buffers.at(positions)?, buffers.at(velocities)?))`.
    ///
    /// [`Buffer::start_download`]: crate::Buffer::start_download
    ///
    /// ```
    /// # use gpumem::{Device, Error, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// let config = BufferConfig { enable_async: true, ..BufferConfig::of::<u32>() };
    /// buffers.allocate::<u32>("frame", 3, config)?;
    /// for step in 1..=2 {
    ///     buffers.get_mut::<u32>("frame")?.fill(step)?;
    ///     buffers.start_async_download::<u32>("frame")?;
    /// }
    /// assert_eq!(*buffers.wait_for_download::<u32>("frame")?, [1, 1, 1]); // the oldest first
    /// assert_eq!(*buffers.wait_for_download::<u32>("frame")?, [2, 2, 2]);
    ///
    /// buffers.allocate::<u32>("edges", 3, BufferConfig::of::<u32>())?;
    /// let error = buffers.start_async_download::<u32>("edges").unwrap_err();
    /// assert!(matches!(error, Error::InvalidSpec { key: "enable_async", .. }));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`], [`Error::WrongElement`], [`Error::InvalidSpec`] if the buffer was allocated
    /// without async downloads, and those of [`Buffer::start_download`](crate::Buffer::start_download):
    /// [`Error::SlotsBusy`] if as many downloads as there are slots were not waited for, or their guards are
    /// alive. Then call [`wait_for_download`](Self::wait_for_download) and drop a guard, or allocate the
    /// buffer with more [`slots`](crate::BufferSpec::slots).
    #[track_caller]
    pub fn start_async_download<T: Element>(&mut self, name: &str) -> Result<(), Error> {
        let key = self.key::<T>(name)?;
        self.table.start_download(key)
    }

    /// Waits for the oldest download of a buffer that was started and not waited for. The guard has the
    /// elements in pinned memory, without a further copy, and takes a download slot of the buffer until it is
    /// dropped.
    ///
    /// ```
    /// # use gpumem::{Device, Error, named::{BufferConfig, NamedBuffers}};
    /// let mut buffers = NamedBuffers::new(&Device::host());
    /// buffers.allocate::<[f32; 3]>("positions", 3, BufferConfig::positions())?;
    /// buffers.start_async_download::<[f32; 3]>("positions")?;
    /// let frame = buffers.wait_for_download::<[f32; 3]>("positions")?;
    /// assert_eq!(frame[2], [0.0; 3]);
    /// let error = buffers.wait_for_download::<[f32; 3]>("positions").unwrap_err();
    /// assert!(matches!(error, Error::NoDownload { .. }));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`], [`Error::WrongElement`], [`Error::NoDownload`], and those of
    /// [`Ticket::wait`](crate::Ticket::wait).
    pub fn wait_for_download<T: Element>(&mut self, name: &str) -> Result<DownloadGuard<T, B>, Error> {
        let key = self.key::<T>(name)?;
        self.table.wait_for_download(key)
    }
}
