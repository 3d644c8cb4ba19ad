//! Values that threads change side by side, each in lines of the processor's cache of its own.

use std::ops::Deref;

/// A value that shares its line of the processor's cache with nothing else, nor the line beside it, since a
/// processor fetches two together. Otherwise a thread that changes a value slows down those that use its
/// neighbours.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct CachePadded<T>(T);

impl<T> CachePadded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for CachePadded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
