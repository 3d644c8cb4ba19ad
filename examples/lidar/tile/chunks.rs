//! Chunks: the points that go to the device at once.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is computed in f64 is used in f32; sizes are checked before"
)]

use std::{ops::Range, path::Path};

use anyhow::{Context, Result, ensure};
use las::PointData;

use super::{
    Tile,
    ground::Ground,
    rows::{Gathered, Largest, Rows, Sorted},
    spill::Spill,
};
use crate::{
    arguments::Step,
    cloud::{Cloud, CloudLengths, Colours, FeaturesLengths},
};

/// A run of whole rows, with the row before and the row after it.
pub struct Chunk {
    /// The chunk's own records, sorted.
    pub records: PointData,
    pub cloud: Cloud,
    pub step: Step,
}

/// All chunks of a tile, ready to be computed.
pub struct Plan {
    pub tile: Tile,
    pub ground: Ground,
    pub radius: f64,
    pub count: usize,
    pub largest: Largest,
    rows: Rows,
    gathered: Gathered,
    step: Step,
}

/// The sizes that a user may choose.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The radius of neighbourhoods.
    pub radius: f64,
    /// The most points of a chunk.
    pub chunk: u64,
    /// The bytes that a device has for chunks. Chunks are made smaller until two of them fit.
    pub room: u64,
    /// The width of the widest building.
    pub widest: f64,
}

impl Plan {
    /// Sorts the records of a tile into chunks, in a file in `folder`.
    pub fn new(mut tile: Tile, folder: &Path, sizes: Sizes) -> Result<Self> {
        let (scale, colours, radius) = (tile.scale(), tile.colours(), sizes.radius);
        let reach = [0, 1].map(|axis| (radius / scale[axis]).ceil() + 1.0);
        ensure!(
            reach.iter().all(|reach| (2.0..f64::from(u32::MAX)).contains(reach)),
            "a radius of {radius} does not suit coordinates in steps of {} and {}",
            scale[0],
            scale[1]
        );
        let [reach, reach_y] = reach.map(|reach| reach as u32);
        let area = tile.area()?;
        let ground = Ground::of(&mut tile, area, sizes.widest)?;
        let mut rows = Rows::count(&mut tile, reach_y)?;
        let room = sizes.room.saturating_sub(size_of_val(&*ground.heights) as u64);
        let mut most = sizes.chunk;
        rows.divide(most);
        while most > 1 && bytes(rows.largest(), colours) > room {
            most /= 2;
            rows.divide(most);
        }
        let largest = rows.largest();
        ensure!(
            largest.positions < 1 << 31,
            "a row of the map has {} points; give a smaller --radius than {radius}",
            largest.positions
        );
        let records = Spill::new(folder, tile.records.record())?;
        let gathered = rows.gather(&mut tile, records)?;
        let step = Step {
            row_height: rows.height,
            reach,
            scale: scale.map(|scale| (scale / radius) as f32),
            per_area: (1.0 / (std::f64::consts::PI * radius * radius)) as f32,
            raster: ground.size,
            cells: [0, 1].map(|axis| (scale[axis] / ground.cell) as f32),
            up: scale[2] as f32,
            infrared: u32::from(colours.infrared),
            ..Step::default()
        };
        Ok(Self { count: rows.chunks(), largest, tile, ground, radius, rows, gathered, step })
    }

    /// The capacities that suit every chunk, so that all have buffers of one size.
    pub fn capacities(&self) -> (CloudLengths, FeaturesLengths) {
        capacities(self.largest, self.colours())
    }

    pub fn colours(&self) -> Colours {
        self.tile.colours()
    }

    /// The chunks, one after the other. Three are in memory at a time.
    pub fn chunks(&mut self) -> Chunks<'_> {
        Chunks { plan: self, next: 0, before: Vec::new(), now: None }
    }

    fn sorted(&mut self, chunk: usize) -> Result<Option<Sorted>> {
        if chunk == self.count {
            return Ok(None);
        }
        self.gathered.sorted(&self.tile, &self.rows, chunk).map(Some)
    }
}

fn capacities(largest: Largest, colours: Colours) -> (CloudLengths, FeaturesLengths) {
    let Largest { points, positions, rows } = largest;
    let [points, positions] = [points as usize, positions as usize];
    let coloured = points * usize::from(colours.rgb);
    let cloud = CloudLengths { positions, row_starts: rows + 1, colours: coloured };
    (cloud, colours.lengths(points))
}

/// The bytes that a device needs while the features of one chunk come down and the next chunk is computed.
fn bytes(largest: Largest, colours: Colours) -> u64 {
    let Largest { points, positions, rows } = largest;
    let cloud = 12 * positions + 4 * rows as u64 + 4 + 8 * points * u64::from(colours.rgb);
    let features = points * (36 + 12 * u64::from(colours.rgb) + 4 * u64::from(colours.infrared));
    2 * (cloud + features)
}

/// An iterator over the chunks of a tile.
pub struct Chunks<'a> {
    plan: &'a mut Plan,
    next: usize,
    /// The last row of the chunk before.
    before: Vec<[u32; 3]>,
    now: Option<Sorted>,
}

impl Chunks<'_> {
    fn advance(&mut self) -> Result<Option<Chunk>> {
        let now = match self.now.take() {
            None => self.plan.sorted(self.next)?,
            now => now,
        };
        let Some(now) = now else { return Ok(None) };
        let rows = self.plan.rows.of(self.next);
        let after = self.plan.sorted(self.next + 1)?;
        let last_row = now.positions[now.starts[rows.len() - 1] as usize..].to_vec();
        let chunk = self.chunk(now, after.as_ref(), rows)?;
        (self.before, self.now) = (last_row, after);
        self.next += 1;
        Ok(Some(chunk))
    }

    fn chunk(&self, now: Sorted, after: Option<&Sorted>, rows: Range<usize>) -> Result<Chunk> {
        let first = u32::try_from(self.before.len())?;
        let count = u32::try_from(now.positions.len())?;
        let first_row_after = after.map_or(&[][..], |after| &after.positions[..after.starts[1] as usize]);
        let mut positions = self.before.clone();
        positions.extend_from_slice(&now.positions);
        positions.extend_from_slice(first_row_after);
        let total = u32::try_from(positions.len())?;
        // The row before the first one of the tile does not exist, and neither does the row after the last.
        let mut starts = Vec::with_capacity(rows.len() + 3);
        if self.next > 0 {
            starts.push(0);
        }
        starts.extend(now.starts.iter().map(|start| first + start));
        if after.is_some() {
            starts.push(total);
        }
        let step = Step {
            total,
            first,
            count,
            rows: u32::try_from(starts.len() - 1)?,
            first_row: u32::try_from(rows.start - usize::from(self.next > 0))?,
            ..self.plan.step
        };
        let colours = colours_of(&now.records, self.plan.colours()).context("the colours are missing")?;
        let cloud = Cloud { positions, row_starts: starts, colours };
        Ok(Chunk { records: now.records, cloud, step })
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Result<Chunk>> {
        self.advance().transpose()
    }
}

/// Red, green, blue and infrared of each record, or 0 where the file has none; nothing without colours.
fn colours_of(records: &PointData, colours: Colours) -> Option<Vec<[u16; 4]>> {
    if !colours.rgb {
        return Some(Vec::new());
    }
    let rgb = records.rgb()?;
    Some(match records.nir().filter(|_| colours.infrared) {
        Some(infrared) => rgb.zip(infrared).map(|((r, g, b), i)| [r, g, b, i]).collect(),
        None => rgb.map(|(r, g, b)| [r, g, b, 0]).collect(),
    })
}
