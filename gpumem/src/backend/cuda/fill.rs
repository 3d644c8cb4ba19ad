//! The choice of one of the driver's three fills, if one of them writes a repeated pattern.

/// A fill as the driver takes it: one value, and its number of repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    Bytes(u8, usize),
    Halves(u16, usize),
    Words(u32, usize),
}

/// The fill for `count` times `pattern` from byte `offset` of a block on, or `None` if the driver has none
/// for it.
///
/// A wider fill is never slower, so the widest one is taken that the start and the length allow. The driver
/// requires a start that is aligned to the value. (Blocks themselves are aligned far beyond that.)
pub(super) fn choose(pattern: &[u8], offset: usize, count: usize) -> Option<Fill> {
    let bytes = pattern.len().checked_mul(count)?;
    let words = offset.is_multiple_of(4) && bytes.is_multiple_of(4);
    // Devices are little-endian. A pattern that repeats after two bytes may have an odd number of halves,
    // such as three `u16`s. Then only the length as a whole has to be a multiple of four.
    if let Some([byte]) = period(pattern) {
        return Some(if words {
            Fill::Words(u32::from_le_bytes([byte; 4]), bytes / 4)
        } else {
            Fill::Bytes(byte, bytes)
        });
    }
    if let Some([a, b]) = period(pattern) {
        return if words {
            Some(Fill::Words(u32::from_le_bytes([a, b, a, b]), bytes / 4))
        } else {
            offset.is_multiple_of(2).then(|| Fill::Halves(u16::from_le_bytes([a, b]), bytes / 2))
        };
    }
    let word = period(pattern)?;
    offset.is_multiple_of(4).then(|| Fill::Words(u32::from_le_bytes(word), bytes / 4))
}

/// The first `N` bytes of a pattern that consists of repetitions of them.
fn period<const N: usize>(pattern: &[u8]) -> Option<[u8; N]> {
    let (chunks, rest) = pattern.as_chunks::<N>();
    let first = chunks.first()?;
    (rest.is_empty() && chunks.iter().all(|chunk| chunk == first)).then_some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_fill_is_taken() {
        let cases: [(&[u8], usize, usize, Option<Fill>); 16] = [
            // All bytes equal: words where the start and the length allow it.
            (&[7], 0, 5, Some(Fill::Bytes(7, 5))),
            (&[7], 0, 8, Some(Fill::Words(0x0707_0707, 2))),
            (&[7], 1, 8, Some(Fill::Bytes(7, 8))),
            (&[0; 12], 8, 3, Some(Fill::Words(0, 9))),
            (&[9; 3], 0, 3, Some(Fill::Bytes(9, 9))),
            (&[0; 7], 0, 4, Some(Fill::Words(0, 7))),
            // Two bytes.
            (&[1, 2], 0, 3, Some(Fill::Halves(0x0201, 3))),
            (&[1, 2], 2, 2, Some(Fill::Halves(0x0201, 2))),
            (&[1, 2], 4, 2, Some(Fill::Words(0x0201_0201, 1))),
            (&[1, 2, 1, 2, 1, 2], 0, 1, Some(Fill::Halves(0x0201, 3))),
            (&[1, 2], 1, 2, None),
            // Four bytes, and longer patterns of equal words.
            (&[1, 2, 3, 4], 4, 3, Some(Fill::Words(0x0403_0201, 3))),
            (&[1, 2, 3, 4, 1, 2, 3, 4], 0, 3, Some(Fill::Words(0x0403_0201, 6))),
            (&[1, 2, 3, 4], 2, 3, None),
            // No such operation.
            (&[1, 2, 3], 0, 4, None),
            (&[1, 2, 3, 4, 5, 6, 7, 8], 0, 1, None),
        ];
        for (pattern, offset, count, expected) in cases {
            assert_eq!(choose(pattern, offset, count), expected, "{pattern:?} at {offset} x {count}");
        }
        assert_eq!(choose(&[], 0, 3), None);
        assert_eq!(choose(&[1, 1], 0, usize::MAX), None);
    }

    /// Every chosen fill writes the same bytes as the pattern itself.
    #[test]
    fn a_fill_writes_the_pattern() {
        for len in 1..=16_usize {
            for modulus in [1, 2, 3, 4, 8] {
                let pattern: Vec<u8> = (0..len).map(|i| [3, 5, 7, 11, 13, 17, 19, 23][i % modulus]).collect();
                for offset in 0..4 {
                    for count in 1..6 {
                        let written = match choose(&pattern, offset, count) {
                            None => continue,
                            Some(Fill::Bytes(value, n)) => vec![value; n],
                            Some(Fill::Halves(value, n)) => value.to_le_bytes().repeat(n),
                            Some(Fill::Words(value, n)) => value.to_le_bytes().repeat(n),
                        };
                        assert_eq!(written, pattern.repeat(count), "{pattern:?} at {offset} x {count}");
                    }
                }
            }
        }
    }
}
