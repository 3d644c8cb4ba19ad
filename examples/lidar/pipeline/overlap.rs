//! How much happens at the same time.

use std::{fmt, time::Duration};

/// The moments of a chunk, in nanoseconds of the device's clock: before its upload, after it, after its
/// kernels, and when its features had come down.
#[derive(Clone, Copy, Debug)]
pub struct ChunkTimes {
    pub moments: [u64; 4],
}

/// The work of the devices, and its times.
#[derive(Clone, Copy, Debug)]
pub struct Overlap {
    /// The sums of the times of uploads, of kernels and of downloads.
    pub busy: [Duration; 3],
    /// The time of the downloads during which an upload or a kernel ran.
    pub hidden: Duration,
    /// From the start to the end of the run.
    pub duration: Duration,
}

impl Overlap {
    pub fn of(mut times: Vec<ChunkTimes>, duration: Duration) -> Self {
        times.sort_by_key(|times| times.moments[0]);
        // A download begins when its kernels are done and the download before it has arrived.
        let mut arrived = 0;
        let (mut spans, mut work) = ([const { Vec::new() }; 3], Vec::new());
        for ChunkTimes { moments: [start, uploaded, computed, down] } in times {
            spans[0].push([start, uploaded]);
            spans[1].push([uploaded, computed]);
            spans[2].push([computed.max(arrived).min(down), down]);
            work.push([start, computed]);
            arrived = arrived.max(down);
        }
        let sum = |spans: &[[u64; 2]]| {
            Duration::from_nanos(spans.iter().map(|[from, to]| to.saturating_sub(*from)).sum())
        };
        let hidden = spans[2].iter().map(|span| shared(*span, &work)).sum();
        Self {
            busy: [sum(&spans[0]), sum(&spans[1]), sum(&spans[2])],
            hidden: Duration::from_nanos(hidden),
            duration,
        }
    }

    /// The time of all uploads, kernels and downloads, divided by the time of the run: 1 where one follows
    /// the other without a pause.
    pub fn at_once(&self) -> f64 {
        self.busy.iter().sum::<Duration>().as_secs_f64() / self.duration.as_secs_f64().max(1e-9)
    }

    /// The share of the time of downloads in which an upload or a kernel ran.
    pub fn downloads_hidden(&self) -> f64 {
        self.hidden.as_secs_f64() / self.busy[2].as_secs_f64().max(1e-9)
    }
}

/// The part of a span that is in any of the others, which are in the order of their beginnings.
fn shared([from, to]: [u64; 2], others: &[[u64; 2]]) -> u64 {
    let (mut sum, mut from) = (0, from);
    for [begin, end] in others {
        let (begin, end) = (from.max(*begin), to.min(*end));
        if end > begin {
            sum += end - begin;
            from = end;
        }
    }
    sum
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [up, kernels, down] = self.busy.map(|time| 1e3 * time.as_secs_f64());
        write!(
            f,
            "uploads {up:.1} ms + kernels {kernels:.1} ms + downloads {down:.1} ms in {:.1} ms: {:.2} at once, {:.0} % of the \
             download time beside uploads and kernels",
            1e3 * self.duration.as_secs_f64(),
            self.at_once(),
            100.0 * self.downloads_hidden(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_counted() {
        let times = [[0, 10, 30, 40], [10, 20, 50, 60], [40, 45, 70, 90]];
        let times = times.map(|moments| ChunkTimes { moments }).to_vec();
        let overlap = Overlap::of(times, Duration::from_nanos(90));
        assert_eq!(overlap.busy.map(|time| time.as_nanos()), [25, 75, 40]);
        // All but the last 20.
        assert_eq!(overlap.hidden.as_nanos(), 20);
        assert!((overlap.at_once() - 140.0 / 90.0).abs() < 1e-9);
        assert!((overlap.downloads_hidden() - 0.5).abs() < 1e-9);
    }
}
