//! A lock that is nearly always free: one atomic exchange to take it, a plain store to leave it.
//!
//! Each thread has a cache of its own, so the cache's lock is contended only where another thread empties all
//! caches, or reads the statistics. `Mutex` asks for a second exchange on leaving, to learn whether a thread
//! sleeps on it; on an H200's host that is a quarter of what taking and giving back a block costs. A thread
//! runs a few dozen instructions under it, with no driver call and no foreign code.
//!
//! The price is that the holder does not know which threads wait, and wakes none. A thread that finds the
//! lock taken looks again, in three steps:
//!
//! | looks | in between | what for |
//! | --- | --- | --- |
//! | the first 64 | nothing | the holder runs, and leaves within a microsecond |
//! | 16 more | it gives way to other threads | the holder was put to sleep, and the system has to run it |
//! | all others | it sleeps, from 20 µs on, twice as long each time up to 1 ms | to give way is not enough |
//!
//! Giving way lets only threads of the same or a higher priority run. A real-time thread that waits for an
//! ordinary one on the same core would keep it from running for good (Linux stops such a thread for 50 ms a
//! second, so it took two seconds). While it sleeps, every thread runs. It is at most one sleep late, a case
//! in which the holder was stopped in the middle of its few instructions anyway.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The first sleep of a thread that waits.
const NAP: Duration = Duration::from_micros(20);

/// The longest.
const LONGEST_NAP: Duration = Duration::from_millis(1);

pub(crate) struct SpinLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, of which there is at most one at a time; so sharing the
// lock moves the value from thread to thread and never shares it (Rust's contract).
unsafe impl<T: Send> Sync for SpinLock<T> {}

/// Access to the value. Dropping it unlocks.
pub(crate) struct SpinGuard<'a, T> {
    lock: &'a SpinLock<T>,
    /// The guard stays on its thread and is not shared: the lock requires of its value only that it may be
    /// moved to another thread.
    _thread: PhantomData<*const T>,
}

impl<T> SpinLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    #[inline]
    pub(crate) fn lock(&self) -> SpinGuard<'_, T> {
        // Acquire: this thread sees all that the last holder did.
        if self.taken.swap(true, Ordering::Acquire) {
            self.wait();
        }
        SpinGuard { lock: self, _thread: PhantomData }
    }

    #[cold]
    fn wait(&self) {
        let (mut looks, mut nap) = (0_u32, NAP);
        loop {
            match looks {
                0..64 => std::hint::spin_loop(),
                64..80 => std::thread::yield_now(),
                _ => {
                    std::thread::sleep(nap);
                    nap = (2 * nap).min(LONGEST_NAP);
                }
            }
            looks = looks.saturating_add(1);
            if !self.taken.load(Ordering::Relaxed) && !self.taken.swap(true, Ordering::Acquire) {
                return;
            }
        }
    }
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so this thread holds the lock and no other thread reaches the value
        // (Rust's contract).
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; the guard is borrowed mutably, so there is no other reference from it (Rust's
        // contract).
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: the next holder sees all that this one did.
        self.lock.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time() {
        let spin = SpinLock::new((0_u64, 0_u64));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50_000 {
                        let mut both = spin.lock();
                        both.0 += 1;
                        assert_eq!(both.0, both.1 + 1, "two threads are in");
                        both.1 += 1;
                    }
                });
            }
        });
        assert_eq!(*spin.lock(), (200_000, 200_000));
    }

    #[test]
    fn a_panic_leaves_the_lock() {
        let spin = SpinLock::new(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = spin.lock();
            panic!("planted");
        }));
        assert!(panicked.is_err());
        assert_eq!(*spin.lock(), 1);
    }

    // It spun, or gave way and was chosen again at once: a real-time thread never let a holder run that was
    // put to sleep on its core.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_waits_long_takes_no_core() {
        let spin = SpinLock::new(());
        let guard = spin.lock();
        let held = Duration::from_millis(400);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let before = processor_time();
                drop(spin.lock());
                processor_time() - before
            });
            std::thread::sleep(held);
            drop(guard);
            let taken = waiter.join().unwrap();
            assert!(taken < held / 10, "{taken:?} of {held:?}");
        });
    }

    /// The time of a core that the calling thread has had.
    #[cfg(target_os = "linux")]
    fn processor_time() -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is valid for a write (the system's contract).
        assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
        Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
    }
}
