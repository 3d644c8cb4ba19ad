//! The ground: a raster of its heights.
//!
//! A cell begins with its lowest point: of those that the file classifies as ground, or, if these are too
//! few, of all points. In the second case roofs and dense trees are still there. The progressive
//! morphological filter removes them (Zhang et al. 2003, "A progressive morphological filter for removing
//! nonground measurements from airborne LIDAR data", IEEE TGRS 41(4)): the raster is opened with wider and
//! wider windows, and a cell that an opening lowers by more than the slope of the ground explains is not
//! ground. Such cells, and those without a point, get heights from the ground around them.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cells are computed as floats, and compared with the size of the raster"
)]

use anyhow::Result;
use rayon::prelude::*;

use super::{GROUND, Tile, positions};

/// The most cells.
const MOST: f64 = 4e6;
/// A cell is this many times as wide as points are apart.
const SPACINGS: f64 = 2.0;
/// How often the cells without ground are smoothed, in each raster.
const SMOOTHINGS: usize = 32;
/// The steepest ground. What is steeper is taken for an object where a window is wide enough.
const SLOPE: f64 = 0.3;

/// Heights of the ground over the lowest point of the tile, in the middles of square cells.
pub struct Ground {
    /// Columns and lines.
    pub size: [u32; 2],
    /// The width of a cell, in units.
    pub cell: f64,
    pub heights: Vec<f32>,
}

impl Ground {
    /// Makes the raster of a tile whose points cover `area`. No building is wider than `widest`.
    pub fn of(tile: &mut Tile, area: f64, widest: f64) -> Result<Self> {
        let (extent, scale, origin) = (tile.extent(), tile.scale(), tile.lowest);
        let [width, depth] = [0, 1].map(|axis| f64::from(extent[axis]) * scale[axis]);
        let apart = (area / tile.len() as f64).sqrt();
        // Neither the cells of a tile nor those along one side are too many.
        let least = (width * depth / MOST).sqrt().max(width.max(depth) / 1e6);
        let cell = (SPACINGS * apart).max(least);
        let size = [width, depth].map(|length| (length / cell) as u32 + 1);
        let classified = tile.ground >= tile.len() / 100 && tile.ground > 0;
        let mut heights = vec![f32::INFINITY; size[0] as usize * size[1] as usize];
        tile.each_batch(|points| {
            for (position, class) in positions(points).zip(points.classification()) {
                if classified && class != GROUND {
                    continue;
                }
                let [x, y, z] =
                    [0, 1, 2].map(|axis| f64::from(position[axis].abs_diff(origin[axis])) * scale[axis]);
                let [column, line] = [x, y].map(|at| (at / cell) as usize);
                let column = column.min(size[0] as usize - 1);
                let line = line.min(size[1] as usize - 1);
                let lowest = &mut heights[line * size[0] as usize + column];
                *lowest = lowest.min(z as f32);
            }
            Ok(())
        })?;
        let mut ground = Self { size, cell, heights };
        if !classified {
            ground.remove_objects(widest);
        }
        ground.fill();
        Ok(ground)
    }

    /// Marks the cells that are not ground, by an infinite height.
    fn remove_objects(&mut self, widest: f64) {
        // Heights of a hundredth of the widest building are noise, and an eighth is enough for an object.
        let (noise, object) = (widest / 100.0, widest / 8.0);
        let columns = self.size[0] as usize;
        let mut surface = self.heights.clone();
        // A window that is wider than the widest building, or as wide as the raster, is the last one.
        let widest_reach = (widest / self.cell / 2.0).ceil() as usize;
        let most = widest_reach.clamp(1, columns.max(self.heights.len() / columns));
        let (mut reach, mut last) = (1, 0);
        while last < most {
            let opened = dilated(&eroded(&surface, columns, reach), columns, reach);
            let rise = (SLOPE * 2.0 * (reach - last) as f64 * self.cell + noise).min(object) as f32;
            for ((height, surface), opened) in self.heights.iter_mut().zip(&mut surface).zip(opened) {
                if *surface - opened > rise {
                    *height = f32::INFINITY;
                }
                *surface = opened;
            }
            (last, reach) = (reach, most.min(2 * reach));
        }
    }

    /// Gives each cell without a height the mean of those around it, from ever coarser rasters.
    fn fill(&mut self) {
        let columns = self.size[0] as usize;
        fill(&mut self.heights, columns);
    }
}

/// The lowest height within `reach` cells in each direction. Cells without a point count as infinitely high.
fn eroded(heights: &[f32], columns: usize, reach: usize) -> Vec<f32> {
    windows(heights, columns, reach, f32::min, f32::INFINITY)
}

/// The highest one.
fn dilated(heights: &[f32], columns: usize, reach: usize) -> Vec<f32> {
    windows(heights, columns, reach, f32::max, f32::NEG_INFINITY)
}

/// Combines the heights of square windows: first along lines, then along columns.
fn windows(
    heights: &[f32],
    columns: usize,
    reach: usize,
    combine: fn(f32, f32) -> f32,
    none: f32,
) -> Vec<f32> {
    let lines = heights.len() / columns;
    let mut across = vec![none; heights.len()];
    across.par_chunks_mut(columns).zip(heights.par_chunks(columns)).for_each(|(new, old)| {
        for (column, new) in new.iter_mut().enumerate() {
            let window = &old[column.saturating_sub(reach)..columns.min(column + reach + 1)];
            *new = window.iter().copied().fold(none, combine);
        }
    });
    let mut both = vec![none; heights.len()];
    both.par_chunks_mut(columns).enumerate().for_each(|(line, new)| {
        for other in line.saturating_sub(reach)..lines.min(line + reach + 1) {
            for (new, old) in new.iter_mut().zip(&across[other * columns..]) {
                *new = combine(*new, *old);
            }
        }
    });
    both
}

/// Fills the infinite cells of a raster. If all are infinite they become 0.
fn fill(heights: &mut [f32], columns: usize) {
    let lines = heights.len() / columns;
    if heights.iter().all(|height| height.is_finite()) {
        return;
    }
    if heights.len() == 1 {
        heights[0] = 0.0;
        return;
    }
    // The means of 2x2 cells, filled in the same way.
    let [wide, high] = [columns.div_ceil(2), lines.div_ceil(2)];
    let mut coarse = coarser(heights, columns);
    fill(&mut coarse, wide);
    let empty: Vec<usize> = (0..heights.len()).filter(|cell| !heights[*cell].is_finite()).collect();
    for (cell, height) in heights.iter_mut().enumerate().filter(|(_, height)| !height.is_finite()) {
        // Between the four nearest coarse cells: 9 parts of the nearest, 3, 3 and 1.
        let near = |at: usize, count: usize| {
            let own = at / 2;
            let other = if at.is_multiple_of(2) { own.saturating_sub(1) } else { (own + 1).min(count - 1) };
            [own, other]
        };
        let [near_column, near_line] = [near(cell % columns, wide), near(cell / columns, high)];
        let at = |column: usize, line: usize| coarse[near_line[line] * wide + near_column[column]];
        *height = (9.0 * at(0, 0) + 3.0 * (at(1, 0) + at(0, 1)) + at(1, 1)) / 16.0;
    }
    smooth(heights, columns, &empty);
}

/// The means of 2x2 cells.
fn coarser(heights: &[f32], columns: usize) -> Vec<f32> {
    let lines = heights.len() / columns;
    let [wide, high] = [columns.div_ceil(2), lines.div_ceil(2)];
    (0..wide * high)
        .map(|cell| {
            let [column, line] = [2 * (cell % wide), 2 * (cell / wide)];
            let (mut sum, mut count) = (0.0, 0.0);
            for line in line..lines.min(line + 2) {
                let row = &heights[line * columns..][column..columns.min(column + 2)];
                for height in row.iter().filter(|height| height.is_finite()) {
                    sum += height;
                    count += 1.0;
                }
            }
            if count > 0.0 { sum / count } else { f32::INFINITY }
        })
        .collect()
}

/// Moves cells towards the mean of the four cells around each, so that a slope goes on through them.
fn smooth(heights: &mut [f32], columns: usize, cells: &[usize]) {
    let lines = heights.len() / columns;
    for _ in 0..SMOOTHINGS {
        let smooth = |cell: &usize| {
            let (column, line) = (cell % columns, cell / columns);
            let across = [column.saturating_sub(1), (column + 1).min(columns - 1)];
            let along = [line.saturating_sub(1), (line + 1).min(lines - 1)];
            let across = across.map(|column| heights[line * columns + column]);
            let along = along.map(|line| heights[line * columns + column]);
            (across[0] + across[1] + along[0] + along[1]) / 4.0
        };
        let new: Vec<f32> = cells.par_iter().with_min_len(1 << 12).map(smooth).collect();
        cells.iter().zip(new).for_each(|(cell, new)| heights[*cell] = new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope with a house of 10 x 10 cells and 5 units high, a tree and a cell without points.
    fn slope() -> Ground {
        let mut heights: Vec<f32> = (0..50 * 40).map(|cell| (cell % 50) as f32 * 0.2).collect();
        for (line, column) in (15..25).flat_map(|line| (20..30).map(move |column| (line, column))) {
            heights[line * 50 + column] += 5.0;
        }
        heights[5 * 50 + 7] += 9.0;
        heights[30 * 50 + 40] = f32::INFINITY;
        Ground { size: [50, 40], cell: 1.0, heights }
    }

    #[test]
    fn houses_and_trees_are_no_ground() {
        let mut ground = slope();
        ground.remove_objects(20.0);
        assert!(ground.heights[20 * 50 + 25].is_infinite() && ground.heights[5 * 50 + 7].is_infinite());
        ground.fill();
        for (cell, height) in ground.heights.iter().enumerate() {
            let expected = (cell % 50) as f32 * 0.2;
            assert!((height - expected).abs() < 1.0, "cell {cell}: {height}, not {expected}");
        }
    }

    #[test]
    fn a_raster_without_ground_is_flat() {
        let mut heights = [f32::INFINITY; 15];
        fill(&mut heights, 5);
        assert_eq!(heights, [0.0; 15]);
    }
}
