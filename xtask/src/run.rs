//! Running other programs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a command failed, as text for the user.
pub(crate) struct Failure(pub(crate) String);

impl<T: std::fmt::Display> From<T> for Failure {
    fn from(error: T) -> Self {
        Self(error.to_string())
    }
}

/// The top of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The folder that cargo builds in.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A program to run.
pub(crate) struct Run(Command);

impl Run {
    /// A command line, without quotes.
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("true"));
        command.args(words);
        Self(command)
    }

    pub(crate) fn cargo(line: &str) -> Self {
        Self::new(&format!("cargo {line}"))
    }

    pub(crate) fn arguments<I: AsRef<std::ffi::OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs without these environment variables.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        for name in names {
            self.0.env_remove(name);
        }
        self
    }

    /// Puts a folder first in the search path for libraries.
    pub(crate) fn libraries(self, folder: &Path) -> Self {
        let mut path = folder.as_os_str().to_owned();
        if let Some(others) = std::env::var_os("LD_LIBRARY_PATH") {
            path.push(":");
            path.push(others);
        }
        self.env("LD_LIBRARY_PATH", path)
    }

    /// Runs the program. Fails unless it succeeds.
    pub(crate) fn go(mut self) -> Result<(), Failure> {
        let shown = self.shown();
        println!("   $ {shown}");
        let status = self.0.status().map_err(|error| format!("`{shown}` did not start: {error}"))?;
        if status.success() { Ok(()) } else { Err(Failure(format!("`{shown}` failed: {status}"))) }
    }

    /// Runs the program and returns its standard output.
    pub(crate) fn output(mut self) -> Result<String, Failure> {
        let shown = self.shown();
        self.0.stderr(std::process::Stdio::inherit());
        let output = self.0.output().map_err(|error| format!("`{shown}` did not start: {error}"))?;
        if !output.status.success() {
            return Err(Failure(format!("`{shown}` failed: {}", output.status)));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn shown(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }
}
