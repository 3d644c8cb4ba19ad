//! When each frame was computed, copied and drawn.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// The times of a frame, as they were noted.
pub struct FrameTimes {
    /// When its step began and ended, in nanoseconds of the device's clock.
    pub step: [u64; 2],
    /// When its download was started.
    pub asked: Instant,
    /// When the task that awaited it resumed.
    pub arrived: Instant,
    /// When drawing it began and ended.
    pub drawn: [Instant; 2],
}

/// The time between two moments, both counted from the start of the film.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: Duration,
    pub to: Duration,
}

/// The work on a frame, as spans of time.
#[derive(Clone, Copy, Debug)]
pub struct FrameSpans {
    /// The device computed it.
    pub step: Span,
    /// It was downloaded: from the end of the step, or from the start of the download if that was later,
    /// until its task resumed.
    pub copy: Span,
    /// It was drawn.
    pub draw: Span,
}

/// When each frame of a film was computed, copied and drawn.
pub struct Timeline {
    /// The name of the backend.
    pub backend: &'static str,
    pub frames: Vec<FrameSpans>,
}

impl Timeline {
    /// The timeline of a film that began at `start`, when the device's clock showed `clock`.
    pub fn new(backend: &'static str, start: Instant, clock: u64, frames: &[FrameTimes]) -> Self {
        // The clocks of a card and of the host are compared once, so the last digits are not exact.
        let on_device = |time: u64| Duration::from_nanos(time.saturating_sub(clock));
        let on_host = |moment: Instant| moment - start;
        let spans = |times: &FrameTimes| {
            let [from, to] = times.step.map(on_device);
            let [asked, arrived] = [times.asked, times.arrived].map(on_host);
            let [begun, ended] = times.drawn.map(on_host);
            FrameSpans {
                step: Span { from, to },
                copy: Span { from: to.max(asked).min(arrived), to: arrived },
                draw: Span { from: begun, to: ended },
            }
        };
        Timeline { backend, frames: frames.iter().map(spans).collect() }
    }

    /// The time from the start of the film to the end of the last drawing.
    pub fn total(&self) -> Duration {
        self.frames.last().map_or(Duration::ZERO, |frame| frame.draw.to)
    }

    /// The total times of the steps, of the copies and of the drawings.
    pub fn parts(&self) -> [Duration; 3] {
        let sum = |of: fn(&FrameSpans) -> Span| self.frames.iter().map(|frame| of(frame).length()).sum();
        [sum(|frame| frame.step), sum(|frame| frame.copy), sum(|frame| frame.draw)]
    }

    /// The sum of the parts over the whole time. Above 1, parts overlapped. This is not how much faster the
    /// film became: parts that run side by side share the cores and the memory, and take longer than alone.
    /// `--one-by-one` shows the times of the parts alone.
    pub fn overlap(&self) -> f64 {
        self.parts().iter().sum::<Duration>().as_secs_f64() / self.total().as_secs_f64().max(1e-9)
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [steps, copies, drawings] = self.parts().map(|part| part.as_secs_f64());
        write!(
            f,
            "{:.2} s on {} for steps of {steps:.2} s, copies of {copies:.2} s and drawing of {drawings:.2} s: \
             the parts add up to {:.2} times the whole",
            self.total().as_secs_f64(),
            self.backend,
            self.overlap()
        )
    }
}

impl Span {
    pub fn length(self) -> Duration {
        self.to.saturating_sub(self.from)
    }
}

/// The nanoseconds of a time that is not longer than some centuries.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
pub fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Timeline {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let step = [0, 40_000_000].map(|time| time + 7);
        let times = FrameTimes { step, asked: at(10), arrived: at(50), drawn: [at(60), at(100)] };
        let step = [40_000_000, 80_000_000].map(|time| time + 7);
        let late = FrameTimes { step, asked: at(90), arrived: at(110), drawn: [at(110), at(150)] };
        Timeline::new("host", start, 7, &[times, late])
    }

    #[test]
    fn a_copy_begins_when_it_can() {
        let copies = timeline().frames.iter().map(|frame| frame.copy.from.as_millis()).collect::<Vec<_>>();
        // The copy begins after the step, and not before the download was started.
        assert_eq!(copies, [40, 90]);
    }

    #[test]
    fn the_parts_are_added_up() {
        let timeline = timeline();
        assert_eq!(timeline.parts().map(|part| part.as_millis()), [80, 30, 80]);
        assert_eq!(
            timeline.to_string(),
            "0.15 s on host for steps of 0.08 s, copies of 0.03 s and drawing of 0.08 s: \
             the parts add up to 1.27 times the whole"
        );
    }
}
