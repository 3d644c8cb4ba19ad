//! The kernels: the features of the points of one chunk.
//!
//! One thread computes each feature of a point, in a fixed order. So the results are the same to the bit for
//! any number of cores and for any size of the chunks.

pub use kernels::Kernels;

use crate::arguments::Step;

/// The kernels. On the host they are these functions, which rayon spreads over cores. On a card they are
/// those of `kernels.cu`, with a thread per point.
#[gpumem::kernels(
    // SAFETY: where the conditions below hold, the kernels of `kernels.cu` stay within their slices, whatever
    // these hold.
    unsafe(ptx = "kernels.ptx")
)]
mod kernels {
    use std::{sync::LazyLock, time::Instant};

    use rayon::prelude::*;

    use super::Step;
    use crate::shape::Sums;

    /// The fewest points for one thread. Fewer are not worth handing over.
    const GRAIN: usize = 256;

    /// The features that depend on the points around a point.
    #[expect(clippy::too_many_arguments, reason = "one slice per feature")]
    #[requires(step.row_height > 0 && positions.len() == step.total as usize)]
    #[requires(row_starts.len() == step.rows as usize + 1)]
    #[requires(step.first as usize + step.count as usize <= step.total as usize)]
    #[requires(normals.len() == step.count as usize && density.len() == step.count as usize)]
    #[requires(curvature.len() == step.count as usize && planarity.len() == step.count as usize)]
    #[requires(linearity.len() == step.count as usize && sphericity.len() == step.count as usize)]
    pub fn shape(
        step: Step,
        positions: &[[u32; 3]],
        row_starts: &[u32],
        normals: &mut [[f32; 3]],
        curvature: &mut [f32],
        planarity: &mut [f32],
        linearity: &mut [f32],
        sphericity: &mut [f32],
        density: &mut [f32],
    ) {
        let columns = (normals, curvature, planarity, linearity, sphericity, density);
        let points = columns.into_par_iter().with_min_len(GRAIN).enumerate();
        points.for_each(|(index, (normal, curvature, planarity, linearity, sphericity, density))| {
            let sums = Sums::around(step, positions, row_starts, step.first as usize + index);
            let shape = sums.shape();
            *normal = shape.normal;
            *curvature = shape.curvature;
            *planarity = shape.planarity;
            *linearity = shape.linearity;
            *sphericity = shape.sphericity;
            *density = sums.in_circle as f32 * step.per_area;
        });
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place is between 0 and the last cell"
    )]
    /// The height above the ground, which lies between the four nearest cells of its raster.
    #[requires(positions.len() == step.total as usize && height.len() == step.count as usize)]
    #[requires(step.first as usize + step.count as usize <= step.total as usize)]
    #[requires(step.raster[0] > 0 && step.raster[1] > 0)]
    #[requires(ground.len() == step.raster[0] as usize * step.raster[1] as usize)]
    pub fn heights(step: Step, positions: &[[u32; 3]], ground: &[f32], height: &mut [f32]) {
        let own = &positions[step.first as usize..];
        height.par_iter_mut().with_min_len(GRAIN).zip(own).for_each(|(height, position)| {
            let [(left, right, x), (below, above, y)] = [0, 1].map(|axis| {
                let last = step.raster[axis] - 1;
                // Heights are those of the middles of cells.
                let place = (position[axis] as f32 * step.cells[axis] - 0.5).max(0.0).min(last as f32);
                let cell = (place as usize).min(last as usize);
                (cell, (cell + 1).min(last as usize), place - cell as f32)
            });
            let columns = step.raster[0] as usize;
            let [below, above] = [below, above].map(|line| {
                let (left, right) = (ground[line * columns + left], ground[line * columns + right]);
                left + x * (right - left)
            });
            *height = position[2] as f32 * step.up - (below + y * (above - below));
        });
    }

    /// The features of colours.
    #[requires(colours.len() == step.count as usize && brightness.len() == step.count as usize)]
    #[requires(saturation.len() == step.count as usize && greenness.len() == step.count as usize)]
    #[requires(step.infrared <= 1 && ndvi.len() == step.count as usize * step.infrared as usize)]
    pub fn colours(
        step: Step,
        colours: &[[u16; 4]],
        brightness: &mut [f32],
        saturation: &mut [f32],
        greenness: &mut [f32],
        ndvi: &mut [f32],
    ) {
        let share = |part: f32, whole: f32| if whole > 0.0 { part / whole } else { 0.0 };
        let columns = (brightness, saturation, greenness, colours);
        columns.into_par_iter().with_min_len(GRAIN).for_each(
            |(brightness, saturation, greenness, colour)| {
                let [red, green, blue, _] = colour.map(f32::from);
                let (sum, largest) = (red + green + blue, red.max(green).max(blue));
                *brightness = sum / (3.0 * 65_535.0);
                *saturation = share(largest - red.min(green).min(blue), largest);
                *greenness = share(2.0 * green - red - blue, sum);
            },
        );
        if step.infrared == 0 {
            return;
        }
        ndvi.par_iter_mut().with_min_len(GRAIN).zip(colours).for_each(|(ndvi, colour)| {
            let [red, _, _, infrared] = colour.map(f32::from);
            *ndvi = share(infrared - red, infrared + red);
        });
    }

    /// Notes the time that the device's clock shows, in nanoseconds.
    #[requires(times.len() > place as usize)]
    pub fn note_time(place: u32, times: &mut [u64]) {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        times[place as usize] = u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX);
    }
}

#[cfg(all(test, feature = "cuda"))]
#[path = "on_card.rs"]
mod on_card;
