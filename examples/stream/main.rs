//! Two galaxies that meet, as a moving picture: `cargo run --release --example stream -- --help`.
//!
//! The device computes steps while the frames of earlier steps are downloaded and drawn. The files, in
//! reading order: `pipeline.rs` has the task that awaits frames under tokio, `galaxies.rs` the struct of
//! buffers, `step.rs` the kernels, `kernels.cu` the same kernels for a card. `film.rs` writes the film, and
//! `plot.rs` draws the plot of the overlap.

#![expect(unreachable_pub, reason = "in a program, `pub` means for the other modules")]

mod cli;
mod film;
mod galaxies;
mod output;
mod physics;
mod pipeline;
mod plot;
mod sky;
mod step;
mod timeline;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use gpumem::{AnyDevice, Device, on_device};

use cli::{Args, Choice};
use film::Film;
use galaxies::Galaxies;
use output::Output;
use physics::Story;
use pipeline::Outcome;
use sky::Sky;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    // All arguments are checked before anything is computed.
    if let Some(cover) = args.cover {
        ensure!(cover <= args.frames, "the film has {} frames, so none is frame {cover}", args.frames);
    }
    let (film, plot) = (Output::open(&args.out)?, Output::open(&args.plot)?);
    let device = open(args.backend)?;
    let story = Story::of(args.frames);
    let galaxies = Galaxies::new(args.stars, story, args.seed);
    let mut sky = Sky::new(args.size, args.stars, story.frame_time());
    let cover = args.cover.map(|frame| cover(frame, &galaxies, story, &mut sky));
    let film = Film::new(film, sky, args.frames, cover.as_deref())?;

    // One thread is enough: the runtime only waits. The device and the drawing have their own threads.
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("tokio does not start")?;
    let outcome = on_device!(device, |device| {
        runtime.block_on(pipeline::run(device, &galaxies, story, film, args.one_by_one))
    })?;
    let Outcome { drawing: film, timeline, stats } = outcome;
    film.finish()?;
    plot.write(plot::svg(&timeline).as_bytes())?;
    println!("film: {}, plot of overlap: {}", args.out.display(), args.plot.display());
    println!(
        "{} stars, {} frames, {} async downloads: {timeline}",
        args.stars, args.frames, stats.async_downloads
    );
    Ok(())
}

/// The picture of a frame, ahead of the film. The PNG begins with it.
fn cover(frame: u32, galaxies: &Galaxies, story: Story, sky: &mut Sky) -> Vec<u8> {
    let [positions, velocities] = step::stars_at(frame, galaxies, story);
    sky.draw(&positions, &velocities)
}

fn open(backend: Choice) -> Result<AnyDevice> {
    match backend {
        Choice::Host => Ok(AnyDevice::Host(Device::host())),
        #[cfg(feature = "cuda")]
        Choice::Cuda => Ok(AnyDevice::Cuda(Device::cuda(0)?)),
        #[cfg(not(feature = "cuda"))]
        Choice::Cuda => anyhow::bail!(
            "this program was built without CUDA; build it with the feature `cuda`:\n    \
             cargo run --release --example stream --features cuda -- --backend cuda"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{self, File},
        io::BufReader,
        path::Path,
    };

    fn args(options: &str) -> Args {
        Args::try_parse_from(["stream"].into_iter().chain(options.split_whitespace())).unwrap()
    }

    /// The README shows a film, and has the command that draws it. This test computes the cover only.
    #[test]
    fn the_film_of_the_readme_is_current() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let readme = fs::read_to_string(root.join("README.md")).unwrap();
        let command = readme.split('`').find(|code| code.ends_with("--out docs/stream.png")).unwrap();
        let args = args(command.split_once(" -- ").unwrap().1);
        let story = Story::of(args.frames);
        let mut sky = Sky::new(args.size, args.stars, story.frame_time());
        let size = sky.size();
        let cover = cover(args.cover.unwrap(), &Galaxies::new(args.stars, story, args.seed), story, &mut sky);

        let film = BufReader::new(File::open(root.join(&args.out)).unwrap());
        let mut film = png::Decoder::new(film).read_info().unwrap();
        let info = film.info();
        let frames = info.animation_control().map(|film| film.num_frames);
        assert_eq!([info.width, info.height].map(|length| length as usize), size, "{command}");
        assert_eq!(
            (frames, info.palette.as_deref()),
            (Some(args.frames), Some(&*sky::palette())),
            "{command}"
        );
        let mut still = vec![0; film.output_buffer_size().unwrap()];
        film.next_frame(&mut still).unwrap();
        // Sines of another machine may differ in the last bit, and move a star to the next pixel.
        let different = still.iter().zip(&cover).filter(|(old, new)| old != new).count();
        assert!(
            different < cover.len() / 100,
            "{different} pixels are different now; draw it anew: {command}"
        );
    }

    #[test]
    fn a_cover_that_is_no_frame_is_refused() {
        let error = run(&args("--frames 10 --cover 11")).unwrap_err();
        assert_eq!(error.to_string(), "the film has 10 frames, so none is frame 11");
    }
}
