//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum, value_parser};

/// Draws a graph: nodes push each other apart, edges pull them together.
///
/// INPUT is told apart by its name: `*.lock` is a Cargo.lock, `*.graph` and `*.metis` are METIS graphs, and anything else
/// is a list of edges, two nodes a line, apart by a comma, a tab or spaces.
#[derive(Debug, Parser)]
#[command(name = "graph", version)]
pub struct Args {
    /// The graph [default: the Cargo.lock of this workspace]
    pub input: Option<PathBuf>,

    /// How many steps the nodes move
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = value_parser!(u32).range(1..))]
    pub steps: u32,

    /// Where the picture goes: FILE.svg, or FILE.png where the example is built with `--features png`
    #[arg(long, value_name = "FILE", default_value = "graph.svg")]
    pub out: PathBuf,

    /// What computes the steps
    #[arg(long, value_enum, default_value_t)]
    pub backend: Choice,

    /// Where the nodes start; the same seed gives the same picture
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// What `--backend` can be.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Choice {
    /// The cores of this machine
    #[default]
    Host,
    /// A CUDA card; wants the example built with `--features cuda`
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
        for bad in [["--steps", "0"], ["--steps", "-1"], ["--backend", "metal"], ["--seed", "x"]] {
            let error = Args::try_parse_from(["graph", bad[0], bad[1]]).unwrap_err().to_string();
            assert!(error.contains(bad[1]), "{error}");
        }
    }
}
