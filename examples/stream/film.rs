//! The film: an animated PNG that is written frame by frame.

use std::{
    fs::File,
    io::BufWriter,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use png::{BitDepth, ColorType, Encoder, Filter, Writer};

use crate::{
    output::Output,
    pipeline::Draw,
    sky::{Sky, palette},
};

/// Frames per second.
const PACE: u16 = 24;
/// A film that takes less time has no progress bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A film that is being drawn.
pub struct Film {
    sky: Sky,
    writer: Writer<BufWriter<File>>,
    output: Output,
    bar: Bar,
}

/// A progress bar that appears after `PATIENCE`.
struct Bar {
    bar: ProgressBar,
    begun: Instant,
}

impl Film {
    /// Begins a film of `frames` frames. The cover is a picture before the first frame. It is not part of the
    /// film: programs show it if they do not play the film.
    pub fn new(output: Output, sky: Sky, frames: u32, cover: Option<&[u8]>) -> Result<Self> {
        let [width, height] = sky.size().map(u32::try_from);
        let mut encoder = Encoder::new(BufWriter::new(output.file()?), width?, height?);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_palette(palette());
        // The difference of two indices of a palette has no meaning.
        encoder.set_filter(Filter::NoFilter);
        // The film is played again and again.
        encoder.set_animated(frames, 0)?;
        encoder.set_frame_delay(1, PACE)?;
        encoder.set_sep_def_img(cover.is_some())?;
        // A film with too few frames is an error.
        encoder.validate_sequence(true);
        let mut writer = encoder.write_header().context("cannot write the film")?;
        if let Some(cover) = cover {
            writer.write_image_data(cover).context("cannot write the film")?;
        }
        Ok(Film { sky, writer, output, bar: Bar::new(frames) })
    }

    /// Gives the film its name, after all frames were written.
    pub fn finish(self) -> Result<()> {
        self.writer.finish().context("cannot write the film")?;
        self.output.finish()
    }
}

impl Draw for Film {
    fn draw(&mut self, positions: &[[f32; 2]], velocities: &[[f32; 2]]) -> Result<()> {
        let picture = self.sky.draw(positions, velocities);
        self.writer.write_image_data(&picture).context("cannot write the film")?;
        self.bar.step();
        Ok(())
    }
}

impl Bar {
    fn new(frames: u32) -> Self {
        let style = ProgressStyle::with_template("{bar:40} frame {pos} of {len}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(frames.into()), ProgressDrawTarget::hidden());
        Bar { bar: bar.with_style(style), begun: Instant::now() }
    }

    fn step(&mut self) {
        self.bar.inc(1);
        // The bar is drawn on a terminal only.
        if self.bar.is_hidden() && self.begun.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::Folder;
    use png::Decoder;
    use std::{fs, io::BufReader};

    #[test]
    fn a_film_can_be_read_again() {
        let folder = Folder::new("film");
        let path = folder.path("film.png");
        let stars = [[[0.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]];
        let mut film = Film::new(Output::open(&path).unwrap(), Sky::new(160, 2, 1.0), 3, None).unwrap();
        for positions in &stars {
            film.draw(positions, &[[0.5, 0.5]; 2]).unwrap();
        }
        film.finish().unwrap();

        let mut reader = Decoder::new(BufReader::new(File::open(&path).unwrap())).read_info().unwrap();
        assert_eq!(reader.info().size(), (160, 100));
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 3);
        let (mut sky, mut pixels) = (Sky::new(160, 2, 1.0), vec![0; reader.output_buffer_size().unwrap()]);
        for positions in &stars {
            let frame = reader.next_frame(&mut pixels).unwrap();
            assert_eq!(pixels[..frame.buffer_size()], sky.draw(positions, &[[0.5, 0.5]; 2]));
        }
        assert!(reader.next_frame(&mut pixels).is_err());
    }

    #[test]
    fn a_cover_is_shown_and_not_played() {
        let folder = Folder::new("cover");
        let path = folder.path("film.png");
        let mut sky = Sky::new(160, 2, 1.0);
        let cover = sky.draw(&[[1.0, 0.0], [0.0, 1.0]], &[[0.5, 0.5]; 2]);
        let mut film = Film::new(Output::open(&path).unwrap(), sky, 2, Some(&cover)).unwrap();
        for _ in 0..2 {
            film.draw(&[[0.0; 2]; 2], &[[0.0; 2]; 2]).unwrap();
        }
        film.finish().unwrap();

        let mut reader = Decoder::new(BufReader::new(File::open(&path).unwrap())).read_info().unwrap();
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 2);
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(pixels == cover && reader.info().frame_control().is_none());
        for _ in 0..2 {
            reader.next_frame(&mut pixels).unwrap();
            assert!(pixels != cover && reader.info().frame_control().is_some());
        }
    }

    #[test]
    fn a_film_that_lacks_a_frame_is_none() {
        let folder = Folder::new("short-film");
        let path = folder.path("film.png");
        let mut film = Film::new(Output::open(&path).unwrap(), Sky::new(160, 2, 1.0), 2, None).unwrap();
        film.draw(&[[0.0; 2]; 2], &[[0.0; 2]; 2]).unwrap();
        assert!(film.finish().is_err());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }
}
