//! A small number for each thread, by which it gets a part of its own of what threads would else fight over.

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
