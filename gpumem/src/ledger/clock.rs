//! The clock by which records tell their age, and buffers the time since their last use.

/// Nanoseconds since some moment in the past. It never goes back, and is at most some 10 ms late.
///
/// Linux notes the time 100 to 1,000 times a second. To read that takes 5 ns, and an exact time 20.
#[cfg(target_os = "linux")]
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place for the time, and the clock is one that Linux has (the system's contract).
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
    // Neither is negative, and the sum is large enough for 584 years.
    #[allow(clippy::cast_sign_loss)]
    let (seconds, nanoseconds) = (time.tv_sec as u64, time.tv_nsec as u64);
    seconds.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds)
}

/// As above, exactly.
#[cfg(not(target_os = "linux"))]
pub(crate) fn now() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::now;
    use std::time::{Duration, Instant};

    #[test]
    fn time_goes_on_and_never_back() {
        let (began, first) = (Instant::now(), now());
        let mut last = first;
        while last < first + 20_000_000 {
            let next = now();
            assert!(next >= last);
            last = next;
            assert!(began.elapsed() < Duration::from_secs(20), "the clock stands still");
            std::thread::yield_now();
        }
    }
}
