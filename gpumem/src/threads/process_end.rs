//! The end of the process, for this crate's own threads.
//!
//! `exit` runs the destructors of libraries while other threads go on. A thread that calls a library after
//! that, or is inside one of its functions, may crash. So this crate's own threads make such calls between
//! [`enter`] and the drop of its guard:
//!
//! ```text
//!   own thread     inside += 1 --> ended? --no--> the call --> inside -= 1
//!                                    '--yes--> no call ------> inside -= 1
//!   exit handler   ended = true --> waits until inside == 0, at most 200 ms
//! ```
//!
//! `exit` runs handlers in the reverse order of their registration, and a library's destructors take their
//! place in that order when the library is loaded. So [`watch`] is called after that, and the handler runs
//! first. Threads of the application are not held up: it ends them, or it lives with the driver's answer.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static ENDED: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// The most time that the exit handler waits. A call that takes longer waits for kernels, which may never
/// end.
const PATIENCE: Duration = Duration::from_millis(200);

/// Has the end of the process noticed. Called after the library was loaded that own threads call.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // On Windows all other threads have ended before a destructor runs.
        #[cfg(unix)]
        // SAFETY: the handler does not unwind, and its code is there until the C library has called it
        // (Rust's contract). If there is no room for it, the process ends as it would without it.
        unsafe {
            libc::atexit(handler);
        }
    });
}

#[cfg_attr(not(unix), allow(dead_code))]
extern "C" fn handler() {
    // SeqCst, as in `enter`: either the thread sees `ENDED`, or this sees the thread inside.
    ENDED.store(true, Ordering::SeqCst);
    let began = Instant::now();
    while INSIDE.load(Ordering::SeqCst) > 0 && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// Whether the process ends.
pub(super) fn has_begun() -> bool {
    ENDED.load(Ordering::Relaxed)
}

/// While it lives, the exit handler waits for the thread, if that is an own one.
pub(crate) struct Inside {
    is_own: bool,
}

/// Called before a library's function is called. `None` on an own thread if the process ends: then the
/// function must not be called.
#[inline]
pub(crate) fn enter() -> Option<Inside> {
    let inside = Inside { is_own: super::is_own() };
    if inside.is_own {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        if ENDED.load(Ordering::SeqCst) {
            return None;
        }
    }
    Some(inside)
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        if self.is_own {
            INSIDE.fetch_sub(1, Ordering::Release);
        }
    }
}
