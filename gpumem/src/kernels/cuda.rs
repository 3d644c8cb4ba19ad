//! Kernels on CUDA cards: modules of kernels from PTX, and launches on the runtime's own streams, in order
//! with all other work (rule 1).

use crate::backend::Dim3;
use crate::backend::cuda::{Function, Kernel};
use crate::backend::{self, Cuda};
use crate::device::Device;
use crate::error::Error;
use crate::ledger::{HeldKind, Listed, Record};
use crate::memory::Stream;
use std::ffi::c_void;
use std::fmt;
use std::panic::Location;

impl Device<Cuda> {
    /// Compiles kernels for this card. The driver may wait for running kernels meanwhile.
    ///
    /// A module that was dropped is unloaded some time later: when another module is loaded or the device is
    /// [trimmed](Device::trim) while no kernel runs, or at the end of the device. A module that is alive when
    /// its device is [closed](Device::close) is unloaded then.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// // Kernels are mostly built from CUDA C++ by `nvcc -ptx` and come with `include_str!`.
    /// const PTX: &str = r#"
    ///     .version 7.0
    ///     .target sm_75
    ///     .address_size 64
    ///     .visible .entry add_one(.param .u64 data)
    ///     {
    ///         .reg .b32 %r<3>;
    ///         .reg .b64 %rd<4>;
    ///         ld.param.u64 %rd1, [data];
    ///         cvta.to.global.u64 %rd1, %rd1;
    ///         mov.u32 %r1, %tid.x;
    ///         mul.wide.u32 %rd2, %r1, 4;
    ///         add.s64 %rd3, %rd1, %rd2;
    ///         ld.global.u32 %r2, [%rd3];
    ///         add.u32 %r2, %r2, 1;
    ///         st.global.u32 [%rd3], %r2;
    ///         ret;
    ///     }"#;
    ///
    /// let device = Device::cuda(0)?;
    /// let mut numbers = Buffer::from_slice(&device, "numbers", &[1_u32, 2, 3])?;
    ///
    /// let module = device.load_ptx(PTX)?;
    /// let add_one = module.get_function("add_one")?;
    /// let mut address = numbers.as_device_ptr_mut()?;
    /// // SAFETY: the kernel takes one address, and its three threads each touch one of the three elements.
    /// unsafe { device.stream().launch(&add_one, 1, 3, 0, &[(&raw mut address).cast()])? };
    ///
    /// assert_eq!(numbers.download()?, [2, 3, 4]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BackendUnavailable`] when the driver cannot compile the text, with the compiler's message;
    /// [`Error::CallRefused`] when there is no memory for the module; [`Error::DeviceFailed`] when the device
    /// has failed.
    #[track_caller]
    pub fn load_ptx(&self, ptx: &str) -> Result<Module, Error> {
        let made_at = Location::caller();
        let raw = self.state().backend.load_ptx(ptx)?;
        Ok(Module {
            raw,
            _listed: self.state().ledger.hold(Record::without_buffer(HeldKind::Module, made_at)),
        })
    }
}

impl Stream<Cuda> {
    /// Queues a kernel: `grid` blocks of `block` threads each, with `shared_bytes` of dynamic shared memory
    /// per block.
    ///
    /// Grid and block are a number, or two or three of them in a tuple: see [`Dim3`]. It returns when the
    /// kernel is queued. A kernel that fails is reported by a later wait.
    ///
    /// With the feature `cust`, `cust::launch!(kernel<<<grid, block, shared_bytes, stream>>>(..))` calls it,
    /// and checks that each argument is `cust::memory::DeviceCopy`.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    /// # const PTX: &str = "";
    ///
    /// let device = Device::cuda(0)?;
    /// let mut heights = Buffer::<f32, _>::zeroed(&device, "heights", 1_024)?;
    /// let module = device.load_ptx(PTX)?; // with the kernel `rise`
    /// let rise = module.get_function("rise")?;
    /// let (mut address, mut count) = (heights.as_device_ptr_mut()?, 1_024_u32);
    /// let args = [(&raw mut address).cast(), (&raw mut count).cast()];
    /// // SAFETY: the kernel takes an address and a count, and touches only elements of the buffer.
    /// unsafe { device.stream().launch(&rise, 4, 256, 0, &args)? };
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Safety
    ///
    /// * `args` points to one value for each of the kernel's parameters, in their order and of their types.
    /// * The kernel stays within the bounds of its arguments. For a buffer these are its length, or its
    ///   capacity if [`Buffer::set_len`](crate::Buffer::set_len) follows.
    /// * Pointers into buffers were taken for this launch, and the buffers were not used otherwise since. On
    ///   [`Device::stream`], the buffers are of that device, and pointers that the kernel writes through come
    ///   from [`as_device_ptr_mut`](crate::Buffer::as_device_ptr_mut).
    /// * On a stream of the application's own, each pointer into a buffer comes from a guard of a use there:
    ///   [`StreamUse`](crate::StreamUse) if the kernel only reads the buffer, [`Bound`](crate::Bound) if it
    ///   writes it. The guard is dropped or finished after the launch, and not forgotten: without its end no
    ///   other work waits for the kernel, and another buffer may get the memory while the kernel runs.
    /// * Other memory is alive, and used by no other work, until the kernel has ended.
    /// * A kernel that `cust` loaded (feature `cust`) was loaded with this device's context current, and its
    ///   module lives until the kernel has ended.
    ///
    /// # Errors
    ///
    /// [`Error::KernelRefused`] when the driver refuses the launch, with the grid and the block of the
    /// launch, [`Error::CallRefused`] when there is no memory for it, and [`Error::DeviceFailed`] when the
    /// device has failed. No work is queued then.
    pub unsafe fn launch(
        &self,
        kernel: &impl Kernel,
        grid: impl Into<Dim3>,
        block: impl Into<Dim3>,
        shared_bytes: u32,
        args: &[*mut c_void],
    ) -> Result<(), Error> {
        // SAFETY: the caller keeps the same conditions. A buffer's memory becomes free only in the order of
        // the compute stream and after the noted uses on other streams, so the kernel's memory stays alive
        // until it has ended (rules 1 and 2).
        unsafe { self.raw().launch(kernel, grid.into(), block.into(), shared_bytes, args) }
            .map_err(Error::from)
    }

    /// The driver's handle of the stream, a `CUstream` or `cudaStream_t`, for a library that queues work on
    /// it: [the guide](crate::guide::coming_from#with-cudarc) has an example.
    ///
    /// The handle is valid as long as this `Stream`. The conditions of [`launch`](Self::launch) hold for all
    /// work that is queued through it. The stream is not to be destroyed, nor captured into a graph.
    ///
    /// ```no_run
    /// use gpumem::Device;
    /// use std::ffi::c_void;
    ///
    /// let device = Device::cuda(0)?;
    /// let handle: *mut c_void = device.stream().as_raw();
    /// assert!(!handle.is_null());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn as_raw(&self) -> *mut c_void {
        self.raw().as_raw()
    }
}

/// Kernels that were loaded onto a device with [`Device::load_ptx`].
///
/// Dropping a module is always fine, also while its kernels are queued, and never waits.
pub struct Module {
    raw: backend::cuda::Module,
    _listed: Listed,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").finish_non_exhaustive()
    }
}

impl Module {
    /// Finds a kernel by the name of its `.entry` in the PTX.
    ///
    /// ```no_run
    /// use gpumem::{Device, Error};
    /// # const PTX: &str = "";
    ///
    /// let device = Device::cuda(0)?;
    /// let module = device.load_ptx(PTX)?; // with the kernel `add_one`
    /// let add_one = module.get_function("add_one")?;
    /// let missing = module.get_function("add_two");
    /// assert!(matches!(missing, Err(Error::KernelRefused { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::KernelRefused`] when the module has no such kernel, or its device is closed.
    pub fn get_function(&self, name: impl AsRef<str>) -> Result<Function<'_>, Error> {
        Ok(self.raw.function(name.as_ref())?)
    }
}

impl Function<'_> {
    /// Allows launches of this kernel to ask for up to `bytes` of dynamic shared memory per block. Without it
    /// the most is 48 KiB, less the shared memory that the kernel declares itself.
    ///
    /// It holds for the kernel of the module, however often the kernel is looked up.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    /// # const PTX: &str = "";
    ///
    /// let device = Device::cuda(0)?;
    /// let mut sums = Buffer::<f32, _>::zeroed(&device, "sums", 256)?;
    /// let module = device.load_ptx(PTX)?; // with the kernel `reduce`
    /// let reduce = module.get_function("reduce")?;
    /// reduce.allow_shared_bytes(64 << 10)?;
    /// let mut address = sums.as_device_ptr_mut()?;
    /// // SAFETY: the kernel takes one address, and its 256 threads each write one of the 256 elements.
    /// unsafe { device.stream().launch(&reduce, 1, 256, 64 << 10, &[(&raw mut address).cast()])? };
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::KernelRefused`] with the device's limit, when that is lower.
    pub fn allow_shared_bytes(&self, bytes: u32) -> Result<(), Error> {
        Ok(self.allow_shared(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cuda::tests::PTX;
    use crate::backend::cuda::tests::card::found;
    use crate::{Async, Buffer};

    fn card() -> Option<Device<Cuda>> {
        found(Device::cuda(0))
    }

    #[test]
    fn kernels_take_their_turn() {
        let Some(device) = card() else { return };
        let count = 1_u32 << 20;
        let mut numbers: Buffer<u32, Cuda, Async> = Buffer::new(&device, "numbers").unwrap().into_async();
        assert_eq!((numbers.as_raw(), numbers.as_raw_mut()), (0, Ok(0)));
        assert!(numbers.as_device_ptr().is_null());
        numbers.resize(count as usize).unwrap();

        let module = device.load_ptx(PTX).unwrap();
        let add_one = module.get_function("add_one").unwrap();
        let add = |numbers: &mut Buffer<u32, Cuda, Async>, grid: Dim3| {
            let (mut address, mut count) = (numbers.as_device_ptr_mut()?, count);
            let args = [(&raw mut address).cast(), (&raw mut count).cast()];
            // SAFETY: the kernel takes an address and a count, and touches as many elements as the buffer has
            // (rule 1).
            unsafe { device.stream().launch(&add_one, grid, 256, 0, &args) }
        };
        for round in 1..=20_u32 {
            add(&mut numbers, Dim3::from(count / 256)).unwrap();
            let frame = numbers.start_download().unwrap();
            // Queued after the copy, which may still run.
            add(&mut numbers, Dim3::from((count / 256, 1))).unwrap();
            let frame = frame.wait().unwrap();
            assert!(frame.iter().all(|number| *number == 2 * round - 1), "{round}: {:?}", &frame[..4]);
        }

        let refused = module.get_function("missing").unwrap_err();
        assert!(
            matches!(&refused, Error::KernelRefused { reason, .. } if reason.contains("`missing`")),
            "{refused}"
        );
        // Dropped with its kernels queued.
        drop(module);
        assert!(numbers.download().unwrap().iter().all(|number| *number == 40));

        drop(numbers);
        device.close().unwrap();
    }
}
