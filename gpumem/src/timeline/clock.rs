//! The clock of records: the processor's counter of ticks, where it runs at one rate.
//!
//! [`Instant`] takes 25 to 45 ns, half of the cost of a record, and the counter takes less. A record has
//! ticks. They become nanoseconds when a snapshot is taken, which reads both clocks: between the start of the
//! recording and the snapshot, nanoseconds per tick are the quotient of the two. A machine that sleeps, or a
//! virtual one that moves, may set its counter back: then times are wrong, and the order of the records
//! stays.

use std::time::Instant;

pub(super) struct Clock {
    began: Instant,
    /// The counter at that moment, if its rate never changes.
    first: Option<u64>,
}

/// Turns ticks into nanoseconds.
pub(super) struct Scale {
    ticks: u64,
    nanoseconds: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        // Asked before, since a virtual machine takes long to answer.
        let counts = counter::has_one_rate();
        Self { began: Instant::now(), first: counts.then(counter::read) }
    }

    /// Ticks since the start: of the counter, or nanoseconds. Threads on two processors may see ticks that
    /// differ by the time of a message between them, and the history keeps to the order of the records.
    #[inline]
    pub(super) fn ticks(&self) -> u64 {
        match self.first {
            Some(first) => counter::read().saturating_sub(first),
            None => self.nanoseconds(),
        }
    }

    fn nanoseconds(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The scale for all ticks so far.
    pub(super) fn scale(&self) -> Scale {
        Scale { ticks: self.ticks(), nanoseconds: self.nanoseconds() }
    }
}

impl Scale {
    pub(super) fn nanoseconds(&self, ticks: u64) -> u64 {
        let product = u128::from(ticks.min(self.ticks)) * u128::from(self.nanoseconds);
        u64::try_from(product / u128::from(self.ticks.max(1))).unwrap_or(u64::MAX)
    }

    /// The time of the scale itself.
    pub(super) fn end(&self) -> u64 {
        self.nanoseconds
    }
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use std::arch::x86_64::{__cpuid, _rdtsc};

    /// Whether the counter's rate depends on no frequency and no state of sleep.
    pub(super) fn has_one_rate() -> bool {
        let [last, features] = [0x8000_0000, 0x8000_0007];
        #[allow(unused_unsafe)] // safe in later compilers than the oldest that builds this
        // SAFETY: every x86-64 processor has the instruction (Rust's contract).
        let ask = |leaf| unsafe { __cpuid(leaf) };
        ask(last).eax >= features && ask(features).edx & 1 << 8 != 0
    }

    #[inline]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86-64 processor has the instruction (Rust's contract).
        unsafe { _rdtsc() }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod counter {
    pub(super) fn has_one_rate() -> bool {
        false
    }

    pub(super) fn read() -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// With the counter, where there is one, and without.
    fn clocks() -> [Clock; 2] {
        [Clock::start(), Clock { began: Instant::now(), first: None }]
    }

    #[test]
    fn ticks_become_the_time_that_instants_tell() {
        for clock in clocks() {
            std::thread::sleep(Duration::from_millis(20));
            let (before, ticks, after) = (clock.nanoseconds(), clock.ticks(), clock.nanoseconds());
            std::thread::sleep(Duration::from_millis(20));
            let scale = clock.scale();
            let time = scale.nanoseconds(ticks);
            // The two clocks of the scale are read one after the other, and a thread may be stopped in
            // between.
            let slack = 10_000_000;
            assert!(
                (before.saturating_sub(slack)..=after + slack).contains(&time),
                "{before} {time} {after}"
            );
            assert_eq!(scale.nanoseconds(scale.ticks), scale.end());
        }
    }

    #[test]
    fn a_scale_of_no_time_is_no_mistake() {
        assert_eq!(Scale { ticks: 0, nanoseconds: 0 }.nanoseconds(7), 0);
        assert_eq!(Scale { ticks: 1, nanoseconds: u64::MAX }.nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(Scale { ticks: 10, nanoseconds: 20 }.nanoseconds(11), 20, "never after the end");
    }
}
