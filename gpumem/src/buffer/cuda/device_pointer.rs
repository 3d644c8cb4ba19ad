//! [`DevicePointer`]: an address on a card, with the type of its elements.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The address of elements on a card, as kernels take it. Made by
/// [`Buffer::as_device_ptr`](crate::Buffer::as_device_ptr).
///
/// It is a number without a lifetime, so having one is safe and using one is not: see the conditions at
/// `as_device_ptr`. In memory it is the address alone, as a kernel's parameter has to be.
///
/// With the feature `cust`, `cust::launch!` takes it as it is, whatever the element type. That of `cust`,
/// which knows the types that are `cust::memory::DeviceCopy`, is made of it by `into()`.
#[repr(transparent)]
pub struct DevicePointer<T> {
    address: u64,
    element: PhantomData<fn() -> T>,
}

impl<T> DevicePointer<T> {
    pub(super) fn new(address: u64) -> Self {
        Self { address, element: PhantomData }
    }

    /// The address as a number.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::from_slice(&Device::cuda(0)?, "cells", &[1_u32, 2, 3])?;
    /// let address: u64 = cells.as_device_ptr().as_raw(); // for a library that takes a `CUdeviceptr`
    /// assert_eq!(address, cells.as_raw());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn as_raw(self) -> u64 {
        self.address
    }

    /// Whether it is the address of a buffer without memory, which is 0.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// let mut cells = Buffer::<u32, _>::new(&Device::cuda(0)?, "cells")?;
    /// assert!(cells.as_device_ptr().is_null()); // it has no memory yet
    /// cells.resize(100)?;
    /// assert!(!cells.as_device_ptr().is_null());
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn is_null(self) -> bool {
        self.address == 0
    }

    /// The address of the element that is `count` elements later. It wraps around at the end of all
    /// addresses.
    ///
    /// ```no_run
    /// use gpumem::{Buffer, Device};
    ///
    /// let cells = Buffer::<u32, _>::zeroed(&Device::cuda(0)?, "cells", 256)?;
    /// let second_half = cells.as_device_ptr().wrapping_add(128); // for a kernel that takes 128 elements
    /// assert_eq!(second_half.as_raw(), cells.as_raw() + 512);
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    #[must_use]
    pub fn wrapping_add(self, count: usize) -> Self {
        Self::new(self.address.wrapping_add((count as u64).wrapping_mul(size_of::<T>() as u64)))
    }
}

// Written out, since a derive would require the same of the element.
impl<T> Clone for DevicePointer<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for DevicePointer<T> {}

impl<T> PartialEq for DevicePointer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl<T> Eq for DevicePointer<T> {}

impl<T> Hash for DevicePointer<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

impl<T> fmt::Debug for DevicePointer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(self, f)
    }
}

impl<T> fmt::Pointer for DevicePointer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Foreign(#[allow(dead_code)] [f32; 3]);

    #[test]
    fn an_address_is_a_number_with_a_type() {
        let pointer = DevicePointer::<Foreign>::new(0x100);
        assert_eq!((pointer.wrapping_add(2).as_raw(), pointer.is_null()), (0x118, false));
        assert_eq!(format!("{pointer:?} {:p}", pointer.wrapping_add(1)), "0x100 0x10c");
        assert_eq!(size_of::<DevicePointer<Foreign>>(), size_of::<u64>(), "a kernel's parameter");
        fn is_shared<T: Copy + Send + Sync>(_: T) {}
        is_shared(pointer);
    }
}
