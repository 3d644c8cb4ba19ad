//! Rows: stripes of the map at least as high as the radius. A chunk is a run of whole rows.
//!
//! Points are in the order of their rows. Within a row they are in the order of x, then y, z and their place
//! in the file. So the points around a point lie in three runs of this order, whose beginnings a binary
//! search finds, and the order does not depend on the chunks.

use std::ops::Range;

use anyhow::Result;
use las::PointData;
use rayon::prelude::*;

use super::{Tile, positions, spill::Spill};

/// The most rows. The rows of a wider tile are higher than the radius.
const MOST: u32 = 1 << 20;
/// The bytes of all records that wait to be written while they are sorted into chunks.
const WAITING: usize = 64 << 20;

/// The rows of a tile, and the runs of them that are chunks.
pub struct Rows {
    /// In integers of the file.
    pub height: u32,
    /// The number of points of each row.
    counts: Vec<u64>,
    chunks: Vec<Run>,
}

/// A run of rows, and the place of its points among all.
#[derive(Clone, Debug)]
struct Run {
    rows: Range<usize>,
    points: Range<u64>,
}

impl Rows {
    /// Counts the points of each row. All of them are one chunk at first.
    pub fn count(tile: &mut Tile, reach: u32) -> Result<Self> {
        let extent = tile.extent()[1];
        let height = reach.max(extent / MOST + 1);
        let mut counts = vec![0; (extent / height) as usize + 1];
        let lowest = tile.lowest[1];
        tile.each_batch(|points| {
            points.y_raw().for_each(|y| counts[(y.abs_diff(lowest) / height) as usize] += 1);
            Ok(())
        })?;
        let chunks = vec![Run { rows: 0..counts.len(), points: 0..tile.len() }];
        Ok(Self { height, counts, chunks })
    }

    /// Makes chunks of at most `most` points, or of a single row.
    pub fn divide(&mut self, most: u64) {
        self.chunks = vec![Run { rows: 0..0, points: 0..0 }];
        for (row, count) in self.counts.iter().enumerate() {
            let last = self.chunks.last_mut().expect("there is one from the start on");
            let held = last.points.end - last.points.start;
            if held > 0 && held + count > most {
                let end = last.points.end;
                self.chunks.push(Run { rows: row..row + 1, points: end..end + count });
            } else {
                last.rows.end = row + 1;
                last.points.end += count;
            }
        }
    }

    /// The number of chunks.
    pub fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The most points of a chunk, and the most with those around them, and the most rows of a chunk, with
    /// one before and one after it.
    pub fn largest(&self) -> Largest {
        let mut largest = Largest::default();
        for Run { rows, points } in &self.chunks {
            let count = |row: Option<usize>| row.and_then(|row| self.counts.get(row)).copied().unwrap_or(0);
            let around = count(rows.start.checked_sub(1)) + count(Some(rows.end));
            let own = points.end - points.start;
            largest.points = largest.points.max(own);
            largest.positions = largest.positions.max(own + around);
            largest.rows = largest.rows.max(rows.len() + 2);
        }
        largest
    }

    /// The rows of a chunk.
    pub fn of(&self, chunk: usize) -> Range<usize> {
        self.chunks[chunk].rows.clone()
    }

    /// Puts the records of each chunk together, in the order of the file.
    pub fn gather(&self, tile: &mut Tile, mut to: Spill) -> Result<Gathered> {
        let record = to.record();
        let room = (WAITING / self.chunks.len()).min(1 << 20) / record * record;
        let mut waiting = vec![Vec::new(); self.chunks.len()];
        let mut ends: Vec<u64> = self.chunks.iter().map(|chunk| chunk.points.start).collect();
        let chunk_of: Vec<u32> = (0..)
            .zip(&self.chunks)
            .flat_map(|(chunk, run)| std::iter::repeat_n(chunk, run.rows.len()))
            .collect();
        let lowest = tile.lowest[1];
        tile.each_batch(|points| {
            for (bytes, y) in points.raw_bytes().chunks_exact(record).zip(points.y_raw()) {
                let chunk = chunk_of[(y.abs_diff(lowest) / self.height) as usize] as usize;
                let waiting = &mut waiting[chunk];
                waiting.extend_from_slice(bytes);
                if waiting.len() >= room {
                    to.write(ends[chunk], waiting)?;
                    ends[chunk] += (waiting.len() / record) as u64;
                    waiting.clear();
                }
            }
            Ok(())
        })?;
        for (end, waiting) in ends.iter().zip(&waiting) {
            to.write(*end, waiting)?;
        }
        Ok(Gathered { records: to })
    }
}

/// The sizes of the largest chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Largest {
    pub points: u64,
    pub positions: u64,
    pub rows: usize,
}

/// Records, chunk by chunk.
pub struct Gathered {
    records: Spill,
}

/// The points of a chunk, in order.
pub struct Sorted {
    pub records: PointData,
    pub positions: Vec<[u32; 3]>,
    /// The index of the first position of each row, and after the last row the number of positions.
    pub starts: Vec<u32>,
}

impl Gathered {
    /// Reads and sorts a chunk.
    pub fn sorted(&mut self, tile: &Tile, rows: &Rows, chunk: usize) -> Result<Sorted> {
        let run = &rows.chunks[chunk];
        let mut records = self.records.read(run.points.clone(), &tile.header)?;
        let mut order: Vec<([u32; 4], u32)> = (0..)
            .zip(positions(&records))
            .map(|(index, position)| {
                let [x, y, z] = tile.place(position);
                ([y / rows.height, x, y, z], index)
            })
            .collect();
        order.par_sort_unstable();
        let (record, unsorted) = (records.record_len(), records.raw_bytes().to_vec());
        let bytes = records.resize_for(order.len());
        bytes.par_chunks_exact_mut(record).with_min_len(1 << 10).zip(&order).for_each(
            |(bytes, (_, index))| bytes.copy_from_slice(&unsorted[*index as usize * record..][..record]),
        );
        let positions: Vec<_> = order.par_iter().map(|([_, x, y, z], _)| [*x, *y, *z]).collect();
        let mut starts = Vec::with_capacity(run.rows.len() + 1);
        for row in run.rows.start..=run.rows.end {
            let start = order.partition_point(|([at, ..], _)| (*at as usize) < row);
            starts.push(u32::try_from(start)?);
        }
        Ok(Sorted { records, positions, starts })
    }
}
