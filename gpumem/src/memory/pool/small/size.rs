//! The classes of sizes of small blocks.
//!
//! A small block has one of sixteen sizes between two powers of two, so that a freed block fits the next
//! request of about its size. Rounding up loses three hundredths on average over random sizes (a sixteenth at
//! worst, above 4 KiB).

use crate::backend::ALIGNMENT;

/// The largest small block, in bytes. A larger block is a segment by itself.
pub(crate) const LARGEST_SMALL: usize = 1 << 20;

/// How many sizes there are between two powers of two, and its logarithm.
const STEPS: usize = 16;
const STEP_BITS: u32 = STEPS.ilog2();

/// Classes up to this size are the multiples of [`ALIGNMENT`]; as many as there are steps.
const LINEAR: usize = STEPS * ALIGNMENT;

/// How many classes there are.
pub(crate) const CLASSES: usize = STEPS + STEPS * (LARGEST_SMALL / LINEAR).ilog2() as usize;

/// A size of small blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u8);

impl Class {
    /// The smallest class that holds `bytes`, which are from 1 to [`LARGEST_SMALL`].
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // below `CLASSES`
    pub(crate) fn of(bytes: usize) -> Self {
        debug_assert!((1..=LARGEST_SMALL).contains(&bytes));
        if bytes <= LINEAR {
            return Self(((bytes - 1) / ALIGNMENT) as u8);
        }
        // Between 2^n (not included) and 2^(n + 1) (included) there are as many steps, of 2^(n - STEP_BITS)
        // each.
        let power = (bytes - 1).ilog2();
        let step = ((bytes - 1) >> (power - STEP_BITS)) & (STEPS - 1);
        Self((STEPS + STEPS * (power - LINEAR.ilog2()) as usize + step) as u8)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Bytes of a block of this class.
    #[inline]
    pub(crate) fn bytes(self) -> usize {
        let index = self.index();
        if index < STEPS {
            return (index + 1) * ALIGNMENT;
        }
        let above = index - STEPS;
        // LINEAR is the first power; a step above it is as large as one of the multiples below.
        (STEPS + 1 + above % STEPS) * (ALIGNMENT << (above / STEPS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_the_smallest_class_that_holds_it() {
        let sizes: Vec<usize> =
            (0..CLASSES).map(|index| Class(u8::try_from(index).unwrap()).bytes()).collect();
        assert_eq!(sizes[..4], [256, 512, 768, 1024]);
        assert_eq!(sizes[15..18], [4096, 4352, 4608]);
        assert_eq!(sizes.last(), Some(&LARGEST_SMALL));
        assert!(sizes.is_sorted_by(|a, b| a < b));
        for bytes in
            (1..=LARGEST_SMALL).filter(|bytes| *bytes < 9_000 || bytes % 97 == 0 || bytes.is_power_of_two())
        {
            let class = Class::of(bytes);
            assert_eq!(class.bytes(), *sizes.iter().find(|size| **size >= bytes).unwrap(), "{bytes}");
        }
    }

    #[test]
    fn little_is_lost_on_average() {
        let lost: usize = (1..=LARGEST_SMALL).step_by(13).map(|bytes| Class::of(bytes).bytes() - bytes).sum();
        let all: usize = (1..=LARGEST_SMALL).step_by(13).sum();
        assert!(lost * 1000 < all * 32, "{lost} of {all}");
    }
}
