//! Tables for people to read: names and notes to the left, figures to the right.

use std::fmt;

/// A table with a line of headings. `N` counts all columns. The first has names, and one without a heading
/// has notes.
pub(super) struct TextTable<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> TextTable<N> {
    pub(super) fn new(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned)] }
    }

    /// Adds a row: its name, and the other columns.
    pub(super) fn row<const M: usize>(&mut self, name: &str, columns: [String; M]) {
        const { assert!(M + 1 == N, "as many columns as headings") };
        let mut columns = columns.into_iter();
        let column = |index| if index == 0 { name.to_owned() } else { columns.next().unwrap_or_default() };
        self.rows.push(std::array::from_fn(column));
    }
}

impl<const N: usize> fmt::Display for TextTable<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = format!("{:<1$}", row[0], widths[0]);
            for ((text, width), heading) in row.iter().zip(widths).zip(&self.rows[0]).skip(1) {
                line.push_str("  ");
                let figure =
                    if heading.is_empty() { format!("{text:<width$}") } else { format!("{text:>width$}") };
                line.push_str(&figure);
            }
            let end = if number == 0 { "" } else { "\n" };
            write!(f, "{end}{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A share in percent, or nothing.
pub(super) fn share(share: Option<f64>) -> String {
    share.map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share))
}
