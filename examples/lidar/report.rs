//! The text that the program prints for a tile.

use std::time::Duration;

use crate::{compare::ratio, pipeline::Outcome, tile::chunks::Plan};

/// The times of the parts of a run.
pub struct Times {
    pub read: Duration,
    pub sorted: Duration,
    pub written: Duration,
}

/// The summary of a tile.
pub fn tile(plan: &Plan, backend: &str, times: &Times, outcome: &Outcome) {
    let points = plan.tile.len();
    head(plan, backend);
    let whole = times.read + times.sorted + times.written;
    println!(
        "  read in {:.2} s, sorted in {:.2} s, computed and written in {:.2} s: {:.0} points a second",
        times.read.as_secs_f64(),
        times.sorted.as_secs_f64(),
        times.written.as_secs_f64(),
        rate(points, whole)
    );
    device(outcome);
}

/// The summary of a comparison.
pub fn compared(plan: &Plan, backend: &str, naive: &Outcome, pipelined: &Outcome) {
    let points = plan.tile.len();
    head(plan, backend);
    for (name, outcome) in [("one by one", naive), ("pipeline", pipelined)] {
        println!(
            "  {name}: {:.4} s, {:.0} points a second",
            outcome.duration.as_secs_f64(),
            rate(points, outcome.duration)
        );
        device(outcome);
    }
    let faster = ratio(naive.duration, pipelined.duration);
    println!("  the pipeline is {faster:.2} times as fast, and the features are the same to the bit");
}

fn head(plan: &Plan, backend: &str) {
    println!(
        "{}: {} points, radius {:.3}, {} chunks of at most {} points, on {backend}",
        plan.tile.path.display(),
        plan.tile.len(),
        plan.radius,
        plan.count,
        plan.largest.points,
    );
}

fn device(outcome: &Outcome) {
    println!("  {}", outcome.overlap);
    println!(
        "  memory: at most {:.1} MiB in buffers; {} of {} blocks reused ({:.1} %), {} calls of the driver for memory since the \
         first chunk; {} downloads",
        outcome.peak_bytes as f64 / f64::from(1 << 20),
        outcome.reused,
        outcome.allocations,
        100.0 * outcome.reused as f64 / outcome.allocations.max(1) as f64,
        outcome.driver_calls,
        outcome.downloads,
    );
}

fn rate(points: u64, time: Duration) -> f64 {
    points as f64 / time.as_secs_f64().max(1e-9)
}
