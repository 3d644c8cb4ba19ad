//! What the feature `cust` adds: the types of `cust` where this crate has its own, so that `cust::launch!`
//! queues kernels on this crate's streams. The macro calls the method `launch` of whatever it is given as a
//! stream.

use crate::backend::Dim3;
use crate::backend::cuda::{Kernel, sealed};
use crate::buffer::DevicePointer;
use cust::function::{BlockSize, GridSize};
use cust::memory::DeviceCopy;
use std::ffi::c_void;

/// A kernel that `cust` loaded. The device's context has to be current meanwhile.
///
/// ```no_run
/// use cust::launch;
/// use gpumem::{Buffer, Device};
/// # const PTX: &str = "";
///
/// let device = Device::cuda(0)?;
/// let mut numbers = Buffer::from_slice(&device, "numbers", &[1_u32; 256])?;
/// device.make_current()?;
/// let module = cust::module::Module::from_ptx(PTX, &[]).unwrap(); // with the kernel `add_one`
/// let (add_one, stream) = (module.get_function("add_one").unwrap(), device.stream());
/// // SAFETY: each of the 256 threads changes one of the 256 elements, and `download` waits for the kernel.
/// unsafe { launch!(add_one<<<1, 256, 0, stream>>>(numbers.as_device_ptr_mut()?))? };
/// assert_eq!(numbers.download()?, [2; 256]);
/// # Ok::<(), gpumem::Error>(())
/// ```
impl Kernel for cust::function::Function<'_> {}

impl sealed::Kernel for cust::function::Function<'_> {
    fn raw(&self) -> *mut c_void {
        self.to_raw().cast()
    }
}

/// The sizes of `cust` are the same three numbers.
macro_rules! sizes {
    ($($name:ident)*) => {$(
        impl From<$name> for Dim3 {
            fn from($name { x, y, z }: $name) -> Self {
                Self { x, y, z }
            }
        }

        impl From<&$name> for Dim3 {
            fn from(size: &$name) -> Self {
                Self::from(*size)
            }
        }
    )*};
}

sizes! { GridSize BlockSize }

// SAFETY: it is a number, as a kernel's parameter for an address has to be, and holds no reference (the
// driver's contract).
unsafe impl<T> DeviceCopy for DevicePointer<T> {}

impl<T: DeviceCopy> From<DevicePointer<T>> for cust::memory::DevicePointer<T> {
    fn from(pointer: DevicePointer<T>) -> Self {
        Self::from_raw(pointer.as_raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Cuda;
    use crate::backend::cuda::tests::PTX;
    use crate::backend::cuda::tests::card::found;
    use crate::{Buffer, Device};
    use cust::launch;

    #[test]
    fn the_macro_queues_kernels_of_both_crates() {
        let Some(device) = found(Device::cuda(0)) else { return };
        let count = 1_u32 << 10;
        let mut numbers: Buffer<u32, Cuda> = Buffer::zeroed(&device, "numbers", count as usize).unwrap();
        let module = device.load_ptx(PTX).unwrap();
        let (add_one, stream) = (module.get_function("add_one").unwrap(), device.stream());
        device.make_current().unwrap();
        let foreign = cust::module::Module::from_ptx(PTX, &[]).unwrap();
        let theirs = foreign.get_function("add_one").unwrap();
        let (grid, block) = (GridSize::x(count / 256), BlockSize::x(256));
        let address = numbers.as_device_ptr_mut().unwrap();
        let known = cust::memory::DevicePointer::<u32>::from(address);
        // SAFETY: the kernel takes an address and a count, and touches as many elements as the buffer has
        // (rule 1).
        unsafe {
            launch!(add_one<<<count / 256, 256, 0, stream>>>(address, count)).unwrap();
            launch!(module.add_one<<<(count / 256, 1), (256, 1, 1), 0, stream>>>(address, count)).unwrap();
            launch!(theirs<<<grid, block, 0, stream>>>(known, count)).unwrap();
            launch!(theirs<<<&grid, &block, 0, stream>>>(known, count)).unwrap();
        }
        assert!(numbers.download().unwrap().iter().all(|number| *number == 4));
        drop((foreign, module, numbers));
        device.close().unwrap();
    }

    #[test]
    fn types_of_cust_are_made_of_this_crates_and_back() {
        assert_eq!(Dim3::from(GridSize::xy(7, 3)), Dim3::from((7, 3)));
        assert_eq!(Dim3::from(&BlockSize::xyz(8, 4, 2)), Dim3::from((8, 4, 2)));
        fn is_parameter<T: DeviceCopy>() -> usize {
            size_of::<T>()
        }
        /// An element that `cust` does not know.
        struct Foreign(#[allow(dead_code)] [f32; 3]);
        assert_eq!(is_parameter::<DevicePointer<Foreign>>(), size_of::<u64>());
    }
}
