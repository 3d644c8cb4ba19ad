//! The file of the picture: checked before the work begins, written after it.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
};

use anyhow::{Context, Result, bail};

#[derive(Clone, Copy)]
enum Format {
    Svg,
    #[cfg(feature = "png")]
    Png,
}

/// A file that can be written. It keeps its old contents until there is a picture.
pub struct Output<'a> {
    path: &'a Path,
    file: File,
    format: Format,
    /// Whether this program created the file, and has not written it yet.
    fresh: bool,
}

impl<'a> Output<'a> {
    /// Checks that a picture can be written to `path`.
    pub fn open(path: &'a Path) -> Result<Self> {
        let name = path.display();
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Format::Svg,
            #[cfg(feature = "png")]
            Some("png") => Format::Png,
            #[cfg(not(feature = "png"))]
            Some("png") => bail!(
                "this program was built without PNG; build it with the feature `png`:\n    \
                 cargo run --release --example graph --features png -- --out {name}"
            ),
            _ => bail!("cannot write a picture to {name}: expected a name that ends in .svg or .png"),
        };
        let fresh = !path.exists();
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("cannot write a picture to {name}"))?;
        Ok(Output { path, file, format, fresh })
    }

    /// Writes the picture.
    pub fn write(mut self, svg: &str) -> Result<()> {
        let bytes = match self.format {
            Format::Svg => svg.as_bytes(),
            #[cfg(feature = "png")]
            Format::Png => &crate::picture::png(svg)?,
        };
        self.fresh = false;
        self.file
            .set_len(0)
            .and_then(|()| self.file.write_all(bytes))
            .with_context(|| format!("cannot write the picture to {}", self.path.display()))
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        if self.fresh {
            // No picture was written. A file that cannot be removed is empty and does no harm.
            let _ = fs::remove_file(self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(path: &str) -> String {
        format!("{:#}", Output::open(Path::new(path)).map(|_| ()).unwrap_err())
    }

    #[test]
    fn only_pictures_can_be_written() {
        for path in ["graph.jpg", "graph", ".svg"] {
            assert!(complaint(path).ends_with("expected a name that ends in .svg or .png"), "{path}");
        }
    }

    #[test]
    #[cfg(not(feature = "png"))]
    fn the_way_to_a_png_is_told() {
        assert!(complaint("a.png").ends_with("--features png -- --out a.png"));
        assert!(!Path::new("a.png").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_found_out_early() {
        assert!(complaint("no/such/graph.svg").starts_with("cannot write a picture to no/such/graph.svg: "));
    }

    #[test]
    fn what_was_there_stays_until_there_is_a_picture() {
        let folder = std::env::temp_dir().join(format!("gpumem-graph-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (old, new) = (folder.join("old.svg"), folder.join("new.svg"));
        fs::write(&old, "a longer picture than the next").unwrap();

        drop((Output::open(&old).unwrap(), Output::open(&new).unwrap()));
        assert!(!new.exists());
        assert_eq!(fs::read_to_string(&old).unwrap(), "a longer picture than the next");

        Output::open(&old).unwrap().write("<svg/>").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "<svg/>");
        fs::remove_dir_all(&folder).unwrap();
    }
}
