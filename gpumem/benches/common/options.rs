//! The command line.

use super::Failure;
use pico_args::Arguments;

/// The options that every benchmark has.
pub(crate) struct Options {
    backend: Option<String>,
    pub(crate) case: String,
    pub(crate) quick: bool,
    pub(crate) json: Option<String>,
}

impl Options {
    /// Reads the command line. `own` takes out the options that only this benchmark has.
    pub(crate) fn read<X>(
        own: impl FnOnce(&mut Arguments) -> Result<X, pico_args::Error>,
    ) -> Result<(Self, X), Failure> {
        let mut args = Arguments::from_env();
        // Cargo passes this to every benchmark.
        let _ = args.contains("--bench");
        let options = Self {
            backend: args.opt_value_from_str("--backend")?,
            case: args.opt_value_from_str("--case")?.unwrap_or_default(),
            quick: args.contains("--quick"),
            json: args.opt_value_from_str("--json")?,
        };
        let own = own(&mut args)?;
        match args.finish().first() {
            Some(rest) => Err(format!("what is {}?", rest.to_string_lossy()).into()),
            None if !options.backend.as_deref().is_none_or(|name| ["host", "cuda"].contains(&name)) => {
                Err("--backend is host or cuda".into())
            }
            None => Ok((options, own)),
        }
    }

    pub(crate) fn wants(&self, backend: &str) -> bool {
        self.backend.as_deref().is_none_or(|wanted| wanted == backend)
    }

    /// How many times each measurement is taken.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    /// The amount of work to do: `full`, or with `--quick` a tenth of it and at least 1.
    pub(crate) fn share(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(1) } else { full }
    }
}
