//! A matrix in the coordinate form of `MatrixMarket`: a banner `%%MatrixMarket matrix coordinate real
//! symmetric`, a line `rows columns entries`, then one line `row column [value]` per entry, counted from 1.
//!
//! Rows and columns are the nodes, so there are as many of both. An entry off the diagonal is an edge, and
//! its magnitude is the weight. An entry of value 0 is no edge. If the matrix has both halves (`general`),
//! an edge has the sum of both entries.

use super::{BadLine, quoted};
use crate::input::network::Network;

pub(super) fn parse(text: &str) -> Result<Network, BadLine> {
    let Some(banner) = text.lines().next() else { return Ok(Network::default()) };
    let values = Values::of(banner)?;
    let mut lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('%'));
    let (number, line) = lines
        .next()
        .ok_or_else(|| BadLine::new(1, "expected `rows columns entries` below it, found the end"))?;
    let (nodes, entries) = size(number, line)?;

    // These grow with the lines of the file, not with the numbers in the header.
    let (mut pairs, mut weights) = (Vec::new(), Vec::new());
    let (mut found, mut last) = (0, number);
    for (number, line) in lines {
        if found == entries {
            let message = format!("expected the end after {entries} entries, found {}", quoted(line.trim()));
            return Err(BadLine::new(number, message));
        }
        let (pair, weight) = entry(number, line, nodes, values)?;
        (found, last) = (found + 1, number);
        if weight > 0.0 {
            pairs.push(pair);
            weights.push(weight);
        }
    }
    if found < entries {
        return Err(BadLine::new(last, format!("expected {entries} entries, found the end after {found}")));
    }
    Ok(match values {
        Values::None => Network::new(nodes, vec![], pairs),
        Values::Number => Network::weighted(nodes, vec![], pairs, &weights),
    })
}

/// The values of the entries.
#[derive(Clone, Copy, PartialEq)]
enum Values {
    /// `pattern`: the entries are places alone.
    None,
    /// `real` or `integer`.
    Number,
}

impl Values {
    /// Reads the banner.
    fn of(banner: &str) -> Result<Self, BadLine> {
        let bad = |expected: &str, found: &str| {
            Err(BadLine::new(1, format!("expected {expected}, found {}", quoted(found.trim()))))
        };
        let words: Vec<String> = banner.split_whitespace().map(str::to_ascii_lowercase).collect();
        let [banner_word, object, form, values, symmetry] = &words[..] else {
            return bad("`%%MatrixMarket matrix coordinate real symmetric` or the like", banner);
        };
        if banner_word != "%%matrixmarket" || object != "matrix" {
            return bad("`%%MatrixMarket matrix` first", banner);
        }
        if form != "coordinate" {
            return bad("a matrix in the form `coordinate`", form);
        }
        if !["general", "symmetric", "skew-symmetric"].contains(&symmetry.as_str()) {
            return bad("`general`, `symmetric` or `skew-symmetric` last", symmetry);
        }
        match values.as_str() {
            "pattern" => Ok(Values::None),
            "real" | "integer" => Ok(Values::Number),
            other => bad("`pattern`, `real` or `integer` values", other),
        }
    }
}

/// The numbers of nodes and of entries.
fn size(number: usize, line: &str) -> Result<(u32, u64), BadLine> {
    let bad =
        |expected: &str| BadLine::new(number, format!("expected {expected}, found {}", quoted(line.trim())));
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[rows, columns, entries] = &words[..] else { return Err(bad("`rows columns entries`")) };
    let rows = rows.parse().map_err(|_| bad("a number of rows below 2^32"))?;
    let columns: u32 = columns.parse().map_err(|_| bad("a number of columns below 2^32"))?;
    let entries = entries.parse().map_err(|_| bad("a number of entries"))?;
    if rows == columns { Ok((rows, entries)) } else { Err(bad("as many columns as rows: nodes are both")) }
}

/// The ends and the weight of one entry.
fn entry(number: usize, line: &str, nodes: u32, values: Values) -> Result<([u32; 2], f32), BadLine> {
    let bad = |expected: String, found: &str| {
        BadLine::new(number, format!("expected {expected}, found {}", quoted(found.trim())))
    };
    let mut words = line.split_whitespace();
    let mut pair = [0; 2];
    for (end, name) in pair.iter_mut().zip(["row", "column"]) {
        let word = words.next().unwrap_or_default();
        let index = word.parse().ok().filter(|index| (1..=nodes).contains(index));
        *end = index.ok_or_else(|| bad(format!("a {name} from 1 to {nodes}"), word))? - 1;
    }
    let weight = match values {
        Values::None => 1.0,
        Values::Number => {
            let word = words.next().unwrap_or_default();
            let value = word.parse().ok().filter(|value: &f32| value.is_finite());
            value.ok_or_else(|| bad("a finite number as value".into(), word))?.abs()
        }
    };
    match words.next() {
        None => Ok((pair, weight)),
        Some(word) => Err(bad("the end of the line".into(), word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(kind: &str, rest: &str) -> String {
        format!("%%MatrixMarket matrix coordinate {kind}\n% a comment\n{rest}")
    }

    fn complaint(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn half_a_matrix() {
        let network = parse(&matrix("pattern symmetric", "4 4 3\n2 1\n\n3 2\n3 3\n")).unwrap();
        assert_eq!((network.nodes, network.edges), (4, vec![[0, 1], [1, 2]]));
        assert_eq!((network.weights.len(), network.loops), (0, 1));
    }

    #[test]
    fn magnitudes_are_weights_and_zeros_no_edges() {
        let text = matrix("real skew-symmetric", "3 3 3\n2 1 -0.5\n3 2 4e1\n3 1 0\n");
        let network = parse(&text.replace("MatrixMarket matrix", "matrixmarket MATRIX")).unwrap();
        assert_eq!((network.edges, network.weights), (vec![[0, 1], [1, 2]], vec![0.5, 40.0]));
    }

    #[test]
    fn both_halves_add_up() {
        let network = parse(&matrix("integer general", "2 2 2\n1 2 3\n2 1 4\n")).unwrap();
        assert_eq!((network.edges, network.weights, network.merged), (vec![[0, 1]], vec![7.0], 1));
    }

    #[test]
    fn bad_banners() {
        assert!(complaint("1 2 3\n").starts_with("line 1: expected `%%MatrixMarket matrix coordinate real"));
        assert!(complaint("%%MatrixMarket matrix array real general\n").ends_with("found `array`"));
        assert!(complaint(&matrix("complex general", "")).ends_with("values, found `complex`"));
        assert!(complaint(&matrix("real hermitian", "")).ends_with("last, found `hermitian`"));
        assert!(complaint(&matrix("real general", "")).ends_with("found the end"));
    }

    #[test]
    fn bad_sizes() {
        for (size, message) in [
            ("3 3", "line 3: expected `rows columns entries`, found `3 3`"),
            ("3 4 1", "line 3: expected as many columns as rows: nodes are both, found `3 4 1`"),
            ("4294967296 1 1", "line 3: expected a number of rows below 2^32, found `4294967296 1 1`"),
            ("3 3 -1", "line 3: expected a number of entries, found `3 3 -1`"),
            ("4294967295 4294967295 9", "line 3: expected 9 entries, found the end after 0"),
        ] {
            assert_eq!(complaint(&matrix("real general", size)), message);
        }
    }

    #[test]
    fn bad_entries() {
        for (entries, message) in [
            ("2 1 1\n", "line 5: expected the end after 1 entries, found `2 1 1`"),
            ("0 1 1\n", "line 4: expected a row from 1 to 2, found `0`"),
            ("1 3 1\n", "line 4: expected a column from 1 to 2, found `3`"),
            ("1\n", "line 4: expected a column from 1 to 2, found ``"),
            ("1 2 inf\n", "line 4: expected a finite number as value, found `inf`"),
            ("1 2\n", "line 4: expected a finite number as value, found ``"),
            ("1 2 3 4\n", "line 4: expected the end of the line, found `4`"),
        ] {
            let entries =
                if message.starts_with("line 5") { format!("1 2 1\n{entries}") } else { entries.into() };
            assert_eq!(complaint(&matrix("real general", &format!("2 2 1\n{entries}"))), message);
        }
    }
}
