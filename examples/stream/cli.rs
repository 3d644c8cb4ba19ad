//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum, value_parser};

/// Draws two galaxies that meet, frame by frame, while the next frames are computed.
#[derive(Debug, Parser)]
#[command(name = "stream", version)]
pub struct Args {
    /// The number of frames; films of any number of frames show the same events
    #[arg(long, value_name = "N", default_value_t = 96, value_parser = value_parser!(u32).range(2..=2_000))]
    pub frames: u32,

    /// The number of stars
    #[arg(long, value_name = "N", default_value_t = 400_000, value_parser = value_parser!(u32).range(2..=100_000_000))]
    pub stars: u32,

    /// The width of the film, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 480, value_parser = value_parser!(u32).range(64..=4_096))]
    pub size: u32,

    /// The file of the film, an animated PNG that any browser plays
    #[arg(long, value_name = "FILE", default_value = "stream.png")]
    pub out: PathBuf,

    /// The file of the plot of the overlap, an SVG
    #[arg(long, value_name = "FILE", default_value = "stream.svg")]
    pub plot: PathBuf,

    /// The frame that programs show if they do not play the film [default: the first]
    #[arg(long, value_name = "FRAME", value_parser = value_parser!(u32).range(1..))]
    pub cover: Option<u32>,

    /// The backend that computes the frames
    #[arg(long, value_enum, default_value_t)]
    pub backend: Choice,

    /// Wait for each frame before the next one begins, to see the time of the film without overlap
    #[arg(long)]
    pub one_by_one: bool,

    /// The seed of the stars' first positions; the same seed gives the same film
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// The values of `--backend`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Choice {
    /// One core of this machine
    #[default]
    Host,
    /// A CUDA card; requires the example to be built with `--features cuda`
    Cuda,
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
        for bad in [["--frames", "1"], ["--stars", "-1"], ["--size", "63"], ["--backend", "metal"]] {
            let error = Args::try_parse_from(["stream", bad[0], bad[1]]).unwrap_err().to_string();
            assert!(error.contains(bad[1]), "{error}");
        }
    }
}
