//! The files of the workspace, for tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the workspace.
///
/// # Panics
///
/// Never: this crate lies in a folder of it.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

/// All Rust files below a folder: their paths from the top of the workspace, and their contents.
///
/// # Panics
///
/// If there is no such folder.
#[must_use]
pub fn sources(folder: impl AsRef<Path>) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(&folder)).expect("the folder is there") {
        let path = folder.as_ref().join(entry.expect("it can be read").file_name());
        if root().join(&path).is_dir() {
            found.append(&mut sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            found.push((path, text));
        }
    }
    found.sort();
    found
}

/// The contents of a file, by its path from the top of the workspace.
///
/// # Panics
///
/// If there is no such file.
#[must_use]
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
