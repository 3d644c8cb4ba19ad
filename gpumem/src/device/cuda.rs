//! What only CUDA devices have: kernels from PTX, and launches on the compute stream.
//!
//! `cust`'s `launch!` takes anything whose `launch` method has the right shape, so [`Stream`] has one: kernels are queued
//! on the runtime's own stream, in order with everything else (rule 1), without a stream of `cust`'s.

use super::{Device, DeviceBuilder};
use crate::backend::cuda::{Function, Kernel};
use crate::backend::{self, Cuda};
use crate::error::Error;
use crate::ledger::Listed;
use crate::memory::Stream;
use cust::function::{BlockSize, GridSize};
use std::ffi::c_void;
use std::fmt;
use std::panic::Location;

impl Device<Cuda> {
    /// Opens the CUDA card with this number, counted from 0, with the default limits.
    ///
    /// The device uses the card's primary context, as nearly all CUDA libraries do, so addresses mean the same to all of
    /// them. Nothing needs to be current on the calling thread, and what is current stays so.
    ///
    /// ```
    /// use gpumem::{Device, Error};
    ///
    /// match Device::cuda(0) {
    ///     Ok(device) => println!("running on {}", device.name()),
    ///     Err(Error::BackendUnavailable { reason, .. }) => println!("no CUDA card: {reason}"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BackendUnavailable`] when there is no driver, no card or none with this number, when the
    /// driver is older than that of CUDA
    /// 11.2, or when the card has failed in this process before; the reason says which.
    pub fn cuda(ordinal: usize) -> Result<Self, Error> {
        DeviceBuilder::default().cuda(ordinal)
    }

    /// Has the driver compile kernels for this card. It may wait for kernels that run.
    ///
    /// A module that was dropped is unloaded some time later: when another is loaded or the device is
    /// [trimmed](Device::trim) while no kernel runs, or at the end of the device. One that is alive when its
    /// device is [closed](Device::close) is unloaded then.
    ///
    /// ```no_run
    /// use cust::launch;
    /// use gpumem::{Buffer, Cuda, Device};
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
    /// let mut numbers: Buffer<u32, Cuda> = Buffer::from_slice(&device, "numbers", &[1, 2, 3])?;
    ///
    /// let module = device.load_ptx(PTX)?;
    /// let add_one = module.get_function("add_one")?;
    /// let stream = device.stream();
    /// // SAFETY: the kernel takes one pointer, and its three threads each touch one of the three elements.
    /// unsafe { launch!(add_one<<<1, 3, 0, stream>>>(numbers.as_device_ptr_mut()?))? };
    ///
    /// assert_eq!(numbers.download()?, [2, 3, 4]);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BackendUnavailable`] when the driver cannot compile the text, with what its compiler says;
    /// [`Error::CallRefused`] when there is no memory for it; [`Error::DeviceFailed`] when the device has
    /// failed.
    #[track_caller]
    pub fn load_ptx(&self, ptx: &str) -> Result<Module, Error> {
        let made_at = Location::caller();
        let raw = self.state().backend.load_ptx(ptx)?;
        Ok(Module { raw, _listed: self.state().ledger.modules.add("module", made_at) })
    }

    /// Makes the card's primary context current on the calling thread and leaves it so, for code that calls `cust` or the
    /// driver itself. This crate needs it on no thread.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceFailed`] when the driver refuses.
    pub fn make_current(&self) -> Result<(), Error> {
        Ok(self.state().backend.make_current()?)
    }
}

impl DeviceBuilder {
    /// Opens the CUDA card with this number with these settings; see [`Device::cuda`].
    ///
    /// # Errors
    ///
    /// Those of [`Device::cuda`], and [`Error::InvalidSpec`] for a limit of 0.
    pub fn cuda(self, ordinal: usize) -> Result<Device<Cuda>, Error> {
        self.check()?;
        let backend = Cuda::open(ordinal).map_err(Error::from_opening)?;
        Device::open(backend, self)
    }
}

impl Stream<Cuda> {
    /// Queues a kernel; `cust`'s `launch!` calls this. [`Device::load_ptx`] has an example.
    ///
    /// It returns when the kernel is queued. What the kernel does wrong shows in a later wait.
    ///
    /// # Safety
    ///
    /// * `args` points to one value for each of the kernel's parameters, in their order and of their types.
    /// * The kernel stays in the bounds of what it is given. Of a buffer that is its length, or its capacity where
    ///   [`Buffer::set_len`](crate::Buffer::set_len) follows.
    /// * Pointers into buffers were taken for this launch, and nothing else was done with the buffers since. On
    ///   [`Device::stream`], the buffers are of that device, and pointers that the kernel writes through come from
    ///   [`as_device_ptr_mut`](crate::Buffer::as_device_ptr_mut).
    /// * On a stream of the application's own, each pointer into a buffer comes from a guard of a use there:
    ///   [`StreamUse`](crate::StreamUse), or [`StreamUseMut`](crate::StreamUseMut) or [`Bound`](crate::Bound) for what the kernel writes.
    ///   The guard is dropped or finished after the launch, and not forgotten: without it nothing waits for the kernel, and the
    ///   memory may go to somebody else while it runs.
    /// * Other memory is alive, and used by nothing else, until the kernel has ended.
    /// * A kernel of `cust`'s was loaded with this device's context current, and its module lives until it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::KernelRefused`] when the driver refuses the launch, with the grid and the block that it was
    /// asked for, [`Error::CallRefused`] when there is no memory for it, and [`Error::DeviceFailed`] when the
    /// device has failed. Nothing is queued then.
    pub unsafe fn launch<K, G, T>(
        &self,
        kernel: &K,
        grid: G,
        block: T,
        shared_bytes: u32,
        args: &[*mut c_void],
    ) -> Result<(), Error>
    where
        K: Kernel,
        G: Into<GridSize>,
        T: Into<BlockSize>,
    {
        // SAFETY: the conditions are the same; memory of buffers is free only in the order of the compute stream, or
        // of the uses that are noted for another, so what the kernel uses stays alive until it has ended (rules 1 and 2).
        unsafe { self.raw().launch(kernel, grid.into(), block.into(), shared_bytes, args) }
            .map_err(Error::from)
    }
}

/// Kernels that were loaded onto a device with [`Device::load_ptx`].
///
/// Dropping a module is always fine, also while kernels of it are queued: it waits for nothing.
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
    /// # Errors
    ///
    /// [`Error::KernelRefused`] when the module has no such kernel, or its device is closed.
    pub fn get_function(&self, name: impl AsRef<str>) -> Result<Function<'_>, Error> {
        Ok(self.raw.function(name.as_ref())?)
    }
}

impl Function<'_> {
    /// Lets launches of this kernel ask for up to `bytes` of dynamic shared memory a block. Without it the
    /// most is 48 KiB, less what the kernel declares by itself.
    ///
    /// It holds for the kernel of the module, however often it is looked up.
    ///
    /// # Errors
    ///
    /// [`Error::KernelRefused`] with the most that there is, when that is less.
    pub fn allow_shared_bytes(&self, bytes: u32) -> Result<(), Error> {
        Ok(self.allow_shared(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cuda::tests::{PTX, found};
    use crate::buffer::{Async, Buffer};
    use cust::launch;

    fn card() -> Option<Device<Cuda>> {
        found(Device::cuda(0))
    }

    #[test]
    fn a_card_that_is_not_there_is_unavailable() {
        let error = Device::cuda(4_096).unwrap_err();
        assert!(matches!(error, Error::BackendUnavailable { backend: "cuda", .. }), "{error}");
        let error = Device::builder().memory_limit(0).cuda(0).unwrap_err();
        assert!(matches!(error, Error::InvalidSpec { .. }), "{error}");
    }

    #[test]
    fn kernels_take_their_turn() {
        let Some(device) = card() else { return };
        let count = 1_u32 << 20;
        let mut numbers: Buffer<u32, Cuda, Async> = Buffer::new(&device, "numbers").unwrap();
        assert_eq!((numbers.as_raw(), numbers.as_raw_mut()), (0, Ok(0)));
        assert!(numbers.as_device_ptr().is_null());
        numbers.resize(count as usize).unwrap();

        let module = device.load_ptx(PTX).unwrap();
        let add_one = module.get_function("add_one").unwrap();
        let stream = device.stream();
        // SAFETY: the kernel takes an address and a count, and touches as many elements as the buffer has
        // (rule 1).
        let add = |numbers: &mut Buffer<u32, Cuda, Async>| unsafe {
            launch!(add_one<<<count / 256, 256, 0, stream>>>(numbers.as_device_ptr_mut()?, count))
        };
        for round in 1..=20 {
            add(&mut numbers).unwrap();
            let frame = numbers.start_download().unwrap();
            // Queued behind the copy that runs.
            add(&mut numbers).unwrap();
            let frame = frame.wait().unwrap();
            assert!(frame.iter().all(|number| *number == 2 * round - 1), "{round}: {:?}", &frame[..4]);
        }

        // The other form of the macro; and a kernel of `cust`'s, which wants the context current.
        // SAFETY: as above (rule 1).
        unsafe { launch!(module.add_one<<<count / 256, 256, 0, stream>>>(numbers.as_device_ptr(), count)) }
            .unwrap();
        device.make_current().unwrap();
        let foreign = cust::module::Module::from_ptx(PTX, &[]).unwrap();
        let add_one = foreign.get_function("add_one").unwrap();
        // SAFETY: as above (rule 1).
        unsafe { launch!(add_one<<<count / 256, 256, 0, stream>>>(numbers.as_device_ptr(), count)) }.unwrap();

        let refused = module.get_function("missing").unwrap_err();
        assert!(
            matches!(&refused, Error::KernelRefused { reason, .. } if reason.contains("`missing`")),
            "{refused}"
        );
        // Dropped with kernels of it queued.
        drop(module);
        assert!(numbers.download().unwrap().iter().all(|number| *number == 42));

        drop((foreign, numbers));
        device.close().unwrap();
    }
}
