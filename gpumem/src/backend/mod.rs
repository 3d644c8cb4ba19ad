//! Backends: memory, streams and events of one kind of device.
//!
//! A backend knows nothing of element types, names, growth or owners. It moves bytes in the order of its
//! calls. Its terms:
//!
//! * *memory*: a block on the device, addressed by a handle and byte offsets. No layer above assumes that it
//!   has an address, so a graphics API can be a backend. A handle is a name: to clone it makes no memory, to
//!   drop it frees none;
//! * *chunk*, on devices with virtual memory: physical memory, which has an address while it is mapped.
//!   Memory can then also be a reserved range of addresses, into which chunks are mapped;
//! * *pinned*: a block of host memory that the device reads and writes by itself, and the CPU at an address;
//! * *stream*: a queue. Work on one stream runs in its order, and two streams run side by side;
//! * *event*: a point in a stream, made by [`BackendOps::record`] and never changed after that. An event is
//!   cheap to clone. It is done when all work that was queued on its stream before it is done;
//! * *fault*: the reason why a call was not carried out, in the backend's own words.
//!
//! A backend implements two traits. Users name [`Backend`] (`Device<B>`, `Buffer<T, B>`). Only the runtime
//! calls [`BackendOps`], which lives in a private module. So no other crate can implement it, and none is
//! ever handed a backend to call it on. Its methods that queue work are `unsafe`: a backend does not decide
//! *when* a block may be touched or freed. The layers `memory` and `buffer` do, and their module comments
//! give the protocol.
//!
//! In this module, *the host backend* is [`Host`], *host memory* is memory of the machine, and *the CPU* or
//! *the calling thread* is the one that runs the program.

mod dim3;
mod fault;
pub(crate) mod host;
mod pauses;

#[cfg(feature = "cuda")]
pub(crate) mod cuda;

pub use self::dim3::Dim3;
pub(crate) use self::fault::{Cause, Fault};
pub use self::host::Host;

#[cfg(feature = "cuda")]
pub use self::cuda::Cuda;

use self::pauses::Pauses;

/// A kind of device that buffers can live on: [`Host`] or, with the feature `cuda`, `Cuda`.
///
/// It appears as a type parameter: a function over `B: Backend` works on every device. The trait is sealed;
/// backends are part of this crate.
///
/// ```
/// use gpumem::{Backend, Buffer, Device};
///
/// fn squares<B: Backend>(device: &Device<B>) -> gpumem::Result<Vec<u32>> {
///     Buffer::<u32, B>::from_slice(device, "squares", &[1, 4, 9])?.download()
/// }
///
/// assert_eq!(squares(&Device::host())?, [1, 4, 9]);
/// # Ok::<(), gpumem::Error>(())
/// ```
pub trait Backend: BackendOps {
    /// The name in messages and on command lines: `"host"`, `"cuda"`.
    const NAME: &'static str;
}

/// The operations of a backend, for the runtime alone. See the module comment for the terms.
pub trait BackendOps: Send + Sync + Sized + 'static {
    /// Whether giving everything back at the end of a device may wait for more than the device's own work.
    /// Then a drop leaves it to a thread, even if the device is idle.
    const WAITS_AT_THE_END: bool = false;

    /// Names a block of device memory, or a range of addresses. Cheap to clone; dropping it gives nothing
    /// back.
    type Memory: Clone + Send + Sync + 'static;
    /// Physical memory that can be mapped. Dropping it without [`BackendOps::release_chunk`] leaks it.
    type Chunk: Send + Sync + 'static;
    /// A block of host memory that the device copies from and to. Dropping it without [`BackendOps::unpin`]
    /// leaks it.
    type Pinned: Send + Sync + 'static;
    /// A queue of work.
    type Stream: Send + Sync + 'static;
    /// A point in a stream.
    type Event: Clone + Send + Sync + 'static;

    /// The device's own name, for messages.
    fn device_name(&self) -> &str;

    /// The device's memory, as far as it can tell.
    fn memory_info(&self) -> Result<MemoryInfo, Fault>;

    /// A failure of the device, if it is known without a call of the driver. Operations that need not call
    /// the driver, such as one that shrinks a buffer, ask this, so that they do not succeed on a failed
    /// device.
    fn check_failure(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether a test may make the taking of blocks fail. Then the runtime calls [`BackendOps::before_block`]
    /// before it takes one, from any source.
    fn is_tested(&self) -> bool {
        false
    }

    /// The fault that a test has chosen for the next block, or a failure of the device.
    fn before_block(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes `bytes` (above 0) of device memory, aligned to [`ALIGNMENT`] and with undefined contents.
    fn allocate(&self, bytes: usize) -> Result<Self::Memory, Fault>;

    /// Gives memory back. May wait for the device.
    ///
    /// # Safety
    ///
    /// `memory` came from [`BackendOps::allocate`] of this backend and was not given back, and no queued or
    /// running work touches it (rule 2).
    unsafe fn free(&self, memory: Self::Memory) -> Result<(), Fault>;

    /// A number that names the start of memory in logs, and that no other memory has: its address, where
    /// memory has addresses.
    fn address_of(memory: &Self::Memory) -> u64;

    /// The unit of chunks and of addresses, a power of two of at least [`ALIGNMENT`], if the device has
    /// virtual memory. If it has none, the six methods below are never called.
    fn granularity(&self) -> Option<usize>;

    /// Reserves `bytes` of addresses (whole units, above 0), aligned to a unit, without memory.
    fn reserve(&self, bytes: usize) -> Result<Self::Memory, Fault>;

    /// Gives addresses back.
    ///
    /// # Safety
    ///
    /// `memory` came from [`BackendOps::reserve`] of this backend with as many bytes and was not given back,
    /// and nothing is mapped there (rule 2).
    unsafe fn unreserve(&self, memory: Self::Memory, bytes: usize) -> Result<(), Fault>;

    /// Takes `bytes` of physical memory (whole units, above 0), with undefined contents.
    fn create_chunk(&self, bytes: usize) -> Result<Self::Chunk, Fault>;

    /// Gives physical memory back. Does not wait for the device's work.
    ///
    /// # Safety
    ///
    /// The chunk came from this backend, and is mapped nowhere (rule 2).
    unsafe fn release_chunk(&self, chunk: Self::Chunk) -> Result<(), Fault>;

    /// Maps a chunk of `bytes` at `offset` (whole units). When it returns, every stream may use the memory
    /// there, and its contents are undefined. After a fault nothing is mapped there.
    ///
    /// # Safety
    ///
    /// `memory` is reserved, the range lies in it and nothing is mapped there; the chunk has `bytes` bytes
    /// and is mapped nowhere (the driver's contract).
    unsafe fn map(
        &self,
        memory: &Self::Memory,
        offset: usize,
        chunk: &Self::Chunk,
        bytes: usize,
    ) -> Result<(), Fault>;

    /// Unmaps a chunk of `bytes`. Does not wait for the device's work.
    ///
    /// # Safety
    ///
    /// Exactly this chunk is mapped at `offset`, and no queued or running work touches it. After a fault it
    /// counts as mapped for good: neither the chunk nor the addresses are given back (rule 2).
    unsafe fn unmap(
        &self,
        memory: &Self::Memory,
        offset: usize,
        chunk: &Self::Chunk,
        bytes: usize,
    ) -> Result<(), Fault>;

    /// Takes `bytes` (above 0) of pinned host memory, aligned to [`ALIGNMENT`] and with undefined contents.
    fn pin(&self, bytes: usize) -> Result<Self::Pinned, Fault>;

    /// Gives pinned memory back. May wait for the device.
    ///
    /// # Safety
    ///
    /// `pinned` came from this backend, and no queued or running work touches it (rule 3).
    unsafe fn unpin(&self, pinned: Self::Pinned) -> Result<(), Fault>;

    /// The address of a pinned block for code on the CPU.
    fn pinned_address(pinned: &Self::Pinned) -> *mut u8;

    /// Opens a stream.
    fn create_stream(&self) -> Result<Self::Stream, Fault>;

    /// The point after all work that is queued on `stream` now.
    fn record(&self, stream: &Self::Stream) -> Result<Self::Event, Fault>;

    /// The same, after work was queued whose end must be known. If the device refuses an event, the calling
    /// thread waits for the stream. So this fails only if that is refused too, or if the device has failed.
    fn record_queued(&self, stream: &Self::Stream) -> Result<Self::Event, Fault> {
        self.record(stream)
    }

    /// Lets work that is queued on `stream` from now on wait for `event`. The calling thread does not wait.
    fn wait(&self, stream: &Self::Stream, event: &Self::Event) -> Result<(), Fault>;

    /// Lets work that is queued on `stream` from now on wait for all work that is queued on `before` now. The
    /// calling thread does not wait.
    fn order(&self, stream: &Self::Stream, before: &Self::Stream) -> Result<(), Fault> {
        self.wait(stream, &self.record(before)?)
    }

    /// Whether all work that was queued on `stream` is done; a fault if the device has failed.
    fn is_idle(&self, stream: &Self::Stream) -> Result<bool, Fault>;

    /// Whether `event` is done; a fault if the device has failed.
    fn is_done(&self, event: &Self::Event) -> Result<bool, Fault>;

    /// Whether the calling thread may wait for the device at all.
    fn may_wait(&self) -> bool {
        true
    }

    /// Keeps the calling thread until `event` is done; a fault if the device has failed. Never hangs on a
    /// failed device.
    fn synchronize(&self, event: &Self::Event) -> Result<(), Fault>;

    /// The device is being closed, and no more work can be queued. Frees all that the application still has
    /// of the device.
    fn close(&self) {}

    /// Waits until pinned memory can be given back without a wait of other threads.
    fn settle(&self) {}

    /// Gives back resources that the backend itself keeps without a user. May wait for the device, and for
    /// other devices.
    fn tidy(&self) {}

    /// As [`BackendOps::synchronize`], for a thread that may be some microseconds late but must not take a
    /// core while it waits.
    ///
    /// A backend whose own wait sleeps uses that. Otherwise the thread asks the device, at first without a
    /// pause and then between pauses that grow with the time waited.
    fn synchronize_asleep(&self, event: &Self::Event) -> Result<(), Fault> {
        let mut pauses = Pauses::begin();
        while !self.is_done(event)? {
            pauses.pause();
        }
        Ok(())
    }

    /// Queues a copy from pinned memory to the device.
    ///
    /// # Safety
    ///
    /// Both ranges lie inside their blocks, and the source bytes are initialised. Until the copy is done both
    /// blocks stay alive, nothing writes the source, and only work that is ordered with this copy touches the
    /// destination (rules 1, 2 and 3).
    unsafe fn copy_to_device(
        &self,
        stream: &Self::Stream,
        from: (&Self::Pinned, usize),
        to: (&Self::Memory, usize),
        bytes: usize,
    ) -> Result<(), Fault>;

    /// Queues a copy from the device to pinned memory.
    ///
    /// # Safety
    ///
    /// As [`BackendOps::copy_to_device`], with the roles exchanged (rules 1, 2 and 3).
    unsafe fn copy_to_host(
        &self,
        stream: &Self::Stream,
        from: (&Self::Memory, usize),
        to: (&Self::Pinned, usize),
        bytes: usize,
    ) -> Result<(), Fault>;

    /// Queues several copies from the device to pinned memory, which may run in any order. Returns with a
    /// fault how many of them, from the first on, may have been queued.
    ///
    /// # Safety
    ///
    /// As [`BackendOps::copy_to_host`], for each copy (rules 1, 2 and 3). Each has at least one byte, and no
    /// two write the same bytes.
    unsafe fn copy_batch_to_host(
        &self,
        stream: &Self::Stream,
        copies: &[CopyToHost<'_, Self>],
    ) -> Result<(), (Fault, usize)> {
        // SAFETY: the caller's promises are the same (rules 1, 2 and 3).
        unsafe { copy_one_by_one(self, stream, copies) }
    }

    /// Queues a copy between two places on the device that do not overlap.
    ///
    /// # Safety
    ///
    /// As [`BackendOps::copy_to_device`]; the ranges do not overlap (rules 1 and 2).
    unsafe fn copy_on_device(
        &self,
        stream: &Self::Stream,
        from: (&Self::Memory, usize),
        to: (&Self::Memory, usize),
        bytes: usize,
    ) -> Result<(), Fault>;

    /// Queues `count` repetitions of `pattern` (not empty) from `to` on. `Ok(false)` if the device has no
    /// such operation for this pattern. Then nothing was queued, and the caller makes the repetitions by
    /// copies.
    ///
    /// # Safety
    ///
    /// `count * pattern.len()` bytes from the offset on lie inside the block, which stays alive until this is
    /// done, and only work that is ordered with it touches them (rules 1 and 2).
    unsafe fn fill(
        &self,
        stream: &Self::Stream,
        to: (&Self::Memory, usize),
        pattern: &[u8],
        count: usize,
    ) -> Result<bool, Fault>;
}

/// One copy of [`BackendOps::copy_batch_to_host`].
#[allow(missing_debug_implementations)] // Only the runtime has such values.
pub struct CopyToHost<'a, B: BackendOps> {
    pub(crate) from: (&'a B::Memory, usize),
    pub(crate) to: (&'a B::Pinned, usize),
    pub(crate) bytes: usize,
}

/// [`BackendOps::copy_batch_to_host`] by a call of the driver per copy.
///
/// # Safety
///
/// The same (rules 1, 2 and 3).
unsafe fn copy_one_by_one<B: BackendOps>(
    backend: &B,
    stream: &B::Stream,
    copies: &[CopyToHost<'_, B>],
) -> Result<(), (Fault, usize)> {
    copies.iter().enumerate().try_for_each(|(index, &CopyToHost { from, to, bytes })| {
        // SAFETY: the caller's promises (rules 1, 2 and 3).
        unsafe { backend.copy_to_host(stream, from, to, bytes) }.map_err(|fault| (fault, index))
    })
}

/// The alignment of every block, in bytes: enough for every element type that is accepted.
pub(crate) const ALIGNMENT: usize = 256;

/// The memory of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryInfo {
    /// Bytes that could be taken now; `None` if the platform does not tell.
    pub free: Option<u64>,
    /// Bytes that the device has; `None` if the platform does not tell.
    pub total: Option<u64>,
}
