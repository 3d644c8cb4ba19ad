//! A small number for each thread, the threads of this crate's own, and whether a thread may wait.
//!
//! By its number a thread finds its own part of lists and caches that threads would otherwise contend for.

mod cache_padded;
#[cfg(feature = "cuda")]
pub(crate) mod process_end;

pub(crate) use self::cache_padded::CachePadded;

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of threads that have a number.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The calling thread's number. Threads are numbered from 0, in the order of their first calls of this.
#[inline]
pub(crate) fn number() -> usize {
    thread_local! {
        // One more than the number, or 0 before there is one. It has no destructor, so it lives until the
        // thread has ended.
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

/// The number of threads that have a number.
pub(crate) fn count() -> usize {
    NEXT.load(Ordering::Relaxed)
}

thread_local! {
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}

/// Starts a thread of this crate's own that goes on while the application does other things, even while the
/// process ends.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let work = || {
        IS_OWN.set(true);
        work();
    };
    std::thread::Builder::new().name(name.into()).spawn(work).map(drop)
}

/// Whether [`start`] has started the calling thread.
#[cfg(feature = "cuda")]
#[inline]
pub(crate) fn is_own() -> bool {
    IS_OWN.get()
}

/// Whether the process ends while this thread of the crate's own goes on.
pub(crate) fn is_cut_off() -> bool {
    #[cfg(feature = "cuda")]
    return is_own() && process_end::has_begun();
    #[cfg(not(feature = "cuda"))]
    false
}

thread_local! {
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// Whether drops on the calling thread may wait. In general a drop must not (rule 7), so this is true only
/// inside [`waiting`].
pub(crate) fn may_wait() -> bool {
    MAY_WAIT.get()
}

/// Runs `work`, whose drops may wait: on a thread that is there for that, or in a call by which the
/// application asked for the end of a device.
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
