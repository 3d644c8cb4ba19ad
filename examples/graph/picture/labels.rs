//! The names of the largest nodes, each at a place that covers neither another name nor another large node.

use super::{colour, tenths};

/// The most names in one picture.
const MOST: usize = 60;
/// Longer names are cut.
const LONGEST: usize = 28;
/// Sizes of the first and of the last name, in pixels.
const SIZES: [f32; 2] = [30.0, 14.0];
/// PNGs are drawn with `Ubuntu`. A browser takes the first font that it has.
const FONTS: &str = "Ubuntu, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/// A node as drawn.
#[derive(Clone, Copy)]
pub struct Disc {
    pub at: [f32; 2],
    pub radius: f32,
}

/// Left, top, right, bottom.
#[derive(Clone, Copy)]
struct Rect([f32; 4]);

impl Rect {
    fn overlaps(&self, other: &Rect) -> bool {
        let ([a, b, c, d], [left, top, right, bottom]) = (self.0, other.0);
        a < right && left < c && b < bottom && top < d
    }

    fn is_inside(&self, [width, height]: [f32; 2]) -> bool {
        let [left, top, right, bottom] = self.0;
        left > 0.0 && top > 0.0 && right < width && bottom < height
    }
}

/// Writes as many names as fit, those of the largest nodes first.
pub fn draw(svg: &mut String, names: &[String], discs: &[Disc], picture: [f32; 2]) {
    let mut order: Vec<usize> = (0..discs.len()).collect();
    order.sort_by(|&a, &b| discs[b].radius.total_cmp(&discs[a].radius));
    let most = MOST.min(order.len());
    // Only large nodes keep names away. In a crowd every name covers some small node.
    let mut taken: Vec<Rect> = order.iter().take(2 * most).map(|&node| around(discs[node])).collect();

    *svg += &format!(
        "<g font-family=\"{FONTS}\" fill=\"{}\" paint-order=\"stroke\" \
         stroke=\"{}\" stroke-linejoin=\"round\">\n",
        colour::TEXT,
        colour::BACKGROUND
    );
    for (rank, &node) in order.iter().take(most).enumerate() {
        let size = SIZES[0] + (SIZES[1] - SIZES[0]) * (rank as f32 / MOST as f32).sqrt();
        let name = shown(&names[node]);
        let Some(spot) = place(discs[node], &name, size, &taken, picture) else { continue };
        taken.push(spot.covers);
        let [x, y] = spot.at.map(tenths);
        *svg += &format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{}\" font-size=\"{}\" stroke-width=\"{}\">{}</text>\n",
            spot.anchor,
            tenths(size),
            tenths(size / 5.0),
            escaped(&name)
        );
    }
    *svg += "</g>\n";
}

/// The square around a node.
fn around(Disc { at: [x, y], radius }: Disc) -> Rect {
    Rect([x - radius, y - radius, x + radius, y + radius])
}

/// The place of a name.
struct Spot {
    /// The start, the end or the middle of its baseline.
    at: [f32; 2],
    anchor: &'static str,
    covers: Rect,
}

/// The first place beside a node at which its name covers nothing that is taken.
fn place(disc: Disc, name: &str, size: f32, taken: &[Rect], picture: [f32; 2]) -> Option<Spot> {
    let Disc { at: [x, y], radius } = disc;
    // An estimate without the font: letters are about half as wide as high.
    let width = 0.54 * size * name.chars().count() as f32;
    let gap = radius + 4.0;
    let (middle, below) = (y + 0.35 * size, y + gap + 0.75 * size);
    let (left, right) = (("end", x - gap), ("start", x + gap));
    let spots = [
        (("middle", x), y - gap),
        (("middle", x), below),
        (right, middle),
        (left, middle),
        (right, y - radius),
        (left, y - radius),
        (right, below),
        (left, below),
    ];
    spots.into_iter().find_map(|((anchor, x), y)| {
        let start = match anchor {
            "start" => x,
            "end" => x - width,
            _ => x - width / 2.0,
        };
        let covers = Rect([start, y - 0.8 * size, start + width, y + 0.22 * size]);
        let free = covers.is_inside(picture) && !taken.iter().any(|other| covers.overlaps(other));
        free.then_some(Spot { at: [x, y], anchor, covers })
    })
}

/// A name as it is drawn: not too long, and without characters that XML does not allow.
fn shown(name: &str) -> String {
    let clean = |c: char| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c };
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => name[..end].chars().map(clean).chain(['…']).collect(),
        None => name.chars().map(clean).collect(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: [f32; 2] = [400.0, 300.0];

    fn drawn(names: &[&str], discs: &[Disc]) -> String {
        let mut svg = String::new();
        draw(&mut svg, &names.iter().map(ToString::to_string).collect::<Vec<_>>(), discs, PICTURE);
        svg
    }

    #[test]
    fn the_largest_comes_first_and_overlapping_names_give_way() {
        let at = |x, radius| Disc { at: [x, 150.0], radius };
        // Nine nodes at one place have room for fewer names.
        let discs: Vec<Disc> = (0_u8..9).map(|i| at(200.0, 10.0 + f32::from(i))).collect();
        let svg = drawn(&["a long name"; 9], &discs);
        let count = svg.matches("<text").count();
        assert!((1..9).contains(&count), "{count} names");
        let svg = drawn(&["small", "large"], &[at(100.0, 5.0), at(300.0, 9.0)]);
        assert!(svg.find("large") < svg.find("small"));
    }

    #[test]
    fn names_stay_inside_the_picture() {
        let svg = drawn(&["at the very edge of it"], &[Disc { at: [1.0, 150.0], radius: 1.0 }]);
        let x: f32 =
            svg.split("x=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().parse().unwrap();
        assert!(x > 10.0);
    }

    #[test]
    fn names_are_text_not_markup() {
        let svg = drawn(&["<a & b>\u{7}"], &[Disc { at: [200.0, 150.0], radius: 5.0 }]);
        assert!(svg.contains("&lt;a &amp; b&gt;\u{fffd}</text>"));
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shown(&"ä".repeat(50)).chars().count(), LONGEST + 1);
    }
}
