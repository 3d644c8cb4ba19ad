//! Typed, growable buffers on a device.
//!
//! [`Buffer<T, B, M>`] is a thin typed face of [`RawBuffer<B>`], which knows element sizes but no element types, so that
//! the logic is compiled once a backend and not once a buffer. The rooms:
//!
//! * `raw`: length, capacity and growth; what makes an operation that fails leave the buffer as it was; `member`: what the buffers
//!   of a set share;
//! * `transfer`: blocking copies between host and device through pinned memory;
//! * `download`: async downloads, their tickets (which are futures) and guards; `shadow`: the copies on the device that snapshots read;
//! * `frame`: downloads that were started together, `selection`: which buffers those are;
//! * `stage`: uploads that are filled in place;
//! * `view`: ranges of a buffer; `stream_use` and `bound`: uses on streams of the application's own;
//! * `host`, `cuda`: what only one backend can do, such as slices and device pointers.

mod bound;
#[cfg(feature = "cuda")]
mod cuda;
mod download;
mod frame;
mod growth;
mod host;
mod member;
mod raw;
mod selection;
mod shadow;
mod stage;
mod stream_use;
mod transfer;
mod view;

pub use self::bound::Bound;
pub(crate) use self::download::Busy;
pub use self::download::{Download, DownloadGuard};
pub use self::frame::{Arrived, Downloads, Frame};
pub(crate) use self::growth::Growth;
pub(crate) use self::member::SetShared;
pub use self::raw::{RawBuffer, RawMut, RawOwned};
pub use self::selection::{Part, Selection, SelectionPart};
pub use self::stage::{Stage, Upload};
pub use self::stream_use::{StreamUse, StreamUseMut};
pub use self::view::{View, ViewMut};

use crate::backend::{ALIGNMENT, Backend, Host};
use crate::device::Device;
use crate::error::{BufferLabel, Error};
use crate::ledger::BufferStats;
use crate::spec::BufferSpec;
use bytemuck::Pod;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

/// What a buffer can hold: plain data that any bits make a value of and any thread may have.
///
/// It is implemented for every type that is [`bytemuck::Pod`], `Send` and `Sync`, and cannot be implemented otherwise. For
/// a struct of your own, add `#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]` and `#[repr(C)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a GPU buffer",
    label = "not plain data (`bytemuck::Pod`)",
    note = "for a struct of your own, write `#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]` and `#[repr(C)]` on it \
            (with the `derive` feature of `bytemuck`)",
    note = "a field that is to stay on the host takes `#[buffer(skip)]`"
)]
pub trait Element: Pod + Send + Sync {}

#[diagnostic::do_not_recommend]
impl<T: Pod + Send + Sync> Element for T {}

/// How a buffer is downloaded: [`Blocking`] or [`Async`]. Sealed.
pub trait Mode: sealed::Mode + Send + Sync + 'static {}

/// The mode of a buffer whose downloads return when the data is there.
#[derive(Clone, Copy, Debug)]
pub enum Blocking {}

/// The mode of a buffer that also has [`start_download`](Buffer::start_download).
#[derive(Clone, Copy, Debug)]
pub enum Async {}

impl Mode for Blocking {}
impl Mode for Async {}

/// The modes that have async downloads: [`Async`]. A bound on methods, so that the compiler can say what to add.
#[diagnostic::on_unimplemented(
    message = "this buffer has no async downloads",
    label = "its downloads are blocking",
    note = "for a buffer of a derived set, add `async` to the field: `#[buffer(async)]`",
    note = "for a buffer of its own, name the mode: `Buffer<T, B, Async>`"
)]
pub trait AsyncMode: Mode {}

impl AsyncMode for Async {}

mod sealed {
    pub trait Mode {}
    impl Mode for super::Blocking {}
    impl Mode for super::Async {}
}

/// A growable array of `T` in device memory.
///
/// It is to device memory what `Vec<T>` is to the heap: a length, a capacity, and growth by a factor, within the limits
/// of its [`BufferSpec`] and of the device. `M` says whether it has async downloads ([`Async`]) or not ([`Blocking`],
/// the default).
///
/// Operations are queued on the device's stream in the order in which they are called, and return without waiting for it,
/// except those that give data to the host and those that say so. An operation that fails leaves the buffer as it was; [`Error`] says what a
/// driver that fails half way can leave behind.
///
/// A buffer may be used and dropped on any thread. Dropping it never waits: the memory goes back when the work that
/// uses it is done.
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let mut cells: Buffer<u32> = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
/// cells.resize(5)?;
/// cells.write(3, &[40, 50])?;
/// assert_eq!(cells.download()?, [1, 2, 3, 40, 50]);
/// cells.truncate(2);
/// assert_eq!(cells.view(1..)?.download()?, [2]);
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct Buffer<T, B: Backend = Host, M: Mode = Blocking> {
    raw: RawBuffer<B>,
    types: PhantomData<fn() -> (T, M)>,
}

impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Refuses, at compile time, elements that the runtime cannot store.
    const ELEMENT_FITS: () = {
        assert!(size_of::<T>() > 0, "gpumem: a buffer's elements must not be zero-sized");
        assert!(
            align_of::<T>() <= ALIGNMENT,
            "gpumem: a buffer's elements must not be aligned to more than 256 bytes"
        );
    };

    /// An empty buffer. It takes no memory yet, unless `spec` has a `min`.
    ///
    /// `spec` is a [`BufferSpec`] or just a name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] for a specification that cannot work, and the errors of [`Buffer::reserve`] for its `min`.
    #[track_caller]
    pub fn new(device: &Device<B>, spec: impl Into<BufferSpec>) -> Result<Self, Error> {
        Self::with_capacity(device, spec, 0)
    }

    /// An empty buffer with room for `capacity` elements.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::new`] and [`Buffer::reserve`].
    #[track_caller]
    pub fn with_capacity(
        device: &Device<B>,
        spec: impl Into<BufferSpec>,
        capacity: usize,
    ) -> Result<Self, Error> {
        let () = Self::ELEMENT_FITS;
        Ok(Self::from_raw(RawBuffer::new(device, spec.into().element::<T>(), capacity, None)?))
    }

    /// A buffer with the elements of `data`.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::new`] and [`Buffer::upload`].
    #[track_caller]
    pub fn from_slice(device: &Device<B>, spec: impl Into<BufferSpec>, data: &[T]) -> Result<Self, Error> {
        let mut buffer = Self::with_capacity(device, spec, data.len())?;
        buffer.upload(data)?;
        Ok(buffer)
    }

    /// The caller vouches that `raw` was made for elements of type `T`.
    pub(crate) fn from_raw(raw: RawBuffer<B>) -> Self {
        let () = Self::ELEMENT_FITS;
        debug_assert_eq!(raw.element_size(), size_of::<T>());
        Self { raw, types: PhantomData }
    }

    /// As [`Self::from_raw`], for what comes by way of generated code, which is asked whether it is right.
    pub(crate) fn from_made(raw: RawOwned<B>) -> Self {
        assert_eq!(raw.0.element_size(), size_of::<T>(), "gpumem: a buffer of another element");
        Self::from_raw(raw.0)
    }

    /// Replaces the contents by `data`, growing as needed.
    ///
    /// The data is copied into pinned memory, from which the device fetches it; the call returns when `data` is no
    /// longer needed, not when the device has it. It goes in pieces of at most 2 MiB. At most 8 MiB of the data are ahead of the device, or 16 MiB
    /// where it is more than 8 MiB and up to four threads copy it; and before its first piece a call waits until at most 64 pieces of
    /// earlier calls are ahead. So the calls of one thread are at most 144 MiB ahead, and by way of the four threads 80 MiB more. Each
    /// further thread that uploads at the same time adds 16 MiB at most.
    /// [`Buffer::stage`] needs no copy on the host.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`], and [`Error::OutOfPinnedMemory`].
    pub fn upload(&mut self, data: &[T]) -> Result<(), Error> {
        self.raw.upload(bytemuck::cast_slice(data))
    }

    /// Pinned memory for `len` elements, to be filled in place and then sent without a copy on the host: [`Stage::commit`] is
    /// [`Buffer::upload`] of it, [`Stage::commit_at`] is [`Buffer::write`].
    ///
    /// The elements are those of some earlier transfer of the device, or zero: set them all. Memory of so many bytes is pinned the first time,
    /// which is slow, and used again afterwards. The call waits for the device only where more than 64 transfers are ahead of it; for a large stage,
    /// where more than two are, and more than 256 MiB would be if all were of its size.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let mut cells: Buffer<u32> = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
    /// let mut stage = cells.stage(1_000)?;
    /// for (index, cell) in (0..).zip(stage.iter_mut()) {
    ///     *cell = index * index;
    /// }
    /// stage.commit()?;
    /// assert_eq!(cells.view(9..11)?.download()?, [81, 100]);
    ///
    /// let mut stage = cells.stage(2)?;
    /// stage.fill(7);
    /// let upload = stage.start_upload_at(10)?;
    /// upload.wait()?; // or not: what uses the buffer comes after it anyway
    /// assert_eq!(cells.view(9..13)?.download()?, [81, 7, 7, 144]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::SizeOverflow`], [`Error::BufferLimit`] and [`Error::OutOfPinnedMemory`], and [`Error::WouldDeadlock`] inside a host kernel
    /// where it would have to wait.
    pub fn stage(&mut self, len: usize) -> Result<Stage<'_, T, B>, Error> {
        Stage::new(&mut self.raw, len)
    }

    /// Overwrites the elements from `offset` on with `data`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] when they do not all exist (see [`Buffer::extend_from_slice`] for appending), and
    /// [`Error::OutOfPinnedMemory`].
    pub fn write(&mut self, offset: usize, data: &[T]) -> Result<(), Error> {
        self.raw.write(offset, bytemuck::cast_slice(data))
    }

    /// Appends `data`, growing as needed.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::upload`].
    pub fn extend_from_slice(&mut self, data: &[T]) -> Result<(), Error> {
        self.raw.extend(bytemuck::cast_slice(data))
    }

    /// Sets every element to `value`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfPinnedMemory`] or [`Error::DeviceFailed`].
    pub fn fill(&mut self, value: T) -> Result<(), Error> {
        self.raw.fill(0, self.len(), bytemuck::bytes_of(&value))
    }

    /// Replaces the contents by those of `source`, on the device, growing as needed.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`], and [`Error::DifferentDevices`].
    pub fn copy_from<N: Mode>(&mut self, source: &Buffer<T, B, N>) -> Result<(), Error> {
        self.raw.copy_from(&source.raw)
    }

    /// A range of the elements, for downloading or copying from.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`].
    pub fn view(&self, range: impl RangeBounds<usize>) -> Result<View<'_, T, B>, Error> {
        View::new(&self.raw, range)
    }

    /// A range of the elements, for writing.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`].
    pub fn view_mut(&mut self, range: impl RangeBounds<usize>) -> Result<ViewMut<'_, T, B>, Error> {
        ViewMut::new(&mut self.raw, range)
    }

    /// A copy of the elements on the host. Waits for the work that is queued.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfHostMemory`], [`Error::OutOfPinnedMemory`], [`Error::DeviceFailed`], and [`Error::WouldDeadlock`] inside a host
    /// kernel.
    pub fn download(&self) -> Result<Vec<T>, Error> {
        self.view(..)?.download()
    }

    /// Copies the elements into `target`, which has the same length. Returns when they are there.
    ///
    /// # Errors
    ///
    /// [`Error::LengthMismatch`], and those of [`Buffer::download`], after which `target` may be partly written.
    pub fn download_into(&self, target: &mut [T]) -> Result<(), Error> {
        self.view(..)?.download_into(target)
    }

    /// Replaces the contents of `target` by the elements. Its allocation is used again where it is large enough.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::download`]; `target` is empty then.
    pub fn download_to(&self, target: &mut Vec<T>) -> Result<(), Error> {
        self.view(..)?.download_to(target)
    }

    /// Sets the length without touching the elements: for a kernel that writes behind the end.
    ///
    /// # Safety
    ///
    /// `len` is at most the capacity, and all elements below `len` have been written, or will have been by work that is
    /// already queued on the device's stream.
    pub unsafe fn set_len(&mut self, len: usize) {
        // SAFETY: the caller's promise is the same (rule 5).
        unsafe { self.raw.set_len(len) }
    }
}

// What needs no element: these hold no bound on `T`, so that a wrong element type is one error and not one a method.
impl<T, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Elements.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether there is no element.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements that fit without growing.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.raw.capacity()
    }

    /// Bytes that the elements take.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len() * size_of::<T>()
    }

    /// Bytes of device memory that the buffer holds.
    #[inline]
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }

    /// The buffer's name, as in its specification.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.raw.spec().name()
    }

    /// What messages call the buffer.
    #[must_use]
    pub fn label(&self) -> BufferLabel {
        self.raw.label()
    }

    /// Its specification.
    #[must_use]
    pub fn spec(&self) -> &BufferSpec {
        self.raw.spec()
    }

    /// The device that it lives on.
    #[must_use]
    pub fn device(&self) -> &Device<B> {
        self.raw.device()
    }

    /// What it holds.
    #[must_use]
    pub fn stats(&self) -> BufferStats {
        self.raw.stats()
    }

    /// Makes room for `additional` more elements, growing by the growth factor where that is more.
    ///
    /// Growth near a limit falls back to the exact need before it fails. A small buffer moves to other memory, which costs a copy on the
    /// device; above about 1 MiB it grows where it is.
    ///
    /// # Errors
    ///
    /// [`Error::SizeOverflow`], [`Error::BufferLimit`], [`Error::DeviceLimit`] or [`Error::OutOfMemory`] when there is no
    /// room, [`Error::DeviceFailed`] when the device has failed. The buffer is as it was.
    pub fn reserve(&mut self, additional: usize) -> Result<(), Error> {
        self.raw.reserve(additional)
    }

    /// Makes the length `len`. New elements are zero.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`].
    pub fn resize(&mut self, len: usize) -> Result<(), Error> {
        self.raw.resize(len)
    }

    /// Shortens the buffer to `len` elements, if it has more. Keeps the capacity, costs nothing.
    pub fn truncate(&mut self, len: usize) {
        self.raw.truncate(len);
    }

    /// Removes all elements. Keeps the capacity, costs nothing.
    pub fn clear(&mut self) {
        self.raw.truncate(0);
    }

    /// Gives back the capacity that is not needed, down to the specification's `min`.
    ///
    /// A large buffer that has grown in place stays where it is: the call waits for the work that uses the buffer, and the memory that
    /// was mapped for its last growths goes back to the driver. So does a `stable` buffer, of which memory that was taken at once
    /// goes back at once only. Otherwise the elements are copied on the device to smaller memory.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::reserve`]: where it copies, the smaller memory is taken before the larger is given back (which counts
    /// against no limit). And [`Error::WouldDeadlock`] inside a host kernel, where it would have to wait.
    pub fn shrink_to_fit(&mut self) -> Result<(), Error> {
        self.raw.shrink_to_fit()
    }

    /// Gives the memory back, and waits until that is done.
    ///
    /// Dropping the buffer does the same without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the device has failed, and [`Error::WouldDeadlock`] inside a host kernel.
    pub fn close(self) -> Result<(), Error> {
        let device = self.device().clone();
        drop(self);
        device.synchronize()
    }

    #[doc(hidden)]
    #[inline]
    pub fn __raw(&self) -> &RawBuffer<B> {
        &self.raw
    }

    #[doc(hidden)]
    #[inline]
    pub fn __raw_mut(&mut self) -> RawMut<'_, B> {
        RawMut(&mut self.raw)
    }

    pub(crate) fn raw_mut(&mut self) -> &mut RawBuffer<B> {
        &mut self.raw
    }

    #[doc(hidden)]
    pub fn __into_raw(self) -> RawOwned<B> {
        RawOwned(self.raw)
    }
}

/// Async downloads, which only buffers of mode [`Async`] have.
impl<T: Element, B: Backend, M: Mode> Buffer<T, B, M> {
    /// Starts copying all elements to the host, and returns at once with a ticket for them.
    ///
    /// The copy shows the buffer as it is at this point of the stream: it waits for what was queued before, and what writes
    /// the buffer later waits for the copy, on the device. The buffer may be written, resized and dropped meanwhile, and so
    /// may the ticket.
    ///
    /// A buffer has two slots, or as many as [`BufferSpec::slots`] says: so many downloads can be under way or unread at a time.
    /// A slot comes back when its ticket or guard is dropped. With [`BufferSpec::snapshot`] the copy that later writes wait for
    /// is one on the device.
    ///
    /// The call queues two things and takes microseconds. Only where no earlier transfer has left pinned memory that fits, it pins some, which
    /// is slow: a third of a millisecond for each MiB, on the machine of the tables.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Host};
    ///
    /// let device = Device::host();
    /// let mut frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "frame", &[1, 2, 3])?;
    /// let before = frame.start_download()?;
    /// frame.fill(0)?; // waits for the copy, on the stream
    /// assert_eq!(*before.wait()?, [1, 2, 3]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::SlotsBusy`] when no slot is free, [`Error::OutOfPinnedMemory`] and [`Error::DeviceFailed`], and for a `snapshot` buffer
    /// those of [`Buffer::reserve`]. Nothing was started then.
    pub fn start_download(&self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        self.start_download_range(..)
    }

    /// [`Buffer::start_download`] for a range of the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`], and [`Error::OutOfBounds`].
    pub fn start_download_range(&self, range: impl RangeBounds<usize>) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        let range = self.raw.range(range)?;
        Download::start(&self.raw, range, Busy::Refuse)
    }

    /// [`Buffer::start_download`] that waits for a slot where all are taken.
    ///
    /// It returns as soon as a ticket or guard of this buffer goes, on whatever thread, or a copy ends whose ticket was dropped. Tickets
    /// and guards that nobody lets go of it waits for for ever, the calling thread's own among them.
    ///
    /// It keeps the calling thread while it waits for the slot, even if the ticket is awaited afterwards. A task of an executor awaits
    /// [`start_download_when_free`](Self::start_download_when_free) instead.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, Host};
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2, 3])?;
    /// let first = frame.start_download()?;
    /// let reader = std::thread::spawn(move || first.wait().map(|guard| guard.len()));
    /// let second = frame.start_download_wait()?; // when the reader is done
    /// assert_eq!(*second.wait()?, [1, 2, 3]);
    /// # assert_eq!(reader.join().unwrap(), Ok(3));
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`] but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] where it would have to wait inside
    /// a host kernel, in a waker that is run by a thread of the device, or inside
    /// [`DeviceBuilder::on_pressure`](crate::DeviceBuilder::on_pressure) when it is a download that needs memory.
    pub fn start_download_wait(&self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        self.start_download_range_wait(..)
    }

    /// [`Buffer::start_download_wait`] for a range of the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download_wait`], and [`Error::OutOfBounds`].
    pub fn start_download_range_wait(&self, range: impl RangeBounds<usize>) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        let range = self.raw.range(range)?;
        Download::start(&self.raw, range, Busy::Wait)
    }

    /// [`Buffer::start_download`] for a task: where all slots are taken it awaits one, and keeps no thread.
    ///
    /// What arrives is the buffer as of the point of the stream at which the download starts. The future borrows the buffer until then; it
    /// works with any executor, and may be dropped at any time. Tickets and guards that nobody lets go of it awaits for ever.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, BufferSpec, Device, Host};
    ///
    /// async fn both(frame: &Buffer<u32, Host, Async>) -> gpumem::Result<[u32; 2]> {
    ///     let first = frame.start_download()?;
    ///     let second = async { frame.start_download_when_free().await?.await }; // the only slot is taken
    ///     let sum = |numbers: &[u32]| numbers.iter().sum();
    ///     let first = sum(&*first.await?); // and free here
    ///     Ok([first, sum(&*second.await?)])
    /// }
    /// # use std::{pin::pin, sync::Arc, task::{Context, Poll, Wake, Waker}, thread};
    /// # struct Unpark(thread::Thread);
    /// # impl Wake for Unpark { fn wake(self: Arc<Self>) { self.0.unpark() } }
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Unpark(thread::current()))));
    /// #     loop {
    /// #         match future.as_mut().poll(&mut Context::from_waker(&waker)) {
    /// #             Poll::Ready(output) => return output,
    /// #             Poll::Pending => thread::park(),
    /// #         }
    /// #     }
    /// # }
    ///
    /// let device = Device::host();
    /// let spec = BufferSpec::new("frame").slots(1);
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2, 3])?;
    /// assert_eq!(block_on(both(&frame))?, [6, 6]); // of any executor
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download`] but for [`Error::SlotsBusy`], and [`Error::WouldDeadlock`] inside a host kernel where it
    /// would have to wait.
    pub async fn start_download_when_free(&self) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        self.start_download_range_when_free(..).await
    }

    /// [`Buffer::start_download_when_free`] for a range of the elements.
    ///
    /// # Errors
    ///
    /// Those of [`Buffer::start_download_when_free`], and [`Error::OutOfBounds`].
    pub async fn start_download_range_when_free(
        &self,
        range: impl RangeBounds<usize>,
    ) -> Result<Download<T, B>, Error>
    where
        M: AsyncMode,
    {
        let range = self.raw.range(range)?;
        Download::start_when_free(&self.raw, range).await
    }
}

impl<T, B: Backend> Buffer<T, B, Async> {
    /// Gives back the slots of all downloads of this buffer that have not been waited for, even where the tickets still
    /// exist or were forgotten. Waiting for such a ticket, or for a frame of which one is a part, gives [`Error::DownloadAbandoned`].
    /// Guards stay valid.
    ///
    /// Copies that run go on to their end, and their memory is used again only then.
    ///
    /// ```
    /// use gpumem::{Async, Buffer, Device, Error, Host};
    ///
    /// let device = Device::host();
    /// let frame: Buffer<u32, Host, Async> = Buffer::from_slice(&device, "frame", &[1, 2, 3])?;
    /// std::mem::forget(frame.start_download()?);
    /// let ticket = frame.start_download()?;
    /// assert!(matches!(frame.start_download(), Err(Error::SlotsBusy { slots: 2, .. })));
    /// frame.abandon_downloads();
    /// assert!(matches!(ticket.wait(), Err(Error::DownloadAbandoned { .. })));
    /// assert_eq!(*frame.start_download()?.wait()?, [1, 2, 3]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn abandon_downloads(&self) {
        self.raw.abandon_downloads();
    }
}

impl<T, B: Backend, M: Mode> fmt::Debug for Buffer<T, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}
