//! What the crate knows of threads: a small number for each, by which it gets a part of its own of what
//! threads would else fight over, and whether it may wait where things end.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many threads have a number.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The calling thread's number: threads are numbered from 0 as they come here.
#[inline]
pub(crate) fn number() -> usize {
    thread_local! {
        // One more than the number, or 0 before there is one. Nothing to drop, so it is there until the thread has ended.
        static NUMBER: Cell<usize> = const { Cell::new(0) };
    }
    let number = NUMBER.get();
    if number > 0 {
        return number - 1;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    NUMBER.set(number + 1);
    number
}

/// How many threads have a number.
pub(crate) fn count() -> usize {
    NEXT.load(Ordering::Relaxed)
}

thread_local! {
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// Whether what ends on the calling thread may keep it waiting. A drop must not wait (rule 7), so this is
/// only where [`waiting`] is.
pub(crate) fn may_wait() -> bool {
    MAY_WAIT.get()
}

/// Runs `work`, a wait for the end of something: on a thread that is there for it, or where the application
/// asked for the end.
pub(crate) fn waiting<R>(work: impl FnOnce() -> R) -> R {
    struct Former(bool);
    impl Drop for Former {
        fn drop(&mut self) {
            MAY_WAIT.set(self.0);
        }
    }
    let _former = Former(MAY_WAIT.replace(true));
    work()
}
