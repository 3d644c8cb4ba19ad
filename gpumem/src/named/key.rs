//! [`Key`]: the place of a buffer, with the type of its elements.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// Leads to a buffer of [`NamedBuffers`](super::NamedBuffers) without a look-up and without a downcast: an
/// array access and a comparison. [`allocate`](super::NamedBuffers::allocate) gives one, and
/// [`key`](super::NamedBuffers::key) another one for the same buffer.
///
/// It is `Copy` and holds nothing: the buffer can be freed while keys are there. Such a key is then an error,
/// even if another buffer got the same name, and so is a key of another manager.
///
/// ```
/// use gpumem::named::{BufferConfig, Key, NamedBuffers};
/// use gpumem::{Device, Error};
///
/// struct Solver {
///     residuals: Key<f32>, // looked up once
/// }
///
/// let mut buffers = NamedBuffers::new(&Device::host());
/// let solver = Solver { residuals: buffers.allocate("residuals", 100, BufferConfig::of::<f32>())? };
/// assert_eq!(buffers.at(solver.residuals)?.len(), 100);
///
/// buffers.free("residuals")?;
/// buffers.allocate::<f32>("residuals", 5, BufferConfig::of::<f32>())?; // another buffer
/// assert!(matches!(buffers.at(solver.residuals), Err(Error::BadKey { .. })));
/// # Ok::<(), Error>(())
/// ```
pub struct Key<T> {
    pub(super) place: usize,
    pub(super) serial: Serial,
    /// Invariant: a key of a type is no key of any other, not even of a supertype.
    element: PhantomData<fn(T) -> T>,
}

impl<T> Key<T> {
    /// The caller vouches that the buffer with this number has elements of type `T`.
    pub(super) const fn new(place: usize, serial: Serial) -> Self {
        Self { place, serial, element: PhantomData }
    }
}

/// The number of a buffer, which no other buffer of any manager in the process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Serial(u64);

impl Serial {
    /// A new one. 2^64 numbers are enough for 500 years of one per nanosecond.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

// Derived, these would ask the same of `T`.
impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl<T> Eq for Key<T> {}

impl<T> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.serial.hash(state);
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key<{}>({})", std::any::type_name::<T>(), self.serial.0)
    }
}
