//! The pauses of a thread that polls an event.
//!
//! For the first microseconds the thread polls without a pause, since small transfers end then. After that it
//! sleeps between two polls, for a part of the time that it has waited. So it is late by a small share of the
//! wait, and the longer the wait, the less of a core it takes. Measured on the machine of an H100 with a poll
//! of 0.36 µs: sleeps of 5 µs take 16 % of a core and are 10 µs late.

use std::thread;
use std::time::{Duration, Instant};

/// The time without a sleep.
const SPIN: Duration = Duration::from_micros(20);

/// The first sleeps.
const SHORTEST: Duration = Duration::from_micros(5);

/// The sleeps from some milliseconds on, which take about 3 % of a core.
const LONGEST: Duration = Duration::from_micros(50);

/// A sleep is this part of the time that was waited before.
const SHARE: u32 = 64;

pub(super) struct Pauses {
    began: Instant,
}

impl Pauses {
    pub(super) fn begin() -> Self {
        Self { began: Instant::now() }
    }

    /// Keeps the calling thread for one pause.
    pub(super) fn pause(&mut self) {
        match after(self.began.elapsed()) {
            Some(time) => {
                fine_sleeps();
                thread::sleep(time);
            }
            None => std::hint::spin_loop(),
        }
    }
}

/// The length of the sleep after such a wait, if any.
fn after(waited: Duration) -> Option<Duration> {
    (waited >= SPIN).then(|| (waited / SHARE).clamp(SHORTEST, LONGEST))
}

/// Makes the calling thread's sleeps exact. Otherwise Linux makes each up to 50 µs longer, to wake several
/// threads at a time.
#[cfg(target_os = "linux")]
fn fine_sleeps() {
    use std::cell::Cell;
    thread_local! {
        static ARE_FINE: Cell<bool> = const { Cell::new(false) };
    }
    if !ARE_FINE.replace(true) {
        // SAFETY: with these arguments the call changes the precision of the calling thread's timers, and
        // touches no memory. A refusal only makes sleeps longer (the system's contract).
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
    }
}

#[cfg(not(target_os = "linux"))]
fn fine_sleeps() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_time_waited_and_stay_a_small_share_of_it() {
        let micros = Duration::from_micros;
        assert_eq!((after(Duration::ZERO), after(SPIN - micros(1))), (None, None));
        assert_eq!((after(SPIN), after(micros(320))), (Some(SHORTEST), Some(SHORTEST)));
        assert_eq!((after(micros(640)), after(micros(1_280))), (Some(micros(10)), Some(micros(20))));
        assert_eq!((after(Duration::from_millis(5)), after(Duration::MAX)), (Some(LONGEST), Some(LONGEST)));
    }
}
