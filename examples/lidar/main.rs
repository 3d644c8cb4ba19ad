//! Features of the points of LAS and LAZ tiles: `cargo run --release --example lidar -- --help`.
//!
//! The files, in reading order: `cloud.rs` has the structs of buffers, `pipeline/mod.rs` the loop in which
//! uploads, kernels and downloads overlap, `step.rs` the kernels, `arguments.rs` the values that they take,
//! `shape.rs` what they compute, `kernels.cu` the same kernels for a card. `tile` reads and sorts tiles, and
//! `output` writes the results.
//!
//! On one backend, chunks of any size give the same bits. A card rounds each operation as the host does, so
//! its features should have the same bits too; `on_card.rs` allows a difference of 1e-4.

#![expect(unreachable_pub, reason = "in a program, `pub` means for the other modules")]

mod arguments;
mod cli;
mod cloud;
mod compare;
mod output;
mod pipeline;
mod report;
mod run;
mod shape;
mod step;
mod tile;

use std::{collections::HashMap, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;
use gpumem::{Device, DeviceBuilder, KernelBackend};

use cli::{Args, Choice};
use output::Paths;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all tiles were computed.
fn run(args: &Args) -> Result<bool> {
    let tiles = tiles(args)?;
    match args.backend {
        Choice::Host => Ok(all(&tiles, args, DeviceBuilder::host)),
        #[cfg(feature = "cuda")]
        Choice::Cuda => Ok(all(&tiles, args, |builder| builder.cuda(0))),
        #[cfg(not(feature = "cuda"))]
        Choice::Cuda => bail!(
            "this program was built without CUDA; build it with the feature `cuda`:\n    \
             cargo run --release --example lidar --features cuda -- --backend cuda"
        ),
    }
}

/// The tiles that were asked for, or one that the program makes.
fn tiles(args: &Args) -> Result<Vec<PathBuf>> {
    let mut results = HashMap::new();
    for tile in &args.tiles {
        if let Some(other) = results.insert(Paths::of(tile, &args.out).points, tile) {
            bail!(
                "{} and {} have the same name, so their results would too",
                other.display(),
                tile.display()
            );
        }
    }
    if !args.tiles.is_empty() {
        return Ok(args.tiles.clone());
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("there is no folder {}", args.out.display()))?;
    let path = args.out.join("landscape.laz");
    println!(
        "no tile was given: {} points of a landscape of the program's own go to {}",
        args.points,
        path.display()
    );
    tile::terrain::write(&path, args.points, args.seed)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(vec![path])
}

/// Computes all tiles, also after one that fails. Returns whether none failed.
fn all<B: KernelBackend>(
    tiles: &[PathBuf],
    args: &Args,
    open: impl Fn(DeviceBuilder) -> gpumem::Result<Device<B>>,
) -> bool {
    let mut good = true;
    for tile in tiles {
        if let Err(error) = run::run(tile, args, &open) {
            eprintln!("error: {}: {error:#}", tile.display());
            good = false;
        }
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn args(options: &[&str]) -> Args {
        Args::try_parse_from(["lidar"].iter().chain(options)).unwrap()
    }

    #[test]
    fn other_tiles_go_on_after_a_bad_one() {
        let (folder, tile) = tile::tests::landscape(2_000);
        let bad = folder.path().join("bad.laz");
        fs::write(&bad, "LASF, but not really").unwrap();
        let out = folder.path().join("new").join("folder");
        let [bad, tile, out] = [&bad, &tile, &out].map(|path| path.to_str().unwrap());
        let options = ["--out", out, "--size", "64", "--chunk", "600"];
        assert!(!run(&args(&[&[bad, tile][..], &options].concat())).unwrap());
        let written = Paths::of(tile.as_ref(), out.as_ref());
        assert!(written.points.exists() && written.picture.exists());
        // Nothing else: no file of the bad tile, and none that is temporary.
        assert_eq!(fs::read_dir(out).unwrap().count(), 2);
        assert!(run(&args(&[&[tile][..], &options, &["--naive"]].concat())).unwrap());
        assert!(run(&args(&[&[tile][..], &options, &["--compare"]].concat())).unwrap());
    }

    #[test]
    fn a_tile_may_have_no_extent() {
        for count in [1, 5] {
            let (folder, tile) = tile::tests::tile_of(vec![[7.0, -3.0, 2.0]; count]);
            let [tile, out] = [&tile, folder.path()].map(|path| path.to_str().unwrap());
            assert!(run(&args(&[tile, "--out", out, "--size", "64"])).unwrap());
        }
    }

    #[test]
    fn tiles_of_one_name_are_refused() {
        let error = run(&args(&["a/tile.las", "b/tile.laz"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a/tile.las and b/tile.laz have the same name, so their results would too"
        );
    }

    #[test]
    fn a_limit_that_is_too_small_says_what_to_do() {
        let (folder, tile) = tile::tests::landscape(2_000);
        let args =
            args(&[tile.to_str().unwrap(), "--out", folder.path().to_str().unwrap(), "--limit", "4KiB"]);
        let error = run::run(&tile, &args, &DeviceBuilder::host).unwrap_err();
        assert!(format!("{error:#}").contains("give a smaller --chunk"), "{error:#}");
    }

    #[test]
    fn without_a_tile_there_is_a_landscape() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        assert!(run(&args(&["--out", out, "--points", "2000", "--size", "64"])).unwrap());
        assert!(folder.path().join("landscape-features.png").exists());
    }
}
