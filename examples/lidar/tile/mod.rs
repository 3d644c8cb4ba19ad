//! A tile: a LAS or LAZ file, read once from its beginning to its end and checked on the way.
//!
//! The records go to a file without a name ([`Spill`]), so that a tile may be larger than memory. `rows.rs`
//! sorts them from there, chunk by chunk. `ground.rs` makes a raster of the ground.

mod check;
pub mod chunks;
pub mod ground;
pub mod rows;
mod sizes;
mod spill;
pub mod terrain;

use std::{
    fs::File,
    io::{BufReader, Seek},
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use las::{Header, PointData, PointDataBuilder, Reader};

use crate::cloud::Colours;
use check::Bounds;
use spill::Spill;

/// The class of ground in all versions of the format.
const GROUND: u8 = 2;
/// The most bytes of records that are read at once.
const BATCH: u64 = 16 << 20;

/// The records of a tile, and the facts about all of them together.
pub struct Tile {
    pub path: PathBuf,
    pub header: Header,
    /// The lowest and the highest integer along each axis.
    pub lowest: [i32; 3],
    pub highest: [i32; 3],
    /// The number of points that the file classifies as ground.
    pub ground: u64,
    records: Spill,
    area: Option<f64>,
}

impl Tile {
    /// Reads a tile, and puts its records into `folder`. Calls `progress` with the number of points so far.
    pub fn read(path: &Path, folder: &Path, mut progress: impl FnMut(u64)) -> Result<Self> {
        let mut file = File::open(path).context("the file cannot be opened")?;
        ensure!(!file.metadata()?.is_dir(), "this is a folder, not a file");
        check::signature(&file)?;
        sizes::of_header(&file)?;
        file.rewind()?;
        // The crate `las` trusts some figures of a file, and panics if they make no sense.
        let header = check::without_panic(|| Header::new(BufReader::new(&file)))?;
        let header = header.context("the header cannot be read")?;
        check::without_panic(|| check::header(&header, &file))??;
        file.rewind()?;
        let opened = check::without_panic(|| Reader::new(BufReader::new(file)));
        let mut reader = opened?.context("the points cannot be read")?;
        let count = header.number_of_points();
        let mut points = PointDataBuilder::new().for_header(&header).build();
        let mut tile = Self {
            path: path.into(),
            lowest: [i32::MAX; 3],
            highest: [i32::MIN; 3],
            ground: 0,
            records: Spill::new(folder, points.record_len())?,
            area: None,
            header,
        };
        let bounds = Bounds::of(&tile.header);
        while tile.records.len() < count {
            let batch = tile.records.batch().min(count - tile.records.len());
            let read = check::without_panic(|| reader.fill_points(batch, &mut points));
            let read = read.and_then(|read| read.map_err(Into::into)).with_context(|| {
                format!(
                    "the header counts {count} points, but the file is damaged or ends after about {}",
                    tile.records.len()
                )
            })?;
            ensure!(read > 0, "the header counts {count} points, but the file has {}", tile.records.len());
            bounds.check(&points, tile.records.len())?;
            tile.add(&points)?;
            progress(tile.records.len());
        }
        Ok(tile)
    }

    fn add(&mut self, points: &PointData) -> Result<()> {
        for position in positions(points) {
            let ends = self.lowest.iter_mut().zip(&mut self.highest);
            for (at, (lowest, highest)) in position.into_iter().zip(ends) {
                (*lowest, *highest) = (at.min(*lowest), at.max(*highest));
            }
        }
        let ground = points.classification().filter(|class| *class == GROUND).count();
        self.ground += u64::try_from(ground)?;
        self.records.append(points.raw_bytes())
    }

    /// The number of points, at least one.
    pub fn len(&self) -> u64 {
        self.records.len()
    }

    /// The columns that the file has besides positions.
    pub fn colours(&self) -> Colours {
        let format = self.header.point_format();
        Colours { rgb: format.has_color, infrared: format.has_color && format.has_nir }
    }

    /// The units of one integer along each axis.
    pub fn scale(&self) -> [f64; 3] {
        let transforms = self.header.transforms();
        [transforms.x.scale, transforms.y.scale, transforms.z.scale]
    }

    /// The differences of the highest and the lowest integers.
    pub fn extent(&self) -> [u32; 3] {
        [0, 1, 2].map(|axis| self.highest[axis].abs_diff(self.lowest[axis]))
    }

    /// Calls `look` with all records, in the order of the file, some at a time.
    fn each_batch(&mut self, mut look: impl FnMut(&PointData) -> Result<()>) -> Result<()> {
        let count = self.len();
        let mut start = 0;
        while start < count {
            let batch = start..count.min(start + self.records.batch());
            start = batch.end;
            look(&self.records.read(batch, &self.header)?)?;
        }
        Ok(())
    }

    /// The position of a record, counted from the lowest corner of the tile.
    fn place(&self, position: [i32; 3]) -> [u32; 3] {
        [0, 1, 2].map(|axis| position[axis].abs_diff(self.lowest[axis]))
    }

    /// The area of the map that has points, in square units, at least that of one integer.
    pub fn area(&mut self) -> Result<f64> {
        const SIDE: u64 = 256;
        if let Some(area) = self.area {
            return Ok(area);
        }
        let (extent, scale) = (self.extent(), self.scale());
        let mut taken = vec![false; 1 << 16];
        let lowest = self.lowest;
        self.each_batch(|points| {
            for position in positions(points) {
                let [column, line] = [0, 1].map(|axis| {
                    let place = u64::from(position[axis].abs_diff(lowest[axis]));
                    usize::try_from(place * SIDE / (u64::from(extent[axis]) + 1)).unwrap_or(0)
                });
                taken[line * 256 + column] = true;
            }
            Ok(())
        })?;
        let share = taken.iter().filter(|taken| **taken).count() as f64 / taken.len() as f64;
        let [width, height] = [0, 1].map(|axis| (f64::from(extent[axis]) + 1.0) * scale[axis]);
        Ok(*self.area.insert(width * height * share))
    }
}

/// The integers of each record.
pub fn positions(points: &PointData) -> impl Iterator<Item = [i32; 3]> + '_ {
    points.x_raw().zip(points.y_raw()).zip(points.z_raw()).map(|((x, y), z)| [x, y, z])
}

impl Spill {
    /// The number of records that are read at once.
    fn batch(&self) -> u64 {
        (BATCH / self.record() as u64).max(1)
    }

    /// Records of a tile with this header.
    fn read(&mut self, records: Range<u64>, header: &Header) -> Result<PointData> {
        let bytes = self.bytes(records)?;
        Ok(PointDataBuilder::new().for_header(header).build_from_bytes(bytes)?)
    }
}

/// A radius whose circles have about this many points, if points are spread evenly.
pub fn radius_for(points: f64, count: u64, area: f64) -> Result<f64> {
    let radius = (points * area / (count as f64 * std::f64::consts::PI)).sqrt();
    if !(radius.is_finite() && radius > 0.0) {
        bail!("no radius suits {count} points on an area of {area}; give one with --radius")
    }
    Ok(radius)
}

#[cfg(test)]
pub mod tests;
