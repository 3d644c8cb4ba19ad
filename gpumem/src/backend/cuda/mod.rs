//! NVIDIA cards, through the CUDA driver. In this folder "the driver" is always that driver.
//!
//! Each file has one kind of thing, and imports only files above it in this list:
//!
//! * `driver`: the driver's functions, declared, and found in its library;
//! * `error`: their codes in words;
//! * `context`: the primary context, made current where a call needs it;
//! * `stream`: streams;
//! * `event`: events;
//! * `plain_memory`: device memory in blocks;
//! * `virtual_memory`: addresses, and the memory that is mapped there;
//! * `fill`: the choice of a fill;
//! * `module`: modules of kernels, and launches;
//! * `kernel`: kernels that are found once, and the limits of their launches.
//!
//! No code here is built on `cust`: among its safe functions, `DeviceBuffer::cast` frees twice,
//! `LockedBuffer` frees while a copy runs, `wait_event` consumes the event, and a stream's `NON_BLOCKING` is
//! lost without a word. Users can launch kernels with it (`kernels/with_cust.rs`).

mod context;
mod driver;
mod error;
mod event;
mod fill;
mod kernel;
mod module;
mod plain_memory;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod virtual_memory;

pub(crate) use self::kernel::{FoundKernel, Limits};
pub(crate) use self::module::Module;
#[cfg(feature = "cust")]
pub(crate) use self::module::sealed;
pub use self::module::{Function, Kernel};

use self::context::Context;
use self::driver::{
    Code, CopyAttributes, DeviceAddress, HOST_ALLOC_PORTABLE, LOCATION_NONE, Location, SOURCE_ORDER_STREAM,
};
use self::error::{NAME, check, check_memory};
use self::event::RecordedEvent;
use self::fill::Fill;
use self::module::Modules;
use self::plain_memory::PlainMemory;
use self::stream::Stream;
use self::virtual_memory::{Chunk, VirtualMemory};
use super::{Backend, BackendOps, CopyToHost, Fault, MemoryInfo, copy_one_by_one};
use std::array;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// NVIDIA cards, through the CUDA driver (feature `cuda`).
///
/// It appears as a type parameter: `Device<Cuda>` comes from [`Device::cuda`](crate::Device::cuda), and its
/// buffers are `Buffer<T, Cuda>`. They use the device's primary context. So their addresses mean the same to
/// every other CUDA library of the process that uses the primary context, as nearly all do. Any thread may
/// use them: the context is made current during a call, and the former one is restored after it.
#[derive(Debug)]
pub struct Cuda {
    context: Arc<Context>,
    plain_memory: PlainMemory,
    virtual_memory: VirtualMemory,
    modules: Modules,
    name: String,
}

/// A name for device memory or reserved addresses: their first address. It keeps nothing alive.
///
/// The driver frees all memory with the context, and the address may then belong to another block. That does
/// not happen while the name is used. It is only used through the [`Cuda`] that gave it out, which holds the
/// context. The state of a device holds that, and outlives every block, parked ones included (rules 2 and
/// 7).
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    address: DeviceAddress,
}

/// A block of pinned host memory.
#[derive(Debug)]
pub struct Pinned {
    address: NonNull<u8>,
    /// Keeps the address valid, since code on the CPU follows it: the driver frees all memory with the
    /// context.
    _context: Arc<Context>,
}

// SAFETY: the block belongs to no thread. The callers of the unsafe methods of `BackendOps` decide which code
// may touch its bytes, and when (rule 3: a running transfer keeps the memory that it needs). This is only its
// address.
unsafe impl Send for Pinned {}
// SAFETY: as above; a shared reference gives the address away and no more (rule 3).
unsafe impl Sync for Pinned {}

impl Cuda {
    /// Opens the device with this number, counted from 0.
    pub(crate) fn open(ordinal: usize) -> Result<Self, Fault> {
        let (context, name) = Context::open(ordinal)?;
        let context = Arc::new(context);
        let plain_memory = PlainMemory::open(&context)?;
        let virtual_memory = VirtualMemory::open(&context)?;
        Ok(Self { context, plain_memory, virtual_memory, modules: Modules::default(), name })
    }

    /// Makes the context current on the calling thread and leaves it so.
    pub(crate) fn make_current(&self) -> Result<(), Fault> {
        self.context.make_current()
    }

    /// Has the driver compile PTX and load it.
    pub(crate) fn load_ptx(&self, ptx: &str) -> Result<Module, Fault> {
        let module = Module::load_ptx(&self.context, ptx)?;
        self.modules.add(&module);
        Ok(module)
    }
}

impl Memory {
    /// Where the block begins, as kernels see it.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    fn at(&self, offset: usize) -> DeviceAddress {
        // By the callers' condition the offset lies in the block or range, whose end the driver was able to
        // address.
        self.address.wrapping_add(offset as DeviceAddress)
    }
}

impl Pinned {
    fn at(&self, offset: usize) -> *mut c_void {
        // Only the driver follows this address, and it knows nothing of provenance. So no condition has to be
        // met here.
        self.address.as_ptr().wrapping_add(offset).cast()
    }
}

/// The most copies in one call of the driver. Drivers are reported to crash with tens of thousands, and a
/// larger batch would save little: on an H100 a call takes 1.1 us and each of its copies 0.4.
const BATCH: usize = 16;

/// Queues copies to pinned memory by one call.
///
/// # Safety
///
/// As [`BackendOps::copy_batch_to_host`], and there are at most [`BATCH`] copies. The stream's context is
/// current (rules 1, 2 and 3).
unsafe fn copy_batch(stream: &Stream, copies: &[CopyToHost<'_, Cuda>]) -> Code {
    let mut from = array::from_fn::<_, BATCH, _>(|index| {
        copies.get(index).map_or(0, |CopyToHost { from: (memory, offset), .. }| memory.at(*offset))
    });
    let mut to = array::from_fn::<_, BATCH, _>(|index| {
        copies.get(index).map_or(0, |CopyToHost { to: (pinned, offset), .. }| {
            pinned.at(*offset).expose_provenance() as DeviceAddress
        })
    });
    let mut bytes =
        array::from_fn::<_, BATCH, _>(|index| copies.get(index).map_or(0, |CopyToHost { bytes, .. }| *bytes));
    let no_hint = Location { kind: LOCATION_NONE, id: 0 };
    let mut attributes = CopyAttributes {
        source_order: SOURCE_ORDER_STREAM,
        source_hint: no_hint,
        target_hint: no_hint,
        flags: 0,
    };
    // The attributes hold from the first copy on, so for all. The copy that fails does not matter.
    let (mut first, mut failed) = (0, 0);
    // SAFETY: the stream is alive and not the legacy stream. The pointers are valid for the call, and the
    // arrays have at least as many entries as there are copies. By the caller's part the ranges lie in their
    // blocks, which stay alive and are not touched until the copies are done, and no copy depends on another
    // (rules 1, 2 and 3). The destinations are pinned blocks (rule 4).
    unsafe {
        driver::cuMemcpyBatchAsync(
            to.as_mut_ptr(),
            from.as_mut_ptr(),
            bytes.as_mut_ptr(),
            copies.len(),
            &raw mut attributes,
            &raw mut first,
            1,
            &raw mut failed,
            stream.handle(),
        )
    }
}

impl Backend for Cuda {
    const NAME: &'static str = NAME;
}

impl BackendOps for Cuda {
    const WAITS_AT_THE_END: bool = true;

    type Memory = Memory;
    type Chunk = Chunk;
    type Pinned = Pinned;
    type Stream = Stream;
    type Event = Arc<RecordedEvent>;

    fn device_name(&self) -> &str {
        &self.name
    }

    fn memory_info(&self) -> Result<MemoryInfo, Fault> {
        let _current = self.context.enter()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: both pointers are valid for a write, and the context is current (the driver's contract).
        check("cuMemGetInfo", unsafe { driver::cuMemGetInfo_v2(&raw mut free, &raw mut total) })?;
        Ok(MemoryInfo { free: Some(free as u64), total: Some(total as u64) })
    }

    // The driver aligns every block to at least 256 bytes, which is `ALIGNMENT`.
    fn allocate(&self, bytes: usize) -> Result<Memory, Fault> {
        Ok(Memory { address: self.plain_memory.allocate(bytes)? })
    }

    unsafe fn free(&self, memory: Memory) -> Result<(), Fault> {
        // SAFETY: the caller's part: the block came from `allocate` of this backend, is given back once (the
        // name can be copied, so that it is consumed here shows nothing), and nothing uses it (rule 2:
        // freeing waits for pending uses). This backend holds the context, so the address is still that
        // block's.
        unsafe { self.plain_memory.free(memory.address) }
    }

    fn address_of(memory: &Memory) -> u64 {
        memory.address()
    }

    fn granularity(&self) -> Option<usize> {
        self.virtual_memory.granularity()
    }

    fn reserve(&self, bytes: usize) -> Result<Memory, Fault> {
        Ok(Memory { address: self.virtual_memory.reserve(bytes)? })
    }

    unsafe fn unreserve(&self, memory: Memory, bytes: usize) -> Result<(), Fault> {
        // SAFETY: the caller's part is this one's condition (rule 2).
        unsafe { self.virtual_memory.unreserve(memory.address, bytes) }
    }

    fn create_chunk(&self, bytes: usize) -> Result<Chunk, Fault> {
        self.virtual_memory.create(bytes)
    }

    unsafe fn release_chunk(&self, chunk: Chunk) -> Result<(), Fault> {
        // SAFETY: as for `unreserve`; the chunk is consumed here, so it is given back once (rule 2).
        unsafe { self.virtual_memory.release(&chunk) }
    }

    unsafe fn map(&self, memory: &Memory, offset: usize, chunk: &Chunk, bytes: usize) -> Result<(), Fault> {
        // SAFETY: as for `unreserve`; the range lies in the reserved one, so `at` is its begin (the driver's
        // contract).
        unsafe { self.virtual_memory.map(memory.at(offset), chunk, bytes) }
    }

    unsafe fn unmap(
        &self,
        memory: &Memory,
        offset: usize,
        _chunk: &Chunk,
        bytes: usize,
    ) -> Result<(), Fault> {
        // SAFETY: as for `map`. The driver knows by itself which chunk is there (rule 2).
        unsafe { self.virtual_memory.unmap(memory.at(offset), bytes) }
    }

    fn pin(&self, bytes: usize) -> Result<Pinned, Fault> {
        const OPERATION: &str = "cuMemHostAlloc";
        let _current = self.context.enter()?;
        let mut address: *mut c_void = ptr::null_mut();
        // SAFETY: the pointer is valid for a write, and the context is current (the driver's contract).
        check_memory(OPERATION, unsafe {
            driver::cuMemHostAlloc(&raw mut address, bytes, HOST_ALLOC_PORTABLE)
        })?;
        match NonNull::new(address.cast()) {
            Some(address) => Ok(Pinned { address, _context: Arc::clone(&self.context) }),
            None => Err(Fault::call_refused(NAME, OPERATION, "the driver gave no address".into())),
        }
    }

    unsafe fn unpin(&self, pinned: Pinned) -> Result<(), Fault> {
        let _current = self.context.enter()?;
        // SAFETY: the block came from `pin` and is given back once, since it is consumed here; that nothing
        // uses it is the caller's part (rule 3: memory that a running transfer needs is not freed).
        check("cuMemFreeHost", unsafe { driver::cuMemFreeHost(pinned.address.as_ptr().cast()) })
    }

    fn pinned_address(pinned: &Pinned) -> *mut u8 {
        pinned.address.as_ptr()
    }

    fn create_stream(&self) -> Result<Stream, Fault> {
        Stream::create(&self.context)
    }

    fn record(&self, stream: &Stream) -> Result<Arc<RecordedEvent>, Fault> {
        RecordedEvent::record(stream)
    }

    fn record_queued(&self, stream: &Stream) -> Result<Arc<RecordedEvent>, Fault> {
        RecordedEvent::record_queued(stream)
    }

    fn wait(&self, stream: &Stream, event: &Arc<RecordedEvent>) -> Result<(), Fault> {
        event.hold(stream)
    }

    fn order(&self, stream: &Stream, before: &Stream) -> Result<(), Fault> {
        RecordedEvent::order(stream, before)
    }

    fn is_idle(&self, stream: &Stream) -> Result<bool, Fault> {
        stream.is_idle()
    }

    fn is_done(&self, event: &Arc<RecordedEvent>) -> Result<bool, Fault> {
        event.is_done()
    }

    fn synchronize(&self, event: &Arc<RecordedEvent>) -> Result<(), Fault> {
        event.synchronize()
    }

    fn close(&self) {
        self.modules.let_go();
    }

    /// `cuMemFreeHost` waits for all kernels of the context, those of other opened devices included, and a
    /// thread that queues work meanwhile waits for that call: 290 ms beside a kernel of 300 ms, on an H100.
    /// So this waits for the kernels of this crate's devices before. Kernels of other libraries are not known
    /// here.
    fn settle(&self) {
        let Ok(_current) = self.context.enter() else { return };
        stream::wait_for_all_streams(&self.context);
    }

    fn tidy(&self) {
        self.context.unload_idle_modules();
    }

    unsafe fn copy_to_device(
        &self,
        stream: &Stream,
        (from, from_offset): (&Pinned, usize),
        (to, to_offset): (&Memory, usize),
        bytes: usize,
    ) -> Result<(), Fault> {
        if bytes == 0 {
            return Ok(());
        }
        let _current = self.context.enter()?;
        // SAFETY: the stream is alive and its context current. The caller's part: both ranges lie in their
        // blocks, which stay alive and are not touched until the copy is done (rules 2 and 3).
        check("cuMemcpyHtoDAsync", unsafe {
            driver::cuMemcpyHtoDAsync_v2(to.at(to_offset), from.at(from_offset), bytes, stream.handle())
        })
    }

    unsafe fn copy_to_host(
        &self,
        stream: &Stream,
        (from, from_offset): (&Memory, usize),
        (to, to_offset): (&Pinned, usize),
        bytes: usize,
    ) -> Result<(), Fault> {
        if bytes == 0 {
            return Ok(());
        }
        let _current = self.context.enter()?;
        // SAFETY: as for `copy_to_device`. The destination is a pinned block, and never a slice that an
        // application lent (rule 4).
        check("cuMemcpyDtoHAsync", unsafe {
            driver::cuMemcpyDtoHAsync_v2(to.at(to_offset), from.at(from_offset), bytes, stream.handle())
        })
    }

    unsafe fn copy_batch_to_host(
        &self,
        stream: &Stream,
        copies: &[CopyToHost<'_, Self>],
    ) -> Result<(), (Fault, usize)> {
        if copies.len() < 2 || !driver::has_batches() {
            // SAFETY: the caller's promises are the same (rules 1, 2 and 3).
            return unsafe { copy_one_by_one(self, stream, copies) };
        }
        let _current = self.context.enter().map_err(|fault| (fault, 0))?;
        let mut queued = 0;
        for batch in copies.chunks(BATCH) {
            // Counted before the call: the driver does not promise that a refused batch has queued nothing.
            queued += batch.len();
            // SAFETY: the context is current, and these are at most `BATCH` copies. The rest is the caller's
            // part (rules 1, 2 and 3).
            let answer = unsafe { copy_batch(stream, batch) };
            check("cuMemcpyBatchAsync", answer)
                .or_else(|fault| {
                    if fault.is_failure() {
                        return Err(fault);
                    }
                    // The driver may take copies one by one that it refuses in a batch. A copy that is queued
                    // twice writes the same bytes twice.
                    // SAFETY: the caller's promises are the same (rules 1, 2 and 3).
                    unsafe { copy_one_by_one(self, stream, batch) }.map_err(|(fault, _)| fault)
                })
                .map_err(|fault| (fault, queued))?;
        }
        Ok(())
    }

    unsafe fn copy_on_device(
        &self,
        stream: &Stream,
        (from, from_offset): (&Memory, usize),
        (to, to_offset): (&Memory, usize),
        bytes: usize,
    ) -> Result<(), Fault> {
        if bytes == 0 {
            return Ok(());
        }
        let _current = self.context.enter()?;
        // SAFETY: as for `copy_to_device`; that the ranges do not overlap is the caller's part too (rules 1
        // and 2).
        check("cuMemcpyDtoDAsync", unsafe {
            driver::cuMemcpyDtoDAsync_v2(to.at(to_offset), from.at(from_offset), bytes, stream.handle())
        })
    }

    unsafe fn fill(
        &self,
        stream: &Stream,
        (to, offset): (&Memory, usize),
        pattern: &[u8],
        count: usize,
    ) -> Result<bool, Fault> {
        let Some(fill) = fill::choose(pattern, offset, count) else { return Ok(false) };
        if count == 0 {
            return Ok(true);
        }
        let _current = self.context.enter()?;
        let (to, stream) = (to.at(offset), stream.handle());
        // SAFETY: the stream is alive and its context current. A fill writes `count * pattern.len()` bytes
        // from the offset on. By the caller's part they lie in the block and are not touched until the fill
        // is done (rule 2).
        unsafe {
            match fill {
                Fill::Bytes(value, n) => {
                    check("cuMemsetD8Async", driver::cuMemsetD8Async(to, value, n, stream))
                }
                Fill::Halves(value, n) => {
                    check("cuMemsetD16Async", driver::cuMemsetD16Async(to, value, n, stream))
                }
                Fill::Words(value, n) => {
                    check("cuMemsetD32Async", driver::cuMemsetD32Async(to, value, n, stream))
                }
            }
        }?;
        Ok(true)
    }
}
