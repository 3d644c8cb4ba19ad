//! The files of a tile: a LAZ file with the features, and a picture.

pub mod extra_bytes;
pub mod picture;
pub mod shade;

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use las::{Header, PointData, PointDataBuilder, Writer};
use rayon::prelude::*;
use tempfile::TempPath;

use crate::{cloud::Columns, tile::chunks::Chunk};
use extra_bytes::{Dimensions, header_with};

/// Writes the records of a tile with their features, in the order of the chunks.
pub struct Output {
    writer: Writer<BufWriter<File>>,
    dimensions: Dimensions,
    /// The file has another name until it is complete. If it never is, it is removed.
    path: TempPath,
}

impl Output {
    /// Begins the file `to`.
    pub fn new(to: &Path, header: &Header) -> Result<Self> {
        let (header, dimensions) = header_with(header)?;
        let path = to.with_extension("part");
        let file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        let path = TempPath::try_from_path(path)?;
        let writer = Writer::new(BufWriter::new(file), header).context("the header cannot be written")?;
        Ok(Self { writer, dimensions, path })
    }

    /// Appends a chunk.
    pub fn add(&mut self, chunk: &Chunk, features: Columns<'_>) -> Result<()> {
        let points = self.with_features(&chunk.records, features)?;
        self.writer.write_points(&points).context("the points cannot be written")
    }

    /// Each record, followed by its features.
    fn with_features(&self, records: &PointData, features: Columns<'_>) -> Result<PointData> {
        let mut points = PointDataBuilder::new().for_header(self.writer.header()).build();
        let (short, long) = (records.record_len(), points.record_len());
        let bytes = points.resize_for(records.len());
        let columns: Vec<_> = features.scalars.into_iter().filter(|column| !column.is_empty()).collect();
        debug_assert_eq!(columns.len() + 3, self.dimensions.names.len());
        bytes.par_chunks_exact_mut(long).with_min_len(1 << 10).enumerate().for_each(|(index, bytes)| {
            let (record, extra) = bytes.split_at_mut(short);
            record.copy_from_slice(&records.raw_bytes()[index * short..][..short]);
            let values =
                features.normals[index].into_iter().chain(columns.iter().map(|column| column[index]));
            for (bytes, value) in extra.chunks_exact_mut(size_of::<f32>()).zip(values) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
        });
        Ok(points)
    }

    /// Completes the file, and gives it its name.
    pub fn finish(mut self, path: &Path) -> Result<()> {
        self.writer.close().context("the file cannot be completed")?;
        drop(self.writer);
        self.path.persist(path).with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// The paths of the files of a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub points: PathBuf,
    pub picture: PathBuf,
}

impl Paths {
    pub fn of(tile: &Path, folder: &Path) -> Self {
        let name = tile.file_stem().unwrap_or(tile.as_os_str()).to_string_lossy();
        Self {
            points: folder.join(format!("{name}-features.laz")),
            picture: folder.join(format!("{name}-features.png")),
        }
    }
}

#[cfg(test)]
mod tests;
