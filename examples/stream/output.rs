//! A file that is written under another name until it is complete.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// A file that can be written. An older file of its name stays until [`finish`](Self::finish).
pub struct Output {
    path: PathBuf,
    /// The name of the file until it is complete.
    part: PathBuf,
    file: File,
}

impl Output {
    /// Checks that a file can be written at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let complaint = || format!("cannot write to {}", path.display());
        let mut name = path.file_name().with_context(complaint)?.to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let file = File::create_new(&part).with_context(complaint)?;
        Ok(Output { path: path.to_owned(), part, file })
    }

    /// A handle of the file, for writes.
    pub fn file(&self) -> Result<File> {
        self.file.try_clone().with_context(|| format!("cannot write to {}", self.path.display()))
    }

    /// Writes `bytes` as the whole file, and gives it its name.
    pub fn write(mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).with_context(|| format!("cannot write to {}", self.path.display()))?;
        self.finish()
    }

    /// Gives the file its name.
    pub fn finish(self) -> Result<()> {
        fs::rename(&self.part, &self.path).with_context(|| format!("cannot write to {}", self.path.display()))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // After `finish` there is no file of this name. A file that cannot be removed does no harm.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A folder for one test.
    pub struct Folder(PathBuf);

    impl Folder {
        pub fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("gpumem-stream-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        pub fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_cannot_be_written_is_found_out_early() {
        for path in ["no/such/stream.png", "..", "/"] {
            let error = Output::open(Path::new(path)).map(|_| ()).unwrap_err();
            assert!(format!("{error:#}").starts_with(&format!("cannot write to {path}")), "{error:#}");
        }
    }

    #[test]
    fn what_was_there_stays_until_there_is_something_new() {
        let folder = Folder::new("output");
        let (old, new) = (folder.path("old.svg"), folder.path("new.svg"));
        fs::write(&old, "a longer text than the next").unwrap();

        drop((Output::open(&old).unwrap(), Output::open(&new).unwrap()));
        assert_eq!(fs::read_dir(old.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(&old).unwrap(), "a longer text than the next");

        Output::open(&old).unwrap().write(b"<svg/>").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "<svg/>");
        assert_eq!(fs::read_dir(old.parent().unwrap()).unwrap().count(), 1);
    }
}
