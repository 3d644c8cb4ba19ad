//! Light and shadow: the sun, the sky, and dark edges where something stands in front of something else.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places and colours are computed as floats, and a cast keeps them in range"
)]

use std::{io::Write, ops::Range};

use anyhow::{Context, Result};
use rayon::prelude::*;

use super::picture::{FINE, Picture, Pixel, SUN, Surface, mixed};

/// The colours of the background, at its top and at its bottom.
const SKY: [[f32; 3]; 2] = [[232.0, 239.0, 244.0], [250.0, 248.0, 243.0]];
/// The pixels, and the depth in pixels, over which an edge is dark ("eye-dome lighting": Boucheny 2009).
const EDGE: isize = 3;
const EDGE_DEPTH: f32 = 60.0;

/// Writes a picture as PNG, with its light and shadow.
pub fn write(mut picture: Picture, to: impl Write) -> Result<()> {
    fill(&mut picture);
    let lines = lines(&picture);
    let [width, height] = [picture.width / FINE, lines.len()];
    let mut encoder = png::Encoder::new(to, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().context("the picture cannot be begun")?;
    writer.write_image_data(&image(&picture, lines)).context("the picture cannot be written")?;
    writer.finish().context("the picture cannot be completed")
}

/// The lines of the picture that show something, with a margin. In pixels of the file.
fn lines(picture: &Picture) -> Range<usize> {
    let shows = |line: &[Pixel]| line.iter().any(|pixel| pixel.depth.is_finite());
    let first = picture.pixels.chunks_exact(picture.width).position(shows).unwrap_or(0);
    let last = picture.pixels.chunks_exact(picture.width).rposition(shows).unwrap_or(0);
    let margin = picture.width / 40;
    first.saturating_sub(margin) / FINE..(last + margin).min(picture.height - 1) / FINE + 1
}

/// Gives pixels without a point that of a pixel near them, where enough of those have one.
fn fill(picture: &mut Picture) {
    let (width, height) = (picture.width, picture.height);
    for (reach, share) in [(1, 0.45), (2, 0.45), (3, 0.5), (6, 0.65), (9, 0.65)] {
        let (old, counts) = (picture.pixels.clone(), counts(picture));
        picture.pixels.par_chunks_mut(width).enumerate().for_each(|(line, pixels)| {
            let lines = line.saturating_sub(reach)..(line + reach + 1).min(height);
            let count = |line: usize, column: usize| counts[line * (width + 1) + column];
            for (column, pixel) in
                pixels.iter_mut().enumerate().filter(|(_, pixel)| pixel.depth.is_infinite())
            {
                let columns = column.saturating_sub(reach)..(column + reach + 1).min(width);
                let near = count(lines.end, columns.end) + count(lines.start, columns.start)
                    - count(lines.start, columns.end)
                    - count(lines.end, columns.start);
                // Holes are filled, and the outline stays where it is.
                if f64::from(near) >= share * (lines.len() * columns.len()) as f64 {
                    let near = lines.clone().flat_map(|line| &old[line * width..][columns.clone()]);
                    let near = near.filter(|pixel| pixel.depth.is_finite());
                    *pixel = near.max_by(|a, b| a.depth.total_cmp(&b.depth)).copied().unwrap_or(*pixel);
                }
            }
        });
    }
}

/// For each corner of a pixel, the number of pixels with a point that lie before it on both axes.
fn counts(picture: &Picture) -> Vec<u32> {
    let wide = picture.width + 1;
    let mut counts = vec![0; wide * (picture.height + 1)];
    for (line, pixels) in picture.pixels.chunks_exact(picture.width).enumerate() {
        let mut sum = 0;
        for (column, pixel) in pixels.iter().enumerate() {
            sum += u32::from(pixel.depth.is_finite());
            counts[(line + 1) * wide + column + 1] = counts[line * wide + column + 1] + sum;
        }
    }
    counts
}

/// The bytes of some lines of the image, three per pixel.
fn image(picture: &Picture, lines: Range<usize>) -> Vec<u8> {
    let width = picture.width / FINE;
    let mut bytes = vec![0; 3 * width * lines.len()];
    bytes.par_chunks_mut(3 * width).zip(lines).for_each(|(bytes, line)| {
        for (column, bytes) in bytes.chunks_exact_mut(3).enumerate() {
            let mut sum = [0.0; 3];
            for fine in 0..FINE * FINE {
                let colour = colour(picture, column * FINE + fine % FINE, line * FINE + fine / FINE);
                sum = [0, 1, 2].map(|part| sum[part] + colour[part]);
            }
            for (byte, sum) in bytes.iter_mut().zip(sum) {
                *byte = (sum / (FINE * FINE) as f32) as u8;
            }
        }
    });
    bytes
}

fn colour(picture: &Picture, column: usize, line: usize) -> [f32; 3] {
    let pixel = picture.pixels[line * picture.width + column];
    if pixel.depth.is_infinite() {
        return mixed(SKY[0], SKY[1], line as f32 / picture.height as f32);
    }
    let place = picture.view.place([column as f32 + 0.5, line as f32 + 0.5], pixel.depth);
    let sun = f32::from(pixel.light) / 255.0 * lit(&picture.surface, place);
    let sky = 0.42;
    let light = [0.98, 0.93, 0.82].map(|part| part * sun);
    let light = [0, 1, 2].map(|part| light[part] + sky * [0.86, 0.95, 1.12][part]);
    let edge = edge(picture, pixel, column, line);
    [0, 1, 2].map(|part| (f32::from(pixel.tint[part]) * light[part] * edge).min(255.0))
}

/// The share of the sun's light that reaches a place, from 0 to 1.
fn lit(surface: &Surface, [x, y, z]: [f32; 3]) -> f32 {
    let flat = SUN[0].hypot(SUN[1]);
    let step = [SUN[0] / flat, SUN[1] / flat].map(|part| part * surface.cell);
    let rise = SUN[2] / flat * surface.cell;
    let mut light: f32 = 1.0;
    for count in 2..120_u8 {
        let far = f32::from(count);
        let [column, line] = [x + far * step[0], y + far * step[1]].map(|at| at / surface.cell);
        if column < 0.0 || line < 0.0 {
            break;
        }
        let (column, line) = (column as usize, line as usize);
        if column >= surface.columns || line >= surface.lines {
            break;
        }
        // A place that is a cell below the surface there has half the light.
        let above = z + far * rise - surface.heights[line * surface.columns + column];
        light = light.min(1.0 + above / (2.0 * surface.cell));
        if light <= 0.0 {
            return 0.0;
        }
    }
    light
}

/// How bright an edge leaves a pixel: less where pixels around it are nearer to the eye.
fn edge(picture: &Picture, pixel: Pixel, column: usize, line: usize) -> f32 {
    let mut sum = 0.0;
    for (across, along) in [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)] {
        let (Some(column), Some(line)) =
            (column.checked_add_signed(across * EDGE), line.checked_add_signed(along * EDGE))
        else {
            continue;
        };
        if column < picture.width && line < picture.height {
            let there = picture.pixels[line * picture.width + column];
            // The background is far away.
            let nearer = picture.view.zoom * (pixel.depth - there.depth.min(pixel.depth));
            sum += nearer.min(EDGE_DEPTH) / EDGE_DEPTH;
        }
    }
    (-0.7 * sum / 8.0_f32.sqrt()).exp()
}
