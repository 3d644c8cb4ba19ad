//! Draws a layout as SVG: edges below nodes, small nodes below large ones, names on top.
//!
//! Everything that looks alike goes into one path, so that a hundred thousand edges make a file of a few
//! megabytes. An edge is `M x y l dx dy`. A node is a line without length, whose round ends make it a dot.
//! Coordinates are whole numbers, in tenths of a pixel.

mod colour;
mod labels;
pub mod output;
#[cfg(feature = "png")]
mod png;

use std::fmt::Write;

use crate::{
    graph::Graph,
    grid::bounds,
    input::network::{Adjacency, Network},
};
use colour::{BACKGROUND, SHADES};
use labels::Disc;

#[cfg(feature = "watch")]
pub use colour::shades;
#[cfg(feature = "png")]
pub use png::png;

const WIDTH: f32 = 1600.0;
const MARGIN: f32 = 60.0;
/// Layers of edges. Where edges cross, their opacities add up if they are in different layers, but not in
/// one path.
const LAYERS: usize = 6;

/// All colours of nodes, in the notation of SVG and CSS.
#[cfg(feature = "watch")]
pub fn palette() -> [String; SHADES] {
    std::array::from_fn(colour::of)
}

/// The picture of `graph`.
pub fn svg(graph: &Graph) -> String {
    let Graph { network, positions, depth, .. } = graph;
    let canvas = Canvas::around(positions);
    let points: Vec<[f32; 2]> = positions.iter().map(|&position| canvas.place(position)).collect();
    let shades = colour::shades(depth);
    let spacing = (canvas.width * canvas.height / points.len() as f32).sqrt();

    let mut svg = String::new();
    let [width, height] = [canvas.width, canvas.height];
    svg += &format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {:.0} {:.0}\">\n<rect width=\"100%\" height=\"100%\" fill=\"{BACKGROUND}\"/>\n",
        width * 10.0,
        height * 10.0
    );
    edges(&mut svg, network, &points, &shades, spacing, width * height);
    let radii = radii(graph.adjacency(), spacing);
    dots(&mut svg, &points, &radii, &shades);
    if !network.names.is_empty() {
        let discs: Vec<Disc> = points.iter().zip(&radii).map(|(&at, &radius)| Disc { at, radius }).collect();
        labels::draw(&mut svg, &network.names, &discs, [width, height]);
    }
    svg += "</svg>\n";
    svg
}

/// The mapping from layout units to pixels.
struct Canvas {
    low: [f32; 2],
    scale: f32,
    shift: [f32; 2],
    width: f32,
    height: f32,
}

impl Canvas {
    /// Fits all positions into the picture. Its height is the height that they need, between half its width
    /// and its width.
    fn around(positions: &[[f32; 2]]) -> Self {
        let [left, top, right, bottom] = bounds(positions);
        let (low, size) = ([left, top], [right - left, bottom - top].map(|size| size.max(1e-3)));
        let room = WIDTH - 2.0 * MARGIN;
        let height = (size[1] / size[0] * room + 2.0 * MARGIN).clamp(WIDTH / 2.0, WIDTH).round();
        let scale = (room / size[0]).min((height - 2.0 * MARGIN) / size[1]);
        let shift = [(WIDTH - size[0] * scale) / 2.0, (height - size[1] * scale) / 2.0];
        Canvas { low, scale, shift, width: WIDTH, height }
    }

    fn place(&self, position: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|axis| (position[axis] - self.low[axis]) * self.scale + self.shift[axis])
    }
}

/// A number of pixels in the picture's units.
#[expect(clippy::cast_possible_truncation, reason = "pixels of a picture fit")]
fn tenths(pixels: f32) -> i32 {
    (pixels * 10.0).round() as i32
}

/// Draws one path per shade and layer. The more edges there are, the finer and fainter they are.
fn edges(
    svg: &mut String,
    network: &Network,
    points: &[[f32; 2]],
    shades: &[usize],
    spacing: f32,
    area: f32,
) {
    let mut paths = vec![String::new(); LAYERS * SHADES];
    let mut total = 0.0;
    for (count, &[a, b]) in network.edges.iter().enumerate() {
        let [a, b] = [a as usize, b as usize];
        let [from, to] = [points[a], points[b]];
        total += (to[0] - from[0]).hypot(to[1] - from[1]);
        let [x, y] = from.map(tenths);
        let path = &mut paths[count % LAYERS * SHADES + (shades[a] + shades[b]) / 2];
        // Writing to a string cannot fail.
        let _ = write!(path, "M{x} {y}l{} {}", tenths(to[0]) - x, tenths(to[1]) - y);
    }
    let width = (0.05 * spacing).clamp(0.5, 1.5);
    let opacity = (0.45 * area / (width * total).max(1.0)).clamp(0.06, 0.6);
    *svg +=
        &format!("<g fill=\"none\" stroke-width=\"{}\" stroke-opacity=\"{opacity:.2}\">\n", tenths(width));
    for (index, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        *svg += &format!("<path stroke=\"{}\" d=\"{path}\"/>\n", colour::of(index % SHADES));
    }
    *svg += "</g>\n";
}

/// The size of each node, by its degree, around a mean that leaves room between the nodes.
fn radii(adjacency: Adjacency<'_>, spacing: f32) -> Vec<f32> {
    let nodes = adjacency.nodes();
    let mean = (adjacency.neighbours.len() as f32 / nodes as f32).max(1.0);
    let radius = |node| 0.08 * spacing * (adjacency.degree(node).max(1) as f32 / mean).sqrt();
    (0..nodes).map(|node| radius(node).clamp(0.5, 18.0)).collect()
}

/// Draws one path per shade and size. Large ones lie over a larger path in the background's colour.
fn dots(svg: &mut String, points: &[[f32; 2]], radii: &[f32], shades: &[usize]) {
    let mut paths = std::collections::BTreeMap::<(i32, usize), String>::new();
    for ((point, &radius), &shade) in points.iter().zip(radii).zip(shades) {
        // Sizes are rounded to steps of a tenth of themselves.
        let size = tenths((10.0 * radius.ln()).round() / 10.0);
        let [x, y] = point.map(tenths);
        let path = paths.entry((size, shade)).or_default();
        let _ = write!(path, "M{x} {y}h0");
    }
    *svg += "<g fill=\"none\" stroke-linecap=\"round\">\n";
    for ((size, shade), path) in &paths {
        let width = tenths(2.0 * (*size as f32 / 10.0).exp());
        if width > 30 {
            *svg += &format!(
                "<path stroke=\"{BACKGROUND}\" stroke-width=\"{}\" d=\"{path}\"/>\n",
                width + width / 5 + 8
            );
        }
        *svg += &format!("<path stroke=\"{}\" stroke-width=\"{width}\" d=\"{path}\"/>\n", colour::of(*shade));
    }
    *svg += "</g>\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(positions: Vec<[f32; 2]>) -> String {
        let nodes = u32::try_from(positions.len()).unwrap();
        let names = positions.iter().map(|position| format!("{position:?}")).collect();
        let pairs = (1..nodes).map(|node| [node - 1, node]).collect();
        svg(&Graph { positions, ..Graph::new(Network::new(nodes, names, pairs), 1) })
    }

    #[test]
    fn every_node_and_edge_is_drawn_inside_the_margins() {
        let svg = picture(vec![[0.0, 0.0], [4.0, 1.0], [4.0, -1.0], [8.0, 0.0]]);
        let paths: Vec<&str> =
            svg.split(" d=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let count = |mark| paths.iter().map(|path| path.matches(mark).count()).sum::<usize>();
        // Each node is drawn twice: once larger, in the colour of the background.
        assert_eq!((count('l'), count('h')), (3, 8));
        let starts = paths.iter().flat_map(|path| path.split('M').skip(1));
        let columns: Vec<u32> =
            starts.map(|start| start.split(' ').next().unwrap().parse().unwrap()).collect();
        assert_eq!((columns.iter().min(), columns.iter().max()), (Some(&600), Some(&15_400)));
    }

    #[test]
    fn nodes_on_one_spot_make_a_picture_too() {
        let svg = picture(vec![[2.0, 2.0]; 3]);
        assert!(svg.contains("M8000 ") || svg.contains("M600 "), "{svg}");
        assert!(!svg.contains("NaN"));
    }
}
