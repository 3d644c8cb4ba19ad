//! Finds the valid word that a misspelt word probably stands for.

/// The one of `words` that is nearest to `word`, if it is near enough to be a misspelling of it.
pub(crate) fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let extends = |a: &str, b: &str| a.len() >= 3 && b.starts_with(a);
    words
        .iter()
        // One edit per three letters is a misspelling. With more edits it is another word.
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(d, candidate)| *d <= candidate.len().div_ceil(3) && *d < candidate.len())
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate)
        // `asynchronous` and `maximum` are no misspellings, but they begin with a valid word.
        .or_else(|| {
            words.iter().find(|candidate| extends(candidate, word) || extends(word, candidate)).copied()
        })
}

/// The number of edits from one word to the other: insertions, deletions, replacements and swaps of
/// neighbours. Case does not count.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    // A swap of neighbours looks two rows back, so three rows are enough.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("max", "max", 0),
            ("mxa", "max", 1),
            ("grwoth", "growth", 1),
            ("", "abc", 3),
            ("ab", "ba", 1),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
        assert_eq!(distance("größe", "grösse"), 2);
    }

    #[test]
    fn suggests_near_words_and_no_others() {
        let keys = ["growth", "max", "min", "async", "skip"];
        for (word, meant) in [
            ("grwoth", "growth"),
            ("groth", "growth"),
            ("Max", "max"),
            ("mx", "max"),
            ("asnyc", "async"),
            ("asynchronous", "async"),
            ("maximum", "max"),
            ("skipp", "skip"),
            ("grow", "growth"),
        ] {
            assert_eq!(nearest(word, &keys), Some(meant), "{word}");
        }
        for word in ["colour", "x", "", "limit", "size"] {
            assert_eq!(nearest(word, &keys), None, "{word}");
        }
    }
}
