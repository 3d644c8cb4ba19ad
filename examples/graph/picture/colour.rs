//! The colours of a picture.

/// The number of colours of nodes.
pub const SHADES: usize = 16;
pub const BACKGROUND: &str = "#0d1220";
pub const TEXT: &str = "#f3f5fa";

/// Colours to blend between, bright enough for the background.
const STOPS: [[f32; 3]; 5] = [
    [86.0, 110.0, 255.0],
    [45.0, 190.0, 225.0],
    [120.0, 222.0, 140.0],
    [255.0, 200.0, 87.0],
    [255.0, 99.0, 132.0],
];

/// The shade of each node. All shades have equally many nodes, whatever the spread of `values`.
pub fn shades(values: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut shades = vec![0; values.len()];
    for (rank, &node) in order.iter().enumerate() {
        shades[node] = rank * SHADES / values.len();
    }
    shades
}

/// A shade in the notation of SVG.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "colours are from 0 to 255, stops a few"
)]
pub fn of(shade: usize) -> String {
    let at = shade as f32 / (SHADES - 1) as f32 * (STOPS.len() - 1) as f32;
    let stop = (at as usize).min(STOPS.len() - 2);
    let part = at - stop as f32;
    let [r, g, b] = [0, 1, 2].map(|c| (STOPS[stop][c] * (1.0 - part) + STOPS[stop + 1][c] * part) as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_are_used_equally() {
        let values: Vec<f32> = (0..SHADES * 3).map(|i| (i as f32).exp2()).rev().collect();
        let shades = shades(&values);
        assert_eq!(shades.iter().filter(|&&shade| shade == 0).count(), 3);
        assert_eq!((shades[0], shades[values.len() - 1]), (SHADES - 1, 0));
    }

    #[test]
    fn the_ends_of_the_scale_are_its_stops() {
        assert_eq!((of(0).as_str(), of(SHADES - 1).as_str()), ("#566eff", "#ff6384"));
    }
}
