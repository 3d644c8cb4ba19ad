//! Reads a graph from a file, by the file's name: a Cargo.lock, a METIS graph, a matrix or a list of edges.
//!
//! Every error gives the place in the file and the text that the reader expected there.

mod edge_list;
mod lockfile;
mod matrix_market;
mod metis;
pub mod network;
mod rmat;

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result, ensure};

use network::Network;

pub use rmat::rmat;

/// An error in a line of the input.
#[derive(Debug)]
struct BadLine {
    /// Counted from 1, as editors do.
    line: usize,
    /// The expected and the actual text.
    message: String,
}

impl BadLine {
    fn new(line: usize, message: impl Into<String>) -> Self {
        BadLine { line, message: message.into() }
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Reads the graph in `path`.
pub fn read(path: &Path) -> Result<Network> {
    let file = path.display();
    let bytes = fs::read(path).with_context(|| format!("cannot read {file}"))?;
    let parse = match path.extension().and_then(|extension| extension.to_str()) {
        Some("lock") => lockfile::parse,
        Some("graph" | "metis") => metis::parse,
        Some("mtx") => matrix_market::parse,
        _ => edge_list::parse,
    };
    let network = text(&bytes).and_then(parse).map_err(|bad| anyhow::anyhow!("{file}, {bad}"))?;
    ensure!(network.nodes > 0, "{file} holds no graph: it has no nodes");
    Ok(network)
}

/// The file as text, without the byte order mark that some editors put at the start.
fn text(bytes: &[u8]) -> Result<&str, BadLine> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        BadLine::new(line, "expected text in UTF-8, found other bytes")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The weight of an edge.
fn weight(line: usize, word: Option<&str>) -> Result<f32, BadLine> {
    let found = word.map_or("the end of the line".into(), quoted);
    word.and_then(|word| word.parse().ok())
        .filter(|weight: &f32| *weight > 0.0 && weight.is_finite())
        .ok_or_else(|| {
            BadLine::new(line, format!("expected a weight of the edge, a number above 0, found {found}"))
        })
}

/// `word` for a message: in quotes, and cut if it is long.
fn quoted(word: &str) -> String {
    match word.char_indices().nth(40) {
        Some((end, _)) => format!("`{}...`", word[..end].escape_debug()),
        None => format!("`{}`", word.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A file in the folder of real inputs beside the checkout. If there is none, prints that.
    fn shared(name: &str) -> Option<PathBuf> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
        if !path.exists() {
            eprintln!("skipped: {} is not here", path.display());
        }
        path.exists().then_some(path)
    }

    #[test]
    fn the_workspace_has_a_graph() {
        let network = read(&crate::cli::own_lockfile()).unwrap();
        assert!(network.names.iter().any(|name| name == "gpumem"));
        assert!(network.edges.len() + 1 >= network.nodes as usize);
    }

    #[test]
    fn real_files() {
        for (name, nodes, edges) in
            [("lastfm_asia_edges.csv", 7_624, 27_806), ("wing.graph", 62_032, 121_544)]
        {
            if let Some(path) = shared(name) {
                let network = read(&path).unwrap();
                assert_eq!((network.nodes, network.edges.len()), (nodes, edges), "{name}");
            }
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("no/such.csv")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read no/such.csv");
    }

    #[test]
    fn bytes_that_are_no_text() {
        let bad = text(b"1,2\n3,\xff\n").unwrap_err();
        assert_eq!(bad.to_string(), "line 2: expected text in UTF-8, found other bytes");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(text("\u{feff}1 2".as_bytes()).unwrap(), "1 2");
    }
}
