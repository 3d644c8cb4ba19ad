//! Records of one length in a file without a name, which the system removes when it is closed.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    ops::Range,
    path::Path,
};

use anyhow::{Context, Result};

pub struct Spill {
    file: File,
    record: usize,
    len: u64,
}

impl Spill {
    /// An empty file in `folder`.
    pub fn new(folder: &Path, record: usize) -> Result<Self> {
        let file = tempfile::tempfile_in(folder)
            .with_context(|| format!("no temporary file can be made in {}", folder.display()))?;
        Ok(Self { file, record, len: 0 })
    }

    /// The number of records.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The bytes of a record.
    pub fn record(&self) -> usize {
        self.record
    }

    /// Appends records.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(self.len, bytes)
    }

    /// Writes records from the index `at` on.
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        self.file.seek(SeekFrom::Start(at * self.record as u64))?;
        self.file.write_all(bytes).context("the temporary file cannot be written; is the disk full?")?;
        self.len = self.len.max(at + (bytes.len() / self.record) as u64);
        Ok(())
    }

    /// The bytes of these records.
    pub fn bytes(&mut self, records: Range<u64>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(records.end - records.start)? * self.record];
        self.file.seek(SeekFrom::Start(records.start * self.record as u64))?;
        self.file.read_exact(&mut bytes).context("the temporary file cannot be read")?;
        Ok(bytes)
    }
}
