//! What the runtime asks of a device: bytes, streams and events.
//!
//! A backend knows nothing of element types, names, growth or who owns what; it moves bytes in the order that it is
//! told. Six kinds of thing cross this boundary:
//!
//! * *memory*: a block on the device, addressed by a handle and byte offsets. Nobody above assumes that it has an
//!   address, so that a graphics API can be a backend. A handle is a name: cloning it makes no memory, dropping it frees none;
//! * a *chunk*, on devices with virtual memory: physical memory, which is seen where it is mapped. There, memory can also be a
//!   range of addresses that was reserved with nothing behind it, and chunks are mapped into it;
//! * *pinned*: a block of host memory that the device reads and writes by itself, at an address that the host sees;
//! * a *stream*: a queue. What is put on one stream runs in that order; two streams run side by side;
//! * an *event*: a point in a stream, made by [`Driver::record`] and never changed after. An event is cheap to clone,
//!   and it is done when all that was on its stream before it is done;
//! * a *fault*: why something did not work, in the backend's own words.
//!
//! The trait is in two halves. [`Backend`] is the half that users name (`Device<B>`, `Buffer<T, B>`); [`Driver`] is the
//! half that only the runtime calls: it lives in a private module, so nobody else can implement it, and nobody else is ever
//! handed a backend to call it on. Its methods that queue work are `unsafe`: they take no part in deciding *when* a block may be touched or freed. That is
//! the business of `memory` and `buffer`, whose module comments give the protocol.

mod fault;
pub(crate) mod host;
mod pauses;

#[cfg(feature = "cuda")]
pub(crate) mod cuda;

pub(crate) use self::fault::{Cause, Fault};
pub use self::host::Host;

#[cfg(feature = "cuda")]
pub use self::cuda::Cuda;

use self::pauses::Pauses;

/// A kind of device that buffers can live on: [`Host`] or, with the feature `cuda`, `Cuda`.
///
/// It appears as a type parameter: a function over `B: Backend` works on every device. The trait is sealed; backends
/// are part of this crate.
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
pub trait Backend: Driver {
    /// The name used in messages and by command lines: `"host"`, `"cuda"`.
    const NAME: &'static str;
}

/// The half of a backend that only the runtime sees. See the module comment for the terms.
pub trait Driver: Send + Sync + Sized + 'static {
    /// Whether giving everything back at the end of a device may wait for more than the device's own work, so
    /// that a drop leaves it to a thread even where the device is idle.
    const WAITS_AT_THE_END: bool = false;

    /// Names a block of device memory, or a range of addresses. Cheap to clone; dropping it gives nothing back.
    type Memory: Clone + Send + Sync + 'static;
    /// Physical memory that can be mapped. Dropping it without [`Driver::release_chunk`] leaks it.
    type Chunk: Send + Sync + 'static;
    /// A block of host memory that the device copies from and to. Dropping it without [`Driver::unpin`] leaks it.
    type Pinned: Send + Sync + 'static;
    /// A queue of work.
    type Stream: Send + Sync + 'static;
    /// A point in a stream.
    type Event: Clone + Send + Sync + 'static;

    /// The device's own name, for messages.
    fn device_name(&self) -> &str;

    /// How much memory the device has, as far as it can tell.
    fn memory_info(&self) -> Result<MemoryInfo, Fault>;

    /// Whether blocks may be made to fail, for tests: then each asks [`Driver::before_block`], wherever it comes from.
    fn is_tested(&self) -> bool {
        false
    }

    /// A fault that is to be given to whoever asks for a block.
    fn before_block(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes `bytes` (above 0) of device memory, aligned to [`ALIGNMENT`] and with undefined contents.
    fn allocate(&self, bytes: usize) -> Result<Self::Memory, Fault>;

    /// Gives memory back. May wait for the device.
    ///
    /// # Safety
    ///
    /// `memory` came from [`Driver::allocate`] of this backend and was not given back, and nothing that is queued or running
    /// touches it (rule 2).
    unsafe fn free(&self, memory: Self::Memory) -> Result<(), Fault>;

    /// The unit of chunks and of addresses, a power of two of at least [`ALIGNMENT`], if the device has virtual memory.
    /// Without it the six methods below are never called.
    fn granularity(&self) -> Option<usize>;

    /// Reserves `bytes` of addresses (whole units, above 0), aligned to a unit, with nothing behind them.
    fn reserve(&self, bytes: usize) -> Result<Self::Memory, Fault>;

    /// Gives addresses back.
    ///
    /// # Safety
    ///
    /// `memory` came from [`Driver::reserve`] of this backend with as many bytes and was not given back, and nothing is mapped
    /// there (rule 2).
    unsafe fn unreserve(&self, memory: Self::Memory, bytes: usize) -> Result<(), Fault>;

    /// Takes `bytes` of physical memory (whole units, above 0), with undefined contents.
    fn create_chunk(&self, bytes: usize) -> Result<Self::Chunk, Fault>;

    /// Gives physical memory back. Does not wait for the device's work.
    ///
    /// # Safety
    ///
    /// The chunk came from this backend, and is mapped nowhere (rule 2).
    unsafe fn release_chunk(&self, chunk: Self::Chunk) -> Result<(), Fault>;

    /// Maps a chunk of `bytes` at `offset` (whole units). When it returns, every stream may use the memory there, and its
    /// contents are undefined. After a fault nothing is mapped there.
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

    /// Takes a chunk of `bytes` from where it is mapped. Does not wait for the device's work.
    ///
    /// # Safety
    ///
    /// Exactly this chunk is mapped at `offset`, and nothing that is queued or running touches it. After a fault it counts as mapped
    /// for good: neither the chunk nor the addresses are given back (rule 2).
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
    /// `pinned` came from this backend, and nothing that is queued or running touches it (rule 3).
    unsafe fn unpin(&self, pinned: Self::Pinned) -> Result<(), Fault>;

    /// Where the host sees a pinned block.
    fn pinned_address(pinned: &Self::Pinned) -> *mut u8;

    /// Opens a stream.
    fn create_stream(&self) -> Result<Self::Stream, Fault>;

    /// The point that `stream` has been filled to now.
    fn record(&self, stream: &Self::Stream) -> Result<Self::Event, Fault>;

    /// The same, for work that was queued a moment ago and that nobody could else tell the end of: where the driver refuses an
    /// event, the calling thread waits for the stream. So it fails only where that is refused too, or the device has failed.
    fn record_queued(&self, stream: &Self::Stream) -> Result<Self::Event, Fault> {
        self.record(stream)
    }

    /// Keeps what is queued on `stream` from now on until `event` is done. The host does not wait.
    fn wait(&self, stream: &Self::Stream, event: &Self::Event) -> Result<(), Fault>;

    /// Keeps what is queued on `stream` from now on until all that is queued on `before` now is done. The host does not wait.
    fn order(&self, stream: &Self::Stream, before: &Self::Stream) -> Result<(), Fault> {
        self.wait(stream, &self.record(before)?)
    }

    /// Whether all that was queued on `stream` is done; a fault if the device has failed.
    fn is_idle(&self, stream: &Self::Stream) -> Result<bool, Fault>;

    /// Whether `event` is done; a fault if the device has failed.
    fn is_done(&self, event: &Self::Event) -> Result<bool, Fault>;

    /// Whether the calling thread may wait for the device at all.
    fn may_wait(&self) -> bool {
        true
    }

    /// Keeps the calling thread until `event` is done; a fault if the device has failed. Never hangs on a failed device.
    fn synchronize(&self, event: &Self::Event) -> Result<(), Fault>;

    /// The device is being closed: nobody can queue anything any more. Takes from the application what else
    /// it has of the device.
    fn close(&self) {}

    /// Waits until pinned memory can be given back without keeping other threads waiting.
    fn settle(&self) {}

    /// Gives back what the backend itself keeps for nobody. May wait for the device, and for others.
    fn tidy(&self) {}

    /// As [`Driver::synchronize`], for a thread that may be some microseconds late but must not take a core while it waits.
    ///
    /// A backend whose own wait sleeps uses that. Otherwise the device is asked, at first all the time and then between pauses that grow with
    /// the time waited.
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
    /// Both ranges lie inside their blocks, the source bytes are initialised, and until the copy is done both blocks
    /// stay alive, nothing writes the source, and nothing that is not ordered with this copy touches the
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
    /// As [`Driver::copy_to_device`], with the roles exchanged (rules 1, 2 and 3).
    unsafe fn copy_to_host(
        &self,
        stream: &Self::Stream,
        from: (&Self::Memory, usize),
        to: (&Self::Pinned, usize),
        bytes: usize,
    ) -> Result<(), Fault>;

    /// Queues a copy between two places on the device that do not overlap.
    ///
    /// # Safety
    ///
    /// As [`Driver::copy_to_device`]; the ranges do not overlap (rules 1 and 2).
    unsafe fn copy_on_device(
        &self,
        stream: &Self::Stream,
        from: (&Self::Memory, usize),
        to: (&Self::Memory, usize),
        bytes: usize,
    ) -> Result<(), Fault>;

    /// Queues `count` repetitions of `pattern` (not empty) from `to` on. `Ok(false)` if the device has no such
    /// operation for this pattern; then nothing was queued and the caller builds it from copies.
    ///
    /// # Safety
    ///
    /// `count * pattern.len()` bytes from the offset on lie inside the block, which stays alive until this is done, and
    /// nothing that is not ordered with it touches them (rules 1 and 2).
    unsafe fn fill(
        &self,
        stream: &Self::Stream,
        to: (&Self::Memory, usize),
        pattern: &[u8],
        count: usize,
    ) -> Result<bool, Fault>;
}

/// What every block is aligned to, in bytes: enough for every element type that is accepted.
pub(crate) const ALIGNMENT: usize = 256;

/// How much memory a device has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryInfo {
    /// Bytes that could be taken now; `None` where the platform does not tell.
    pub free: Option<u64>,
    /// Bytes that the device has; `None` where the platform does not tell.
    pub total: Option<u64>,
}
