//! Measurements in turn, and their medians.

use super::Failure;
use std::time::Instant;

/// A figure that a contestant does not have.
pub(crate) const UNKNOWN: f64 = f64::NAN;

/// A part of the program that measures `N` figures: gpumem, or a peer.
pub(crate) struct Contestant<const N: usize> {
    pub(crate) name: &'static str,
    measure: Box<dyn FnMut() -> Result<[f64; N], Failure>>,
}

impl<const N: usize> Contestant<N> {
    pub(crate) fn new(
        name: &'static str,
        measure: impl FnMut() -> Result<[f64; N], Failure> + 'static,
    ) -> Self {
        Self { name, measure: Box::new(measure) }
    }
}

/// The medians of a contestant's figures, or the reason why it has none.
pub(crate) type Medians<const N: usize> = (&'static str, Result<[f64; N], Failure>);

/// Lets each contestant measure in turn, `rounds` times. A contestant that fails is not called again.
pub(crate) fn take_turns<const N: usize>(
    rounds: usize,
    mut contestants: Vec<Contestant<N>>,
) -> Vec<Medians<N>> {
    let mut figures: Vec<Result<Vec<[f64; N]>, Failure>> =
        contestants.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..rounds {
        for (contestant, figures) in contestants.iter_mut().zip(&mut figures) {
            let Ok(taken) = figures else { continue };
            match (contestant.measure)() {
                Ok(figure) => taken.push(figure),
                Err(failure) => *figures = Err(failure),
            }
        }
    }
    let medians = |taken: Vec<[f64; N]>| std::array::from_fn(|column| median(&taken, column));
    let names = contestants.iter().map(|contestant| contestant.name);
    names.zip(figures).map(|(name, taken)| (name, taken.map(medians))).collect()
}

fn median<const N: usize>(taken: &[[f64; N]], column: usize) -> f64 {
    middle(taken.iter().map(|figures| figures[column]).collect())
}

/// The median.
pub(crate) fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(UNKNOWN)
}

/// Microseconds since `began`.
pub(crate) fn us(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e6
}

/// The quotient of two counts. Counts are far below 2^53.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn over(part: impl TryInto<u64>, whole: impl TryInto<u64>) -> f64 {
    let [part, whole] = [part.try_into().unwrap_or(u64::MAX), whole.try_into().unwrap_or(u64::MAX)];
    part as f64 / whole as f64
}

/// The time for one of `count`.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn each(time: f64, count: usize) -> f64 {
    time / count as f64
}
