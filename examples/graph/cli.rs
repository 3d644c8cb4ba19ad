//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum, value_parser};

/// Draws a graph: nodes push each other apart, edges pull them together.
///
/// The name of INPUT gives its format: `*.lock` is a Cargo.lock, `*.graph` and `*.metis` are METIS graphs,
/// `*.mtx` are matrices in the form of MatrixMarket, and any other name is a list of edges, with two nodes
/// per line and perhaps a weight, separated by a comma, a tab or spaces. An edge of more weight is a stiffer
/// spring.
#[expect(clippy::doc_markdown, reason = "the text is shown in a terminal")]
#[derive(Debug, Parser)]
#[command(name = "graph", version)]
pub struct Args {
    /// The graph [default: the Cargo.lock of this workspace]
    pub input: Option<PathBuf>,

    /// Draws a graph of 2^SCALE nodes at random (R-MAT, as in the Graph500 benchmark), instead of reading
    /// one
    #[arg(long, value_name = "SCALE", conflicts_with = "input", value_parser = value_parser!(u32).range(1..=26))]
    pub rmat: Option<u32>,

    /// The edges of a random graph, per node, before repeated ones are merged
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = value_parser!(u32).range(1..=64))]
    pub edge_factor: u32,

    /// Lets the graph arrive in BATCHES parts while the layout runs, each with its own `--steps` [default:
    /// 8]
    #[arg(long, value_name = "BATCHES", num_args = 0..=1, default_missing_value = "8",
          value_parser = value_parser!(u32).range(1..=10_000))]
    pub grow: Option<u32>,

    /// Draws the layout in a browser while it runs, on http://127.0.0.1:PORT (0: any free port), if the
    /// example is built with `--features watch` [default: 8316]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "8316")]
    pub watch: Option<u16>,

    /// Prints the steps per second with no frames, with frames that are downloaded async, and with frames
    /// that are downloaded by blocking calls. With `--backend cuda` also against the host. Draws no picture
    #[arg(long, conflicts_with_all = ["grow", "timeline", "watch"])]
    pub rates: bool,

    /// The number of steps
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = value_parser!(u32).range(1..))]
    pub steps: u32,

    /// The file of the picture: FILE.svg, or FILE.png if the example is built with `--features png`
    #[arg(long, value_name = "FILE", default_value = "graph.svg")]
    pub out: PathBuf,

    /// The file of a timeline of the device: FILE.html is a page for a browser, FILE.pftrace is for
    /// Perfetto, FILE.pickle for <https://pytorch.org/memory_viz>, FILE.csv an allocation log
    #[arg(long, value_name = "FILE")]
    pub timeline: Option<PathBuf>,

    /// The backend that computes the steps
    #[arg(long, value_enum, default_value_t)]
    pub backend: Choice,

    /// The seed of the nodes' first positions; the same seed gives the same picture
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// The values of `--backend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
pub enum Choice {
    /// The cores of this machine
    #[default]
    Host,
    /// A CUDA card; requires the example to be built with `--features cuda`
    Cuda,
}

/// The graph of the packages that this example is built from.
pub fn own_lockfile() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            ["--steps", "0"],
            ["--steps", "-1"],
            ["--backend", "metal"],
            ["--seed", "x"],
            ["--rmat", "27"],
            ["--grow", "0"],
        ] {
            let error = Args::try_parse_from(["graph", bad[0], bad[1]]).unwrap_err().to_string();
            assert!(error.contains(bad[1]), "{error}");
        }
    }
}
