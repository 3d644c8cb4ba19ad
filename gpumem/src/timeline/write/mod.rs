//! The files that a history is written to, each in a format of another program except the page.

mod actions;
mod csv;
mod html;
mod json;
mod lanes;
mod perfetto;
mod pickle;

use super::history::{About, History};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

/// The number of events.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventCounts {
    pub(super) events: u64,
    pub(super) forgotten: u64,
}

type Write = fn(&About, &History, EventCounts) -> Vec<u8>;

fn writer(path: &Path) -> Option<Write> {
    match path.extension().and_then(OsStr::to_str)? {
        "html" => Some(html::page),
        "pftrace" => Some(perfetto::trace),
        "pickle" => Some(pickle::snapshot),
        "csv" => Some(csv::log),
        _ => None,
    }
}

/// Whether the extension of a path is that of a format.
pub(crate) fn is_known(path: &Path) -> bool {
    writer(path).is_some()
}

/// Writes a history to a file.
pub(super) fn write(path: &Path, about: &About, history: &History, counts: EventCounts) -> io::Result<()> {
    let Some(write) = writer(path) else {
        let what = format!("{}: a timeline is written to .html, .pftrace, .pickle or .csv", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    };
    fs::write(path, write(about, history, counts))
}
