//! One tile, from its file to the results.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use gpumem::{Device, DeviceBuilder, Error, KernelBackend};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::Args,
    compare::{Round, compare},
    output::{Output, Paths, picture::Picture, shade},
    pipeline::{self, Outcome, Work, one_by_one},
    report,
    tile::{
        Tile,
        chunks::{Plan, Sizes},
        radius_for,
    },
};

/// The points of a circle on average, unless there is a radius.
const POINTS: f64 = 24.0;
/// The most points of a chunk, unless there is another number.
const CHUNK: u32 = 250_000;

/// Computes and writes the features of a tile on devices that `open` opens.
pub fn run<B: KernelBackend>(
    path: &Path,
    args: &Args,
    open: &impl Fn(DeviceBuilder) -> gpumem::Result<Device<B>>,
) -> Result<()> {
    let (mut plan, read, sorted) = plan(path, args)?;
    // Several devices share the limit. A single one works without a pipeline, and retains no memory.
    let open = |devices: u64| {
        let builder = if devices > 1 { Device::builder() } else { Device::builder().retain(0) };
        open(match args.limit {
            Some(limit) => builder.memory_limit((limit / devices).max(1)),
            None => builder,
        })
    };
    if args.compare {
        let rounds = compare(&mut plan, open).map_err(explain)?;
        let [naive, pipelined] =
            [Round::median(&rounds, |round| &round.naive), Round::median(&rounds, |round| &round.pipelined)];
        report::compared(&plan, B::NAME, naive, pipelined);
        return Ok(());
    }
    let began = Instant::now();
    let paths = Paths::of(path, &args.out);
    let outcome = write(&mut plan, args, &paths, open).map_err(explain)?;
    report::tile(&plan, B::NAME, &report::Times { read, sorted, written: began.elapsed() }, &outcome);
    println!("  {}\n  {}", paths.points.display(), paths.picture.display());
    Ok(())
}

/// Reads and sorts a tile. Returns how long each took.
fn plan(path: &Path, args: &Args) -> Result<(Plan, Duration, Duration)> {
    fs::create_dir_all(&args.out).with_context(|| format!("there is no folder {}", args.out.display()))?;
    let began = Instant::now();
    let bar = bar("reading");
    let tile = Tile::read(path, &args.out, |points| bar.set_position(points));
    bar.finish_and_clear();
    let mut tile = tile?;
    let read = began.elapsed();
    let radius = match args.radius {
        Some(radius) => radius,
        None => radius_for(POINTS, tile.len(), tile.area()?)?,
    };
    // A chunk that was asked for is not made smaller.
    let room = match (args.chunk, args.limit) {
        (None, Some(limit)) => limit / if args.naive { 1 } else { 2 },
        _ => u64::MAX,
    };
    let sizes = Sizes { radius, chunk: args.chunk.unwrap_or(CHUNK).into(), room, widest: args.widest };
    let plan = Plan::new(tile, &args.out, sizes)?;
    Ok((plan, read, began.elapsed() - read))
}

/// Computes the features of a tile, and writes them and the picture.
fn write<B: KernelBackend>(
    plan: &mut Plan,
    args: &Args,
    paths: &Paths,
    open: impl Fn(u64) -> gpumem::Result<Device<B>>,
) -> Result<Outcome> {
    let mut output = Output::new(&paths.points, &plan.tile.header)?;
    let mut picture = Picture::new(plan, args.size, args.widest);
    let (work, bar) = (Work::of(plan), bar("computing"));
    bar.set_length(plan.tile.len());
    let take = |chunk: &pipeline::Chunk, features: pipeline::Columns<'_>| {
        output.add(chunk, features)?;
        picture.add(chunk, features);
        bar.inc(chunk.step.count.into());
        Ok(())
    };
    let outcome = if args.naive {
        one_by_one::run(open(1)?, &work, plan.chunks(), take)
    } else {
        pipeline::run([open(2)?, open(2)?], &work, plan.chunks(), take)
    };
    bar.finish_and_clear();
    let outcome = outcome?;
    output.finish(&paths.points)?;
    let file = File::create(&paths.picture)
        .with_context(|| format!("{} cannot be written", paths.picture.display()))?;
    shade::write(picture, BufWriter::new(file))?;
    Ok(outcome)
}

/// Adds advice to an error of the device.
fn explain(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Error>() {
        Some(Error::DeviceLimit { .. } | Error::OutOfMemory { .. }) => error
            .context("a chunk does not fit; give a smaller --chunk, a smaller --radius or a larger --limit"),
        _ => error,
    }
}

/// A progress bar, which is drawn on a terminal only.
fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos} points");
    ProgressBar::new(0).with_message(what).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
