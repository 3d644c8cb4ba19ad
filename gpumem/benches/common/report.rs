//! The table, and the same rows as JSON.

use super::Failure;
use super::turns::Medians;
use gpumem::{Backend, Device};
use std::fs::File;
use std::io::Write as _;

/// The output of the rows: the table, and a file of JSON if one was asked for.
pub(crate) struct Report {
    json: Option<File>,
    backend: String,
}

/// One figure of a measurement: the suffix of the case's name, and the unit.
pub(crate) type Column = (&'static str, &'static str);

impl Report {
    pub(crate) fn new(json: Option<&str>) -> Result<Self, Failure> {
        let json = json.map(File::create).transpose()?;
        Ok(Self { json, backend: String::new() })
    }

    /// Prints the head of a table.
    pub(crate) fn begin<B: Backend>(&mut self, device: &Device<B>) {
        self.backend = name::<B>();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let limit = device.memory_limit() >> 20;
        println!("\n{}: {}, limit {limit} MiB; {cores} cores\n", self.backend, device.name());
        println!("| case | gpumem | | peer | | ratio |\n| --- | ---: | --- | --- | ---: | ---: |");
    }

    /// A row per figure and peer, if the peer has the figure.
    pub(crate) fn rows<const N: usize>(
        &mut self,
        case: &str,
        columns: [Column; N],
        medians: &[Medians<N>],
    ) -> Result<(), Failure> {
        let Some(((_, own), peers)) = medians.split_first() else { return Ok(()) };
        let own = match own {
            Ok(own) => own,
            Err(failure) => return self.note(case, &failure.to_string()),
        };
        for (index, (suffix, unit)) in columns.into_iter().enumerate() {
            let name = if suffix.is_empty() { case.to_owned() } else { format!("{case}: {suffix}") };
            let known: Vec<(&str, f64)> = peers
                .iter()
                .filter_map(|(peer, figures)| Some((*peer, figures.as_ref().ok()?[index])))
                .filter(|(_, figure)| figure.is_finite())
                .collect();
            if known.is_empty() {
                self.row(&name, own[index], unit, None)?;
            }
            for peer in known {
                self.row(&name, own[index], unit, Some(peer))?;
            }
        }
        for (peer, figures) in peers {
            if let Err(failure) = figures {
                self.note(case, &format!("{peer}: {failure}"))?;
            }
        }
        Ok(())
    }

    fn row(&mut self, case: &str, value: f64, unit: &str, peer: Option<(&str, f64)>) -> Result<(), Failure> {
        let ratio = peer.map(|(_, figure)| value / figure);
        let (name, figure) = peer.unzip();
        let text = |figure: Option<f64>| figure.map(digits).unwrap_or_default();
        println!(
            "| {case} | {} | {unit} | {} | {} | {} |",
            digits(value),
            name.unwrap_or_default(),
            text(figure),
            text(ratio)
        );
        let row = serde_json::json!({
            "case": case, "backend": self.backend, "value": value, "unit": unit,
            "peer": name, "peer_value": figure, "ratio": ratio,
        });
        if let Some(json) = &mut self.json {
            writeln!(json, "{row}")?;
        }
        Ok(())
    }

    /// A row without figures.
    pub(crate) fn note(&mut self, case: &str, note: &str) -> Result<(), Failure> {
        println!("| {case} | - | {note} | | | |");
        let row = serde_json::json!({ "case": case, "backend": self.backend, "value": null, "note": note });
        if let Some(json) = &mut self.json {
            writeln!(json, "{row}")?;
        }
        Ok(())
    }
}

/// The name of the backend for `--backend`.
pub(crate) fn name<B: Backend>() -> String {
    B::NAME.to_lowercase()
}

/// A size as text, in the largest unit in which it is a whole number.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}

/// A figure with three significant digits.
fn digits(figure: f64) -> String {
    let places = match figure.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        _ => 4,
    };
    format!("{figure:.places$}")
}
