//! The plot of the overlap, as SVG: one row each for the steps, the copies and the drawing, against time.
//!
//! It shows some frames from the middle of the film, large enough to be followed. Each frame has one colour.

use std::{fmt::Write, time::Duration};

use crate::timeline::{Span, Timeline};

/// The number of frames in the plot.
const SHOWN: usize = 8;
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 330.0;
/// The start and the end of time on the page.
const LEFT: f64 = 110.0;
const RIGHT: f64 = WIDTH - 24.0;
/// The top of the first row, the height of a bar, and the distance between two rows.
const TOP: f64 = 84.0;
const BAR: f64 = 38.0;
const APART: f64 = 56.0;
/// The y of the scale.
const SCALE: f64 = TOP + 3.0 * APART;

/// Colours for both a light and a dark page; text takes those of the page.
const STYLE: &str = "\
text { font: 14px system-ui, 'Segoe UI', Ubuntu, sans-serif; fill: #1c2333 }
.title { font-size: 18px; font-weight: 600 }
.note { fill: #5a6478; font-size: 13px }
.number { fill: #10131c; text-anchor: middle }
.tick { fill: #5a6478; font-size: 13px; text-anchor: middle }
.page { fill: #ffffff } .row { fill: #eef1f6 } .line { stroke: #c9d0dc }
.f0 { fill: #6fa8ff } .f1 { fill: #ffb765 } .f2 { fill: #66cf9f } .f3 { fill: #f58fb0 }
@media (prefers-color-scheme: dark) {
text { fill: #eef1f8 } .note, .tick { fill: #a3adc2 } .number { fill: #10131c }
.page { fill: #10141f } .row { fill: #1a2130 } .line { stroke: #39435a }
}
";

/// The plot of `timeline`.
pub fn svg(timeline: &Timeline) -> String {
    let count = timeline.frames.len();
    let first = (count.saturating_sub(SHOWN)) / 2;
    let shown = &timeline.frames[first..count.min(first + SHOWN)];
    let (Some(begin), Some(end)) = (shown.first(), shown.last()) else { return String::new() };
    let axis = Axis { from: begin.step.from, to: end.draw.to };

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {WIDTH} {HEIGHT}\">\n<style>\n{STYLE}</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n"
    );
    heading(&mut svg, timeline, first, shown.len());
    axis.draw(&mut svg);
    let rows = ["step", "copy", "draw"];
    for (row, name) in rows.into_iter().enumerate() {
        let y = TOP + row as f64 * APART;
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<text x=\"24\" y=\"{:.1}\">{name}</text>\n\
             <rect class=\"row\" x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"4\"/>\n",
            y + BAR / 2.0 + 5.0,
            RIGHT - LEFT
        );
        // The frames before and after the shown ones are drawn too, as far as they reach into the plot.
        for (index, frame) in timeline.frames.iter().enumerate() {
            axis.bar(&mut svg, y, index, [frame.step, frame.copy, frame.draw][row]);
        }
    }
    svg += "</svg>\n";
    svg
}

/// The title, and the figures of the whole film.
fn heading(svg: &mut String, timeline: &Timeline, first: usize, shown: usize) {
    let [steps, copies, drawings] = timeline.parts().map(|part| part.as_secs_f64());
    let count = timeline.frames.len();
    let _ = write!(
        svg,
        "<text class=\"title\" x=\"24\" y=\"34\">Frames {} to {} of {count}: one is drawn while the next come down and are computed</text>\n\
         <text class=\"note\" x=\"24\" y=\"58\">The whole film: {:.2} s on {} for steps of {steps:.2} s, copies of {copies:.2} s and \
         drawing of {drawings:.2} s (together {:.2} times the whole)</text>\n\
         <text class=\"note\" x=\"24\" y=\"{:.0}\">step: as the device's clock shows; copy: from the end of the step, or the start of the download \
         if later, until its task was awake</text>\n",
        first + 1,
        first + shown,
        timeline.total().as_secs_f64(),
        timeline.backend,
        timeline.overlap(),
        HEIGHT - 18.0,
    );
}

/// The mapping from time to pixels.
struct Axis {
    from: Duration,
    to: Duration,
}

impl Axis {
    fn place(&self, time: Duration) -> f64 {
        let since = time.as_secs_f64() - self.from.as_secs_f64();
        let length = (self.to - self.from).as_secs_f64().max(1e-9);
        (LEFT + since / length * (RIGHT - LEFT)).clamp(LEFT, RIGHT)
    }

    /// Lines at round times, in milliseconds.
    fn draw(&self, svg: &mut String) {
        let length = (self.to - self.from).as_secs_f64() * 1e3;
        let step = round(length / 8.0);
        let mut time = 0.0;
        while time <= length {
            let x = LEFT + time / length.max(1e-6) * (RIGHT - LEFT);
            let unit = if time == 0.0 { " ms" } else { "" };
            let _ = write!(
                svg,
                "<line class=\"line\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\n\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\">{}{unit}</text>\n",
                TOP - 8.0,
                SCALE - 8.0,
                SCALE + 12.0,
                (time * 1e3).round() / 1e3,
            );
            time += step;
        }
    }

    /// Draws the bar of a frame in a row, with its number if there is room.
    fn bar(&self, svg: &mut String, y: f64, index: usize, span: Span) {
        let (left, right) = (self.place(span.from), self.place(span.to));
        // A bar that reaches in by less than a pixel is left out.
        if right < LEFT + 1.0 || left > RIGHT - 1.0 {
            return;
        }
        // Bars that touch have a gap between them, and every bar is at least a line.
        let width = (right - left - 1.0).max(1.0);
        let _ = writeln!(
            svg,
            "<rect class=\"f{}\" x=\"{left:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"{:.1}\"/>",
            index % 4,
            (width / 4.0).min(4.0)
        );
        let number = (index + 1).to_string();
        if width > 10.0 * number.len() as f64 + 4.0 {
            let (x, y) = (left + width / 2.0, y + BAR / 2.0 + 5.0);
            let _ = writeln!(svg, "<text class=\"number\" x=\"{x:.1}\" y=\"{y:.1}\">{number}</text>");
        }
    }
}

/// The least of 1, 2 and 5 times a power of ten that is at least `least`.
fn round(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-6).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power).find(|&step| step >= least).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::FrameSpans;
    use roxmltree::Document;

    /// Frames of 20 ms, each drawn while the next one is computed.
    fn timeline(frames: u64) -> Timeline {
        let span = |from, to| Span { from: Duration::from_millis(from), to: Duration::from_millis(to) };
        let frame = |index: u64| {
            let from = 20 * index;
            FrameSpans {
                step: span(from, from + 20),
                copy: span(from + 20, from + 22),
                draw: span(from + 22, from + 40),
            }
        };
        Timeline { backend: "host", frames: (0..frames).map(frame).collect() }
    }

    #[test]
    fn plots_are_well_formed() {
        for frames in [1, 2, 8, 9, 500] {
            let svg = svg(&timeline(frames));
            let plot = Document::parse(&svg).unwrap();
            let [width, height] = ["width", "height"].map(|name| plot.root_element().attribute(name));
            assert_eq!((width, height), (Some("960"), Some("330")));
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn bars_are_where_their_times_are() {
        let svg = svg(&timeline(500));
        // Frames 247 to 254 begin at 4,920 ms and end at 5,100 ms: 180 ms on 826 pixels.
        assert!(svg.contains("Frames 247 to 254 of 500"), "{svg}");
        let step =
            format!("<rect class=\"f2\" x=\"{LEFT:.1}\" y=\"{TOP}\" width=\"{:.1}\"", 826.0 / 9.0 - 1.0);
        assert!(svg.contains(&step), "no {step} in {svg}");
        let copy = format!("<rect class=\"f2\" x=\"{:.1}\" y=\"{}\"", LEFT + 826.0 / 9.0, TOP + APART);
        assert!(svg.contains(&copy), "no {copy} in {svg}");
    }

    #[test]
    fn nothing_is_drawn_outside_the_plot() {
        let svg = svg(&timeline(500));
        let bars = svg.lines().filter(|line| line.starts_with("<rect class=\"f"));
        let number = |line: &str, key| -> f64 {
            let rest = line.split(&format!(" {key}=\"")).nth(1).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        let ends: Vec<[f64; 2]> =
            bars.map(|bar| [number(bar, "x"), number(bar, "x") + number(bar, "width")]).collect();
        assert!(ends.len() >= 3 * SHOWN && ends.iter().all(|end| end[0] >= LEFT && end[1] <= RIGHT + 0.1));
    }

    #[test]
    fn scales_are_round() {
        assert_eq!([0.7, 1.0, 3.0, 7.0, 30.0].map(round), [1.0, 1.0, 5.0, 10.0, 50.0]);
    }
}
