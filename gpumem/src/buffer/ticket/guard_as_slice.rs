//! A [`DownloadGuard`] behaves as the slice that it derefs to: it is iterated by reference, compared and
//! copied.

use super::guard::DownloadGuard;
use crate::backend::Backend;
use std::slice;

impl<'a, T, B: Backend> IntoIterator for &'a DownloadGuard<T, B> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

/// The elements in ordinary memory. The pinned memory goes back for the next download, and the slot to the
/// buffer.
impl<T: Clone, B: Backend> From<DownloadGuard<T, B>> for Vec<T> {
    fn from(guard: DownloadGuard<T, B>) -> Self {
        guard.to_vec()
    }
}

/// A copy of the elements in ordinary memory.
impl<T: Clone, B: Backend> From<&DownloadGuard<T, B>> for Vec<T> {
    fn from(guard: &DownloadGuard<T, B>) -> Self {
        guard.to_vec()
    }
}

impl<T: PartialEq<U>, U, B: Backend, C: Backend> PartialEq<DownloadGuard<U, C>> for DownloadGuard<T, B> {
    fn eq(&self, other: &DownloadGuard<U, C>) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq, B: Backend> Eq for DownloadGuard<T, B> {}

/// Comparisons of a guard with anything that is a slice, on either side. The lists are those of `Vec`.
macro_rules! compared {
    ($([$($parameter:tt)*] $other:ty;)*) => {$(
        impl<T: PartialEq<U>, U, B: Backend, $($parameter)*> PartialEq<$other> for DownloadGuard<T, B> {
            fn eq(&self, other: &$other) -> bool {
                self.as_slice() == &other[..]
            }
        }

        impl<T, U: PartialEq<T>, B: Backend, $($parameter)*> PartialEq<DownloadGuard<T, B>> for $other {
            fn eq(&self, other: &DownloadGuard<T, B>) -> bool {
                &self[..] == other.as_slice()
            }
        }
    )*};
}

compared! {
    [] [U];
    [] &[U];
    [] &mut [U];
    [const N: usize] [U; N];
    [const N: usize] &[U; N];
    [] Vec<U>;
}
