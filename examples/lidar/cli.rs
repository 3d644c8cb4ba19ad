//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum, value_parser};

/// Computes features of the points of LAS and LAZ tiles: height above ground, normal, shape, density, colour.
///
/// For each tile, two files appear in the folder DIR: NAME-features.laz has the points, in the order of their
/// places, with the features as extra bytes; NAME-features.png is a picture. Lengths are in the unit of the
/// tile.
#[derive(Clone, Debug, Parser)]
#[command(name = "lidar", version)]
pub struct Args {
    /// The tiles [default: a landscape of the program's own]
    #[arg(value_name = "TILE")]
    pub tiles: Vec<PathBuf>,

    /// The folder of the results and of temporary files; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "lidar")]
    pub out: PathBuf,

    /// The radius of neighbourhoods [default: such that a circle has 24 points on average]
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pub radius: Option<f64>,

    /// The width of the widest building, which tells buildings from hills if the tile has no classes
    #[arg(long, value_name = "LENGTH", default_value = "40", value_parser = length)]
    pub widest: f64,

    /// The most points of a chunk, unless a row of the map has more [default: 250000, or as --limit allows]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub chunk: Option<u32>,

    /// The most memory of all buffers on the device, such as 512MiB [default: that of the device]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub limit: Option<u64>,

    /// The backend that computes the features
    #[arg(long, value_enum, default_value_t)]
    pub backend: Choice,

    /// One chunk after the other, with memory from the driver for each, and copies that block
    #[arg(long)]
    pub naive: bool,

    /// Compute all chunks both ways, three times each, from memory, and print both times; write nothing
    #[arg(long, conflicts_with = "naive")]
    pub compare: bool,

    /// The width of the picture, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1_200, value_parser = value_parser!(u32).range(64..=4_096))]
    pub size: u32,

    /// The number of points of the program's own landscape
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1_000..=10_000_000_000))]
    pub points: u64,

    /// The seed of that landscape
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// The values of `--backend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// The cores of this machine
    #[default]
    Host,
    /// A CUDA card; requires the example to be built with `--features cuda`
    Cuda,
}

fn length(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(length) if length > 0.0 && length.is_finite() => Ok(length),
        _ => Err("a length is a number above 0".into()),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let shift = match &text[digits..] {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err("a size is a number, with KiB, MiB or GiB after it".into()),
    };
    let number: u64 = text[..digits].parse().map_err(|_| "a size begins with a number".to_owned())?;
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or_else(|| "the size is 0 or too large".into())
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
        let bad = [
            ["--radius", "-1"],
            ["--radius", "NaN"],
            ["--chunk", "0"],
            ["--limit", "1 GB"],
            ["--limit", "99999999999GiB"],
            ["--backend", "metal"],
        ];
        for bad in bad {
            let error = Args::try_parse_from(["lidar", bad[0], bad[1]]).unwrap_err().to_string();
            assert!(error.contains(bad[1]), "{error}");
        }
        assert_eq!(size("3MiB"), Ok(3 << 20));
    }
}
