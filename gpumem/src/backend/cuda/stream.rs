//! Streams, and the launch of kernels on them.

use super::context::{Context, log_failure};
use super::driver::{self, Code, FunctionHandle, STREAM_NON_BLOCKING, StreamHandle, code};
use super::error::{check, context_failed, denied, describe, is_sticky, refused};
use super::event;
use super::module::Kernel;
use crate::backend::Fault;
use cust::function::{BlockSize, GridSize};
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Bytes of dynamic shared memory that every kernel may have, if it declares none by itself.
const SHARED_UNASKED: u32 = 48 << 10;

/// The streams of all devices of the process, each with its context, from its creation until just before its end.
static ALL: Mutex<Vec<(Weak<Context>, StreamHandle)>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<(Weak<Context>, StreamHandle)>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `act` with the streams of all devices whose context is the same as this one's. None of them ends meanwhile.
pub(super) fn with_all<R>(
    context: &Context,
    act: impl FnOnce(&mut dyn Iterator<Item = StreamHandle>) -> R,
) -> R {
    let mut contexts = Vec::new();
    let streams = all();
    let same = |of: &Arc<Context>| of.handle() == context.handle() && of.is_there();
    let mut found = streams.iter().filter_map(|(of, stream)| {
        let of = of.upgrade()?;
        let found = same(&of).then_some(*stream);
        // Let go of without the lock: it may be the last.
        contexts.push(of);
        found
    });
    let result = act(&mut found);
    drop(found);
    drop(streams);
    result
}

/// A stream of the runtime's own. It is non-blocking, which `cust` drops silently: a stream that is not would wait for
/// the legacy stream, and with it for everything else in the process.
#[derive(Debug)]
pub struct Stream {
    handle: StreamHandle,
    context: Arc<Context>,
}

impl Stream {
    pub(super) fn create(context: &Arc<Context>) -> Result<Self, Fault> {
        let _bound = context.bind()?;
        let mut handle = StreamHandle::NULL;
        // SAFETY: the pointer is valid for a write, and the context is current (the driver's contract).
        check("cuStreamCreate", unsafe { driver::cuStreamCreate(&raw mut handle, STREAM_NON_BLOCKING) })?;
        context.stream_made(handle);
        all().push((Arc::downgrade(context), handle));
        Ok(Self { handle, context: Arc::clone(context) })
    }

    pub(super) fn handle(&self) -> StreamHandle {
        self.handle
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Whether all that was queued is done. Unlike an event that is recorded now, which an idle card takes some microseconds to
    /// reach, this is known at once.
    pub(super) fn is_idle(&self) -> Result<bool, Fault> {
        let _bound = self.context.bind()?;
        // SAFETY: the stream is alive, and its context current (the driver's contract).
        match unsafe { driver::cuStreamQuery(self.handle) } {
            code::NOT_READY => Ok(false),
            answer => check("cuStreamQuery", answer).map(|()| true),
        }
    }

    /// Keeps the calling thread until all that is queued is done. The context is current.
    pub(super) fn synchronize(&self) -> Result<(), Fault> {
        // SAFETY: the stream is alive (the driver's contract).
        check("cuStreamSynchronize", unsafe { driver::cuStreamSynchronize(self.handle) })
    }

    /// Queues a kernel.
    ///
    /// # Safety
    ///
    /// `arguments` points to one value for each of the kernel's parameters, in order and of the parameter's type. What
    /// the kernel reads and writes is in bounds, is alive until the kernel has ended, and is touched at the same time by
    /// nothing that is not ordered with this stream (rules 1 and 2).
    pub(crate) unsafe fn launch<K: Kernel + ?Sized>(
        &self,
        kernel: &K,
        grid: GridSize,
        block: BlockSize,
        shared_bytes: u32,
        arguments: &[*mut c_void],
    ) -> Result<(), Fault> {
        const OPERATION: &str = "cuLaunchKernel";
        let name = kernel.name().unwrap_or("kernel");
        if kernel.context().is_some_and(|context| !ptr::eq(context, Arc::as_ptr(&self.context))) {
            let reason = format!("`{name}` was loaded through another opened device than the stream's");
            return Err(refused(reason));
        }
        let _bound = self.context.bind()?;
        // SAFETY: the kernel and the stream are alive and of this context, which is current (a device is not
        // closed, which lets go of modules, while there is a stream of it); the driver copies the arguments
        // before it returns and writes none of them. The rest is the caller's part (rules 1 and 2).
        let answer = unsafe {
            driver::cuLaunchKernel(
                FunctionHandle::from_raw(kernel.raw()),
                grid.x,
                grid.y,
                grid.z,
                block.x,
                block.y,
                block.z,
                shared_bytes,
                self.handle,
                arguments.as_ptr().cast_mut(),
                ptr::null_mut(),
            )
        };
        let what = || refusal(answer, name, (&grid, &block), shared_bytes);
        match answer {
            code::SUCCESS => Ok(()),
            code::OUT_OF_MEMORY => Err(denied(OPERATION, answer, what())),
            answer if is_sticky(answer) => Err(context_failed(OPERATION, what())),
            // All else concerns the launch: a kernel, a configuration or a feature that this device does not
            // have.
            _ => Err(refused(what())),
        }
    }
}

/// What the driver says of a launch, and what was asked for: a grid of no blocks and a block of too many
/// threads are both an "invalid argument" to it.
#[cold]
fn refusal(answer: Code, kernel: &str, (grid, block): (&GridSize, &BlockSize), shared_bytes: u32) -> String {
    let advice = if shared_bytes > SHARED_UNASKED {
        ", of which more than 48 KiB are had with `Function::allow_shared_bytes`"
    } else {
        ""
    };
    format!(
        "{}, for `{kernel}` with a grid of {} x {} x {} blocks of {} x {} x {} threads and {shared_bytes} bytes of \
         shared memory{advice}",
        describe(answer),
        grid.x,
        grid.y,
        grid.z,
        block.x,
        block.y,
        block.z,
    )
}

impl Drop for Stream {
    /// Does not wait: the driver finishes what is queued and gives the stream back then.
    fn drop(&mut self) {
        all().retain(|(_, stream)| *stream != self.handle);
        let Ok(_bound) = self.context.bind() else {
            self.context.stream_ended_unseen();
            return self.context.stream_gone(self.handle);
        };
        if let Err(fault) = event::note_end(self) {
            self.context.stream_ended_unseen();
            crate::log_safely::safely(|| {
                log::warn!("while dropping a stream: {fault}");
            });
        }
        self.context.stream_gone(self.handle);
        // SAFETY: made in `create`, destroyed once, and nobody has its handle any more (the driver's
        // contract).
        let answer = unsafe { driver::cuStreamDestroy_v2(self.handle) };
        log_failure("cuStreamDestroy", answer);
    }
}
