//! The name that a misspelt name probably stands for.

/// The one of `names` that is nearest to `name`, if it is near enough to be a misspelling of it: one edit per
/// three letters.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    names
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(edits, candidate)| {
            let letters = candidate.chars().count();
            *edits <= letters.div_ceil(3) && *edits < letters
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// The number of letters to insert, to delete or to replace, from one word to the other. Case does not count.
fn distance(wanted: &[char], candidate: &str) -> usize {
    // A row of the usual table: the distances from the letters of `candidate` so far to each beginning of
    // `wanted`.
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for letter in candidate.to_lowercase().chars() {
        let mut diagonal = row[0];
        row[0] += 1;
        for (index, other) in wanted.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[wanted.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (one, other, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("edges", "Edges", 0),
            ("postions", "positions", 1),
            ("kitten", "sitting", 3),
            ("größe", "grösse", 2),
        ] {
            let letters = |word: &str| word.chars().collect::<Vec<_>>();
            assert_eq!(distance(&letters(one), other), edits, "{one} {other}");
            assert_eq!(distance(&letters(&other.to_lowercase()), one), edits, "{other} {one}");
        }
    }

    #[test]
    fn finds_near_names_and_no_others() {
        let names = ["positions", "velocities", "edges", "x"];
        for (name, meant) in
            [("postions", "positions"), ("Edges", "edges"), ("egdes", "edges"), ("velocity", "velocities")]
        {
            assert_eq!(nearest(name, names.into_iter()), Some(meant), "{name}");
        }
        for name in ["cells", "y", "", "colours"] {
            assert_eq!(nearest(name, names.into_iter()), None, "{name}");
        }
    }
}
