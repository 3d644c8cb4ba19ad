//! The PTX files of the workspace.

use super::*;
use std::path::{Path, PathBuf};

/// The PTX files of the workspace, with their paths from its root.
pub(super) fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for folder in ["examples", "gpumem", "tests"] {
        collect(&root.join(folder), &mut found);
    }
    found.sort();
    let with_text = |path: PathBuf| {
        let file = std::fs::read(&path).unwrap();
        (path.strip_prefix(root).unwrap().to_owned(), text(&file).unwrap().to_owned())
    };
    found.into_iter().map(with_text).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "ptx") {
            found.push(path);
        }
    }
}

/// The kernels of a file, a line each: `frame(28 bytes aligned to 4, an `f32`)`.
pub(super) fn signatures(ptx: &Ptx) -> Vec<String> {
    let signature = |entry: &Entry| {
        let params: Vec<String> = entry.params.iter().map(ToString::to_string).collect();
        let block = match (entry.required_block, entry.max_block) {
            (Some(block), _) => format!(" {block:?}"),
            (None, Some(block)) => format!(" up to {block:?}"),
            (None, None) => String::new(),
        };
        format!("{}({}){block}", entry.name, params.join("; "))
    };
    ptx.entries.iter().map(signature).collect()
}

#[test]
fn every_file_of_the_workspace_is_read() {
    let files = files();
    assert!(files.len() >= 4, "{} files", files.len());
    for (path, text) in files {
        let ptx = read(&text).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        let lines: Vec<&str> = text.lines().collect();
        let count = lines.iter().filter(|line| line.starts_with(".visible .entry ")).count();
        assert_eq!(ptx.entries.len(), count, "{}", path.display());
        assert_eq!(ptx.address_size, 64, "{}", path.display());
        for entry in &ptx.entries {
            assert!(lines[entry.line as usize - 1].contains(&format!(".entry {}(", entry.name)));
            for param in &entry.params {
                assert!(lines[param.line as usize - 1].contains(&param.name));
            }
        }
    }
}

/// The signatures of a file of the workspace.
fn of(path: &str) -> Vec<String> {
    let files = files();
    let (_, text) = files.iter().find(|(file, _)| file == Path::new(path)).unwrap();
    signatures(&read(text).unwrap())
}

#[test]
fn the_kernels_that_the_tests_use() {
    let pointer = "a 64-bit integer (a pointer may be passed as one)";
    assert_eq!(
        of("tests/src/kernels.ptx"),
        [format!("occupy({pointer})"), format!("add_one({pointer}; a 32-bit integer)")]
    );
    assert_eq!(
        of("gpumem/benches/transfers/occupy.ptx"),
        [format!("occupy({pointer})"), format!("nothing({pointer}; {pointer}; a 32-bit integer)")]
    );
}
