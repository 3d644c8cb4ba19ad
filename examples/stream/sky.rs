//! A frame as a picture: the number of stars on each pixel, in two colours.
//!
//! Each star is a short streak along its velocity, as on film that was exposed for the time of a frame. So a
//! frame needs the positions and the velocities of the same moment.

/// The part of space that the picture shows, in units of length.
const BREADTH: f32 = 8.0;
/// The height of the picture, as a fraction of its width.
const ASPECT: f32 = 0.625;
/// Points per streak.
const POINTS: usize = 4;
/// The number of shades of each galaxy. The pairs of both galaxies' shades make the 256 colours of a palette.
const SHADES: usize = 16;
/// A pixel that is this much brighter than a typical one has the brightest shade.
const BRIGHTEST: f32 = 120.0;
/// A lower value shows faint parts better.
const FAINTEST: f32 = 0.6;
/// The brightest colours of the two galaxies.
const LIGHTS: [[f32; 3]; 2] = [[255.0, 196.0, 120.0], [120.0, 190.0, 255.0]];
/// The background of the stars.
const NIGHT: [f32; 3] = [8.0, 9.0, 20.0];

/// Draws frames.
pub struct Sky {
    width: usize,
    height: usize,
    frame_time: f32,
    /// The light that each point of a star adds to its pixel.
    light: f32,
    /// The light of each galaxy on each pixel.
    exposed: [Vec<f32>; 2],
    /// Scratch memory, to smooth the light.
    smooth: Vec<f32>,
}

impl Sky {
    /// A sky of `width` pixels, for `stars` stars.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand pixels")]
    pub fn new(width: u32, stars: u32, frame_time: f32) -> Self {
        let height = (width as f32 * ASPECT) as usize;
        let width = width as usize;
        let pixels = width * height;
        Sky {
            width,
            height,
            frame_time,
            light: pixels as f32 / (stars as f32 * POINTS as f32),
            exposed: [vec![0.0; pixels], vec![0.0; pixels]],
            smooth: vec![0.0; pixels],
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// Draws a frame: for each pixel its colour in the palette, row by row. The first half of the stars
    /// belongs to the first galaxy.
    pub fn draw(&mut self, positions: &[[f32; 2]], velocities: &[[f32; 2]]) -> Vec<u8> {
        let (first, second) = (0..positions.len() / 2, positions.len() / 2..positions.len());
        for (galaxy, stars) in [first, second].into_iter().enumerate() {
            self.expose(galaxy, &positions[stars.clone()], &velocities[stars]);
            self.blur(galaxy);
        }
        let shade =
            |light: &f32| ((light / FAINTEST + 1.0).ln() / (BRIGHTEST / FAINTEST + 1.0).ln()).min(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 15")]
        let shade = |light| (shade(light) * (SHADES - 1) as f32).round() as u8;
        let [first, second] = &self.exposed;
        first.iter().zip(second).map(|(first, second)| shade(first) * 16 + shade(second)).collect()
    }

    /// Draws the streaks of a galaxy's stars.
    fn expose(&mut self, galaxy: usize, positions: &[[f32; 2]], velocities: &[[f32; 2]]) {
        let scale = self.width as f32 / BREADTH;
        let (middle, light) = ([self.width as f32 / 2.0, self.height as f32 / 2.0], self.light);
        let exposed = &mut self.exposed[galaxy];
        exposed.fill(0.0);
        for (&[x, y], &[vx, vy]) in positions.iter().zip(velocities) {
            let [mut x, mut y] = [middle[0] + x * scale, middle[1] - y * scale];
            let step = self.frame_time * scale / POINTS as f32;
            for _ in 0..POINTS {
                // Negative numbers fail this check too, and so does NaN.
                if x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32 {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a pixel")]
                    let pixel = y as usize * self.width + x as usize;
                    exposed[pixel] += light;
                }
                // Back towards the place of the star one frame ago.
                (x, y) = (x - vx * step, y + vy * step);
            }
        }
    }

    /// Spreads the light a little, so that a pixel depends less on chance.
    fn blur(&mut self, galaxy: usize) {
        let (exposed, smooth) = (&mut self.exposed[galaxy], &mut self.smooth);
        blur(exposed, smooth, 1);
        blur(smooth, exposed, self.width);
    }
}

/// Each value becomes the weighted mean of itself and the two values `apart` from it. Values beyond the edge
/// of a row are dark enough not to matter.
fn blur(from: &[f32], to: &mut [f32], apart: usize) {
    to.fill(0.0);
    let inner = apart..from.len() - apart;
    for at in inner {
        to[at] = 0.25 * from[at - apart] + 0.5 * from[at] + 0.25 * from[at + apart];
    }
}

/// The colours, each as red, green and blue. The index of a colour is the first galaxy's shade times 16, plus
/// the second galaxy's shade.
pub fn palette() -> Vec<u8> {
    let colour = |shades: [usize; 2]| {
        let strengths = shades.map(|shade| shade as f32 / (SHADES - 1) as f32);
        [0, 1, 2].map(|channel| {
            let added: f32 = (0..2)
                .map(|galaxy| {
                    // Bright parts turn white.
                    let colour = LIGHTS[galaxy][channel];
                    let strength = strengths[galaxy];
                    strength.powf(1.3) * (colour + (255.0 - colour) * strength.powi(3))
                })
                .sum();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 255")]
            let value = (NIGHT[channel] + added).min(255.0) as u8;
            value
        })
    };
    (0..SHADES * SHADES).flat_map(|index| colour([index / SHADES, index % SHADES])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lit(picture: &[u8]) -> Vec<[usize; 2]> {
        let lit = picture.iter().enumerate().filter(|&(_, &colour)| colour != 0);
        lit.map(|(pixel, _)| [pixel % 160, pixel / 160]).collect()
    }

    #[test]
    fn a_star_is_where_it_should_be_and_in_its_colour() {
        let mut sky = Sky::new(160, 2, 1.0);
        let picture = sky.draw(&[[0.0, 0.0], [100.0, 0.0]], &[[0.0; 2]; 2]);
        let lit = lit(&picture);
        assert!(lit.contains(&[80, 50]) && lit.iter().all(|[x, y]| x.abs_diff(80) < 2 && y.abs_diff(50) < 2));
        assert!(picture.iter().all(|colour| colour % 16 == 0));
        let picture = sky.draw(&[[100.0, 0.0], [0.0, 1.0]], &[[0.0; 2]; 2]);
        assert!(picture.iter().all(|&colour| colour < 16) && picture.iter().any(|&colour| colour > 0));
        // Up in space is up in the picture.
        assert!(self::lit(&picture).iter().all(|&[_, y]| y < 50));
    }

    #[test]
    fn a_star_is_a_streak_behind_it() {
        let mut sky = Sky::new(160, 2, 1.0);
        let lit = lit(&sky.draw(&[[0.0, 0.0], [100.0, 0.0]], &[[1.0, 0.0], [0.0; 2]]));
        assert!(lit.iter().any(|&[x, _]| x < 70) && lit.iter().all(|&[x, _]| x < 83), "{lit:?}");
    }

    #[test]
    fn stars_that_are_nowhere_do_no_harm() {
        let mut sky = Sky::new(160, 4, 1.0);
        let nowhere = [[f32::NAN, 0.0], [f32::INFINITY, 1.0], [-1e30, 0.0], [0.0, 1e30]];
        assert!(sky.draw(&nowhere, &[[f32::NAN; 2]; 4]).iter().all(|&colour| colour == 0));
    }

    #[test]
    fn the_palette_goes_from_night_to_white() {
        let palette = palette();
        assert_eq!((palette.len(), &palette[..3], &palette[765..]), (768, &[8, 9, 20][..], &[255; 3][..]));
    }
}
