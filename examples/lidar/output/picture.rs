//! The picture: the tile from an oblique angle. Each pixel shows the point that is nearest to the eye.
//!
//! Points are drawn as they come, chunk by chunk, so the picture needs no more memory for a larger tile.
//! Colours are those of the features: how high above the ground a point is, whether it lies on a plane, and
//! how green it is where the file has infrared.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places and colours are computed as floats, and a cast keeps them in range"
)]

use crate::{
    cloud::Columns,
    tile::chunks::{Chunk, Plan},
};

/// The picture is drawn with this many pixels per pixel of the file along each side.
pub const FINE: usize = 2;
/// The direction to the sun.
pub const SUN: [f32; 3] = [-0.62, 0.32, 0.72];
/// The angle by which the tile is turned, as sine and cosine, and the angle at which the eye looks down.
const TURN: [f32; 2] = [0.422_618_26, 0.906_307_8];
const LOOK: [f32; 2] = [0.669_130_6, 0.743_144_8];
/// The free share of the width, on both sides together.
const MARGIN: f32 = 0.04;
/// The cells of the raster of surfaces along its longer side.
const SURFACE: f32 = 1_024.0;

/// A pixel: the distance from the eye, in units, and what is there.
#[derive(Clone, Copy, Debug)]
pub struct Pixel {
    pub depth: f32,
    pub tint: [u8; 3],
    /// The share of the sun's light that the surface takes, from 0 to 255.
    pub light: u8,
}

impl Pixel {
    pub const EMPTY: Self = Self { depth: f32::INFINITY, tint: [0; 3], light: 0 };
}

/// Where points are on the picture.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Pixels per unit.
    pub zoom: f32,
    /// The place of the tile's lowest corner, in pixels.
    corner: [f32; 2],
}

impl View {
    /// The pixel and the depth of a position in units.
    pub fn project(self, [x, y, z]: [f32; 3]) -> ([f32; 2], f32) {
        let [across, away] = turned([x, y]);
        let up = away * LOOK[0] + z * LOOK[1];
        ([self.corner[0] + self.zoom * across, self.corner[1] - self.zoom * up], away * LOOK[1] - z * LOOK[0])
    }

    /// The position that has this pixel and depth.
    pub fn place(self, pixel: [f32; 2], depth: f32) -> [f32; 3] {
        let across = (pixel[0] - self.corner[0]) / self.zoom;
        let up = (self.corner[1] - pixel[1]) / self.zoom;
        let away = up * LOOK[0] + depth * LOOK[1];
        let z = up * LOOK[1] - depth * LOOK[0];
        [across * TURN[1] - away * TURN[0], across * TURN[0] + away * TURN[1], z]
    }
}

fn turned([x, y]: [f32; 2]) -> [f32; 2] {
    [x * TURN[1] + y * TURN[0], y * TURN[1] - x * TURN[0]]
}

/// The highest points of the cells of a raster, which throw shadows.
pub struct Surface {
    pub columns: usize,
    pub lines: usize,
    /// The width of a cell, in units.
    pub cell: f32,
    pub heights: Vec<f32>,
}

pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub view: View,
    pub pixels: Vec<Pixel>,
    pub surface: Surface,
    /// The width of the square that a point covers, in pixels.
    dot: f32,
    scale: [f32; 3],
    /// The height of the tile, and that of an object.
    depth: f32,
    object: f32,
}

impl Picture {
    /// A picture of `width` pixels. No building is wider than `widest`.
    pub fn new(plan: &Plan, width: u32, widest: f64) -> Self {
        let tile = &plan.tile;
        let (scale, extent) = (tile.scale().map(|scale| scale as f32), tile.extent());
        let size = [0, 1, 2].map(|axis| extent[axis] as f32 * scale[axis]);
        // The box around the tile, as the eye sees it.
        let corners = [[0.0, 0.0], [size[0], 0.0], [0.0, size[1]], [size[0], size[1]]].map(turned);
        let span = |axis: usize| {
            let along = corners.map(|corner| corner[axis]);
            [along.into_iter().fold(f32::MAX, f32::min), along.into_iter().fold(f32::MIN, f32::max)]
        };
        let ([left, right], [near, far]) = (span(0), span(1));
        let width = width as usize * FINE;
        let (low, high) = (near * LOOK[0], far * LOOK[0] + size[2] * LOOK[1]);
        // A tile that is far deeper than wide is drawn smaller.
        let across = (right - left).max((high - low) / 1.5).max(10.0 * scale[0]);
        let zoom = width as f32 * (1.0 - MARGIN) / across;
        let margin = width as f32 * MARGIN / 2.0;
        let height = ((high - low) * zoom + 2.0 * margin).ceil() as usize;
        let height = height.div_ceil(FINE) * FINE;
        let centre = (width as f32 - zoom * (right + left)) / 2.0;
        let view = View { zoom, corner: [centre, margin + zoom * high] };
        let cell = (size[0].max(size[1]) / SURFACE).max(scale[0]);
        let [columns, lines] = [0, 1].map(|axis| (size[axis] / cell) as usize + 1);
        let apart = (1.0 / (std::f64::consts::PI * plan.radius * plan.radius)).sqrt().recip() / 5.0;
        Self {
            width,
            height,
            view,
            pixels: vec![Pixel::EMPTY; width * height],
            surface: Surface { columns, lines, cell, heights: vec![f32::NEG_INFINITY; columns * lines] },
            dot: (zoom * apart as f32 * 1.5).clamp(2.0, 24.0),
            scale,
            depth: size[2].max(f32::MIN_POSITIVE),
            object: widest as f32 / 20.0,
        }
    }

    /// Draws a chunk.
    pub fn add(&mut self, chunk: &Chunk, features: Columns<'_>) {
        let own = &chunk.cloud.positions[chunk.step.first as usize..];
        let infrared = features.scalars[9];
        for (index, (position, normal)) in own.iter().zip(features.normals).enumerate() {
            let place = [0, 1, 2].map(|axis| position[axis] as f32 * self.scale[axis]);
            let [column, line] = [0, 1].map(|axis| (place[axis] / self.surface.cell) as usize);
            let cell = line.min(self.surface.lines - 1) * self.surface.columns
                + column.min(self.surface.columns - 1);
            self.surface.heights[cell] = self.surface.heights[cell].max(place[2]);
            let light: f32 = normal.iter().zip(SUN).map(|(normal, sun)| normal * sun).sum();
            let light = if light.is_nan() { SUN[2] } else { light.max(0.0) };
            let looks = Looks {
                height: features.height()[index] / self.object,
                planarity: features.planarity()[index],
                altitude: place[2] / self.depth,
                ndvi: infrared.get(index).copied(),
            };
            self.dot(place, Pixel { depth: 0.0, tint: looks.tint(), light: (255.0 * light) as u8 });
        }
    }

    fn dot(&mut self, place: [f32; 3], pixel: Pixel) {
        let ([x, y], depth) = self.view.project(place);
        let half = self.dot / 2.0;
        let pixel = Pixel { depth, ..pixel };
        let range = |at: f32, end: usize| {
            (at - half).round().max(0.0) as usize..((at + half).round().max(0.0) as usize).min(end)
        };
        for line in range(y, self.height) {
            for column in range(x, self.width) {
                let there = &mut self.pixels[line * self.width + column];
                if depth < there.depth {
                    *there = pixel;
                }
            }
        }
    }
}

/// The facts on which the colour of a point depends.
struct Looks {
    /// The height above the ground, in heights of an object.
    height: f32,
    planarity: f32,
    /// The height over the lowest point, as a share of the highest.
    altitude: f32,
    ndvi: Option<f32>,
}

impl Looks {
    fn tint(&self) -> [u8; 3] {
        const MEADOW: [f32; 3] = [148.0, 176.0, 96.0];
        const HEATH: [f32; 3] = [214.0, 199.0, 146.0];
        const SOIL: [f32; 3] = [196.0, 184.0, 164.0];
        const WATER: [f32; 3] = [72.0, 128.0, 168.0];
        const SHRUB: [f32; 3] = [104.0, 148.0, 72.0];
        const TREE: [f32; 3] = [58.0, 116.0, 74.0];
        const CROWN: [f32; 3] = [140.0, 184.0, 96.0];
        const ROOF: [f32; 3] = [206.0, 108.0, 78.0];
        let grass = mixed(MEADOW, HEATH, self.altitude);
        let ground = match self.ndvi {
            Some(ndvi) if ndvi < -0.05 => WATER,
            Some(ndvi) => mixed(SOIL, grass, (ndvi - 0.1) / 0.2),
            None => grass,
        };
        let leaves = self.ndvi.is_none_or(|ndvi| ndvi > 0.2);
        // A roof is a plane; without infrared that is all that tells it from a tree.
        let plane = self.planarity > 0.5 || self.ndvi.is_some();
        let object = if leaves && !(self.ndvi.is_none() && plane) {
            mixed(mixed(SHRUB, TREE, self.height / 2.0), CROWN, (self.height - 2.0) / 10.0)
        } else {
            ROOF
        };
        mixed(ground, object, 4.0 * (self.height - 0.5)).map(|part| part as u8)
    }
}

/// A colour between two: the first for a share of 0 and less, the second for 1 and more.
pub fn mixed(a: [f32; 3], b: [f32; 3], share: f32) -> [f32; 3] {
    let share = share.clamp(0.0, 1.0);
    [0, 1, 2].map(|part| a[part] + share * (b[part] - a[part]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_gives_its_position_back() {
        let view = View { zoom: 3.0, corner: [100.0, 700.0] };
        let place = [12.0, 45.0, 7.0];
        let (pixel, depth) = view.project(place);
        for (found, expected) in view.place(pixel, depth).iter().zip(place) {
            assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
        }
    }

    #[test]
    fn what_is_nearer_or_higher_is_in_front() {
        let view = View { zoom: 1.0, corner: [0.0; 2] };
        let depth = |place| view.project(place).1;
        assert!(depth([5.0, 5.0, 1.0]) < depth([5.0, 5.0, 0.0]));
        assert!(depth([5.0, 4.0, 0.0]) < depth([5.0, 5.0, 0.0]));
    }
}
