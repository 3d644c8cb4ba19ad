//! A lock that is nearly always free: one atomic exchange to take it, a plain store to leave it.
//!
//! Each thread has a cache of its own, so its lock is contended only where somebody empties all caches, or reads the
//! statistics. `Mutex` asks for a second exchange on leaving, to learn whether a thread sleeps on it; on an H200's host that
//! is a quarter of what taking and giving back a block costs. Here nobody sleeps: who finds it taken gives way to other
//! threads and looks again. What is done under it is a few dozen instructions, with no driver call and no foreign code.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct Latch<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, of which there is at most one at a time; so sharing the latch moves the
// value from thread to thread and never shares it.
unsafe impl<T: Send> Sync for Latch<T> {}

/// Access to what a latch guards. Dropping it leaves the latch.
pub(super) struct Guard<'a, T> {
    latch: &'a Latch<T>,
    /// The guard stays on its thread and is not shared: a latch asks of its value only that it may be moved to another thread.
    _thread: PhantomData<*const T>,
}

impl<T> Latch<T> {
    pub(super) fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    #[inline]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        // Acquire: what the last holder did is seen.
        if self.taken.swap(true, Ordering::Acquire) {
            self.wait();
        }
        Guard { latch: self, _thread: PhantomData }
    }

    #[cold]
    fn wait(&self) {
        let mut looks = 0_u32;
        loop {
            // The holder is about to leave, or was put to sleep by the system, which then has to run it.
            if looks < 64 {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
            looks = looks.saturating_add(1);
            if !self.taken.load(Ordering::Relaxed) && !self.taken.swap(true, Ordering::Acquire) {
                return;
            }
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so this thread has the latch and nobody else reaches the value.
        unsafe { &*self.latch.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; the guard is borrowed mutably, so there is no other reference from it.
        unsafe { &mut *self.latch.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: what this holder did is seen by the next.
        self.latch.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time() {
        let latch = Latch::new((0_u64, 0_u64));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50_000 {
                        let mut both = latch.lock();
                        both.0 += 1;
                        assert_eq!(both.0, both.1 + 1, "two threads are in");
                        both.1 += 1;
                    }
                });
            }
        });
        assert_eq!(*latch.lock(), (200_000, 200_000));
    }

    #[test]
    fn a_panic_leaves_the_latch() {
        let latch = Latch::new(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = latch.lock();
            panic!("planted");
        }));
        assert!(panicked.is_err());
        assert_eq!(*latch.lock(), 1);
    }
}
