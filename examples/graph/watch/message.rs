//! The messages to a page, as bytes in little-endian order. Each begins with its kind.
//!
//! A graph is the kind 1, the numbers of nodes and of edges as `u32`, the ends of the edges as `u32`, and a
//! byte per node: its shade, and 16 times the size of its degree in bits. A frame is the kind 2, the length
//! of a JSON text as `u32`, that text, filled up with spaces to a multiple of 4, and two `u16` per node:
//! where it is in the box of the text.

use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use tungstenite::Bytes;

use crate::{graph::Graph, grid::bounds, layout::frames::Shown, picture::shades};

/// More edges make a page slow and a picture grey. Then every second is left out, or more.
const EDGES: usize = 400_000;

pub fn graph(graph: &Graph) -> Bytes {
    let edges = &graph.network.edges;
    let shown = edges.iter().step_by(edges.len().div_ceil(EDGES).max(1));
    let shades = shades(&graph.depth);
    let mut bytes = Vec::with_capacity(12 + 8 * shown.len() + shades.len());
    for number in [1, shades.len(), shown.len()] {
        bytes.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    }
    shown.flatten().for_each(|node| bytes.extend(node.to_le_bytes()));
    bytes.extend(shades.iter().enumerate().map(|(node, &shade)| {
        let size = (u32::BITS - graph.adjacency().degree(node).leading_zeros()).min(15);
        u8::try_from(16 * size).unwrap_or(0) | u8::try_from(shade).unwrap_or(0)
    }));
    bytes.into()
}

pub fn frame(shown: &Shown, backend: &str, steps: u32) -> Bytes {
    let Shown { step, positions, since, stats } = shown;
    let a_box = bounds(positions).map(|side| if side.is_finite() { side } else { 0.0 });
    // The page has a clock of this machine, but not this one.
    let time = SystemTime::now().checked_sub(since.elapsed()).unwrap_or(UNIX_EPOCH);
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3;
    let mut text = format!(
        "{{\"step\":{step},\"steps\":{steps},\"backend\":\"{backend}\",\"time\":{time:.3},\"box\":{a_box:?}"
    );
    for (name, number) in [
        ("live", stats.live_bytes),
        ("peak", stats.peak_bytes),
        ("pinned", stats.pinned_bytes),
        ("limit", stats.limit_bytes),
        ("inPlace", stats.grown_in_place),
        ("byCopy", stats.grown_by_copy),
    ] {
        // Writing to a string cannot fail.
        let _ = write!(text, ",\"{name}\":{number}");
    }
    text.push('}');
    while text.len() % 4 != 0 {
        text.push(' ');
    }
    let mut bytes = Vec::with_capacity(8 + text.len() + 4 * positions.len());
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(text.as_bytes());
    let [left, top, right, bottom] = a_box;
    let scale = [right - left, bottom - top].map(|size| f32::from(u16::MAX) / size.max(1e-3));
    for &[x, y] in positions.iter() {
        for place in [(x - left) * scale[0], (y - top) * scale[1]] {
            bytes.extend(rounded(place).to_le_bytes());
        }
    }
    bytes.into()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
fn rounded(place: f32) -> u16 {
    (place + 0.5) as u16
}
