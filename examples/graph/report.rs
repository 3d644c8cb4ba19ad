//! The report at the end.

use std::fmt;

use crate::{graph::Graph, input::network::Network, layout::Outcome};

/// Prints the result. The figures are counts of the device and times of the clock.
pub fn tell(graph: &Graph, outcome: &Outcome) {
    let Network { merged, loops, .. } = graph.network;
    if merged + loops > 0 {
        println!("left out: {merged} that repeat an edge, {loops} from a node to itself");
    }
    if let Some(lengths) = EdgeLengths::of(graph) {
        println!("edges: {lengths}; nodes moved {:.4} in the last step", outcome.movement);
    }
    let (nodes, edges) = (graph.positions.len(), graph.network.edges.len());
    let Outcome { backend, steps, duration, stats, .. } = outcome;
    println!(
        "graph: {nodes} nodes, {edges} edges, {steps} steps on {backend} in {:.2} s, {:.1} steps a second",
        duration.as_secs_f64(),
        f64::from(*steps) / outcome.stepping.as_secs_f64()
    );
    if outcome.batches > 0 {
        println!(
            "growth: {} batches; buffers grew {} times in place and {} times by a copy",
            outcome.batches, stats.grown_in_place, stats.grown_by_copy
        );
    }
    // After a leak, `lay_out` would have returned an error that lists it.
    println!(
        "memory: {} live at most, {} resizes, {} async downloads, no leaks",
        human_bytes(stats.peak_bytes),
        stats.resizes,
        stats.async_downloads
    );
}

/// The lengths of all edges.
#[derive(Debug)]
pub struct EdgeLengths {
    pub mean: f32,
    pub median: f32,
    /// The standard deviation.
    pub spread: f32,
}

impl EdgeLengths {
    /// Measures the edges of `graph`. `None` if it has none.
    pub fn of(graph: &Graph) -> Option<Self> {
        let length = |&[a, b]: &[u32; 2]| {
            let ([ax, ay], [bx, by]) = (graph.positions[a as usize], graph.positions[b as usize]);
            (bx - ax).hypot(by - ay)
        };
        let mut lengths: Vec<f32> = graph.network.edges.iter().map(length).collect();
        lengths.sort_by(f32::total_cmp);
        let median = *lengths.get(lengths.len() / 2)?;
        let count = lengths.len() as f32;
        let mean = lengths.iter().sum::<f32>() / count;
        let spread = (lengths.iter().map(|length| (length - mean).powi(2)).sum::<f32>() / count).sqrt();
        Some(EdgeLengths { mean, median, spread })
    }
}

impl fmt::Display for EdgeLengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mean length {:.3}, median {:.3}, spread {:.3}", self.mean, self.median, self.spread)
    }
}

/// A number of bytes in a readable unit, with one decimal.
fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::network::Network;

    #[test]
    fn edge_lengths() {
        let network = Network::new(4, vec![], vec![[0, 1], [1, 2], [2, 3]]);
        let positions = vec![[0.0, 0.0], [3.0, 4.0], [3.0, 5.0], [3.0, 8.0]];
        let lengths = EdgeLengths::of(&Graph { network, positions, ..Graph::default() }).unwrap();
        assert_eq!(lengths.to_string(), "mean length 3.000, median 3.000, spread 1.633");
        assert!(EdgeLengths::of(&Graph::default()).is_none());
    }

    #[test]
    fn bytes_are_readable() {
        assert_eq!(
            [0, 422_400, 1_048_575, 3 << 30].map(human_bytes),
            ["0.0 KiB", "412.5 KiB", "1.0 MiB", "3.0 GiB"]
        );
    }
}
