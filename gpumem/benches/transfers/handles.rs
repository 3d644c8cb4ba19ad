//! The events, the memory and the kernel of the peers on a card, as values that free them on drop.

use crate::common::Failure;
use crate::common::context::{Context, Stream, check, report};
use crate::common::driver::{
    CopyAttributes, DeviceAddress, EVENT_DISABLE_TIMING, EventHandle, FunctionHandle, HOST_ALLOC_PORTABLE,
    ModuleHandle, SOURCE_ORDER_STREAM, code, cuEventCreate, cuEventDestroy_v2, cuEventQuery, cuEventRecord,
    cuEventSynchronize, cuLaunchKernel, cuMemFreeHost, cuMemHostAlloc, cuMemcpyBatchAsync, cuMemcpyDtoH_v2,
    cuMemcpyDtoHAsync_v2, cuMemcpyHtoD_v2, cuMemcpyHtoDAsync_v2, cuModuleGetFunction, cuModuleLoadDataEx,
    cuStreamWaitEvent,
};
use std::ffi::{CStr, c_void};
use std::time::Duration;

/// The text of the kernel that keeps a card busy.
pub(crate) const PTX: &CStr =
    match CStr::from_bytes_with_nul(concat!(include_str!("occupy.ptx"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a zero in the text"),
    };

impl Stream {
    /// Makes all work that is queued later wait for the event.
    #[inline]
    pub(crate) fn wait(&self, event: &Event) -> Result<(), Failure> {
        // SAFETY: the stream and the event are alive.
        check("cuStreamWaitEvent", unsafe { cuStreamWaitEvent(self.raw(), event.0, 0) })
    }

    /// Queues a copy to pinned memory. The caller does not touch that memory until the copy is done.
    #[inline]
    pub(crate) fn fetch(
        &self,
        from: &Memory,
        offset: usize,
        to: &Pinned,
        bytes: usize,
    ) -> Result<(), Failure> {
        assert!(offset + bytes <= from.bytes && bytes <= to.bytes, "a copy out of bounds");
        // SAFETY: both sides have `bytes` bytes or more, and are given back only after a wait for the stream.
        check("cuMemcpyDtoHAsync", unsafe {
            cuMemcpyDtoHAsync_v2(to.address, from.address + offset as u64, bytes, self.raw())
        })
    }

    /// Queues copies of whole blocks by one call. The caller does not touch the pinned memory until they are
    /// done.
    #[inline]
    pub(crate) fn fetch_batch<const N: usize>(
        &self,
        from: &[Memory; N],
        to: &[Pinned; N],
    ) -> Result<(), Failure> {
        let same = from.iter().zip(to).all(|(from, to)| from.bytes == to.bytes);
        assert!(same, "copies out of bounds");
        let mut sources = from.each_ref().map(|from| from.address);
        let mut targets = to.each_ref().map(|to| to.address.expose_provenance() as DeviceAddress);
        let mut bytes = from.each_ref().map(|from| from.bytes);
        let mut attributes =
            CopyAttributes { source_order: SOURCE_ORDER_STREAM, ..CopyAttributes::default() };
        let (mut first, mut failed) = (0, 0);
        // SAFETY: as for `fetch`. The arrays have `N` entries, and all copies have the one set of attributes.
        check("cuMemcpyBatchAsync", unsafe {
            cuMemcpyBatchAsync(
                targets.as_mut_ptr(),
                sources.as_mut_ptr(),
                bytes.as_mut_ptr(),
                N,
                &raw mut attributes,
                &raw mut first,
                1,
                &raw mut failed,
                self.raw(),
            )
        })
    }

    /// Queues a copy from pinned memory. The caller does not change that memory until the copy is done.
    pub(crate) fn send(
        &self,
        from: &Pinned,
        to: &Memory,
        offset: usize,
        bytes: usize,
    ) -> Result<(), Failure> {
        assert!(bytes <= from.bytes && offset + bytes <= to.bytes, "a copy out of bounds");
        // SAFETY: as above.
        check("cuMemcpyHtoDAsync", unsafe {
            cuMemcpyHtoDAsync_v2(to.address + offset as u64, from.address, bytes, self.raw())
        })
    }
}

pub(crate) struct Event(EventHandle);

impl Event {
    pub(crate) fn new(_: Context) -> Result<Self, Failure> {
        let mut event = EventHandle::NULL;
        // SAFETY: the pointer is valid for a write.
        check("cuEventCreate", unsafe { cuEventCreate(&raw mut event, EVENT_DISABLE_TIMING) })?;
        Ok(Self(event))
    }

    #[inline]
    pub(crate) fn record(&self, stream: &Stream) -> Result<(), Failure> {
        // SAFETY: the event and the stream are alive.
        check("cuEventRecord", unsafe { cuEventRecord(self.0, stream.raw()) })
    }

    pub(crate) fn is_done(&self) -> Result<bool, Failure> {
        // SAFETY: the event is alive.
        match unsafe { cuEventQuery(self.0) } {
            code::NOT_READY => Ok(false),
            other => check("cuEventQuery", other).map(|()| true),
        }
    }

    pub(crate) fn synchronize(&self) -> Result<(), Failure> {
        // SAFETY: the event is alive.
        check("cuEventSynchronize", unsafe { cuEventSynchronize(self.0) })
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: nothing uses the event any more.
        report(check("cuEventDestroy", unsafe { cuEventDestroy_v2(self.0) }));
    }
}

/// Device memory, which was written.
pub(crate) struct Memory {
    context: Context,
    address: DeviceAddress,
    bytes: usize,
}

impl Memory {
    pub(crate) fn new(context: Context, bytes: usize, stream: &Stream) -> Result<Self, Failure> {
        let memory = Self { context, address: context.allocate(bytes)?, bytes };
        stream.fill(memory.address, bytes)?;
        Ok(memory)
    }

    /// The blocking copy from pageable memory.
    pub(crate) fn copy_from(&mut self, source: &[u8]) -> Result<(), Failure> {
        assert_eq!(source.len(), self.bytes, "a copy of another length");
        // SAFETY: both sides have `bytes` bytes.
        check("cuMemcpyHtoD", unsafe { cuMemcpyHtoD_v2(self.address, source.as_ptr().cast(), self.bytes) })
    }

    /// The blocking copy to pageable memory.
    pub(crate) fn copy_to(&self, target: &mut [u8]) -> Result<(), Failure> {
        assert_eq!(target.len(), self.bytes, "a copy of another length");
        // SAFETY: both sides have `bytes` bytes.
        check("cuMemcpyDtoH", unsafe {
            cuMemcpyDtoH_v2(target.as_mut_ptr().cast(), self.address, self.bytes)
        })
    }

    /// The blocking copy to pageable memory that was never touched.
    pub(crate) fn to_vec(&self) -> Result<Vec<u8>, Failure> {
        let mut fresh = Vec::<u8>::with_capacity(self.bytes);
        // SAFETY: the `Vec` has room for `bytes` bytes.
        check("cuMemcpyDtoH", unsafe {
            cuMemcpyDtoH_v2(fresh.as_mut_ptr().cast(), self.address, self.bytes)
        })?;
        // SAFETY: all of these bytes were written.
        unsafe { fresh.set_len(self.bytes) };
        Ok(fresh)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // The owner has waited for the work that uses the memory. (The driver waits as well.)
        report(self.context.free(self.address));
    }
}

/// Pinned memory.
pub(crate) struct Pinned {
    address: *mut c_void,
    bytes: usize,
}

// SAFETY: a `Pinned` owns its memory, as a `Vec` does.
unsafe impl Send for Pinned {}

impl Pinned {
    pub(crate) fn new(_: Context, bytes: usize) -> Result<Self, Failure> {
        let mut address = std::ptr::null_mut();
        // SAFETY: the pointer is valid for a write.
        check("cuMemHostAlloc", unsafe { cuMemHostAlloc(&raw mut address, bytes, HOST_ALLOC_PORTABLE) })?;
        // SAFETY: the driver has just allocated `bytes` bytes.
        unsafe { address.write_bytes(1, bytes) };
        Ok(Self { address, bytes })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes. The caller has waited for the copies that write them.
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: the memory is alive and was written, and the caller has waited for the device.
        unsafe { std::slice::from_raw_parts(self.address.cast(), self.bytes) }
    }

    /// The bytes. The caller has waited for the copies that use them.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.address.cast(), self.bytes) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: the owner has waited for the work that uses the memory. (The driver waits as well.)
        report(check("cuMemFreeHost", unsafe { cuMemFreeHost(self.address) }));
    }
}

/// A kernel of the benchmark, which stays loaded until the end of the program.
fn load(_: Context, name: &CStr) -> Result<FunctionHandle, Failure> {
    let (mut module, mut function) = (ModuleHandle::NULL, FunctionHandle::NULL);
    // SAFETY: the text ends with a zero, and there are no options.
    check("cuModuleLoadDataEx", unsafe {
        let (options, values) = (std::ptr::null_mut(), std::ptr::null_mut());
        cuModuleLoadDataEx(&raw mut module, PTX.as_ptr().cast(), 0, options, values)
    })?;
    // SAFETY: the module was just loaded, and the name ends with a zero.
    check("cuModuleGetFunction", unsafe { cuModuleGetFunction(&raw mut function, module, name.as_ptr()) })?;
    Ok(function)
}

/// The kernel that takes arguments and does nothing.
#[derive(Clone, Copy)]
pub(crate) struct Nothing(FunctionHandle);

impl Nothing {
    pub(crate) fn load(context: Context) -> Result<Self, Failure> {
        load(context, c"nothing").map(Self)
    }

    #[inline]
    pub(crate) fn launch(
        self,
        stream: &Stream,
        written: &Memory,
        read: &Memory,
        mut count: u32,
    ) -> Result<(), Failure> {
        let mut addresses = [written.address, read.address];
        let [written, read] = &mut addresses;
        let mut arguments =
            [std::ptr::from_mut(written).cast(), std::ptr::from_mut(read).cast(), (&raw mut count).cast()];
        // SAFETY: the kernel takes two addresses and a number, and touches no memory.
        check("cuLaunchKernel", unsafe {
            let (arguments, extra) = (arguments.as_mut_ptr(), std::ptr::null_mut());
            cuLaunchKernel(self.0, 4, 1, 1, 256, 1, 1, 0, stream.raw(), arguments, extra)
        })
    }
}

/// The kernel that keeps a card busy. It stays loaded until the end of the program.
#[derive(Clone, Copy)]
pub(crate) struct Occupy(FunctionHandle);

impl Occupy {
    pub(crate) fn load(context: Context) -> Result<Self, Failure> {
        load(context, c"occupy").map(Self)
    }

    pub(crate) fn launch(self, stream: &Stream, time: Duration) -> Result<(), Failure> {
        let mut nanoseconds = u64::try_from(time.as_nanos())?;
        let mut arguments = [(&raw mut nanoseconds).cast()];
        // SAFETY: the kernel takes one number and touches no memory.
        check("cuLaunchKernel", unsafe {
            let (arguments, extra) = (arguments.as_mut_ptr(), std::ptr::null_mut());
            cuLaunchKernel(self.0, 1, 1, 1, 1, 1, 1, 0, stream.raw(), arguments, extra)
        })
    }
}
