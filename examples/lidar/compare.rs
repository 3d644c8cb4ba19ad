//! `--compare`: the same chunks with the pipeline and without it.
//!
//! All chunks are in memory before, and nothing is written, so that the times are those of the transfers and
//! kernels, with the copies into the memory that uploads read. The features are added up, which reads all of
//! them and shows whether both ways gave the same bits.

use std::time::Duration;

use anyhow::{Result, ensure};
use gpumem::{Device, KernelBackend};
use rayon::prelude::*;

use crate::{
    cloud::Columns,
    pipeline::{self, Outcome, Work, one_by_one},
    tile::chunks::{Chunk, Plan},
};

/// How often each way runs. The median counts.
const ROUNDS: usize = 3;

/// The two ways of one round.
pub struct Round {
    pub naive: Outcome,
    pub pipelined: Outcome,
}

/// Computes all chunks both ways, in turns. `open` opens a device for a share of the memory limit.
pub fn compare<B: KernelBackend>(
    plan: &mut Plan,
    open: impl Fn(u64) -> gpumem::Result<Device<B>>,
) -> Result<Vec<Round>> {
    let chunks = plan.chunks().collect::<Result<Vec<Chunk>>>()?;
    let work = Work::of(plan);
    let mut rounds = Vec::new();
    let mut expected = None;
    for _ in 0..ROUNDS {
        let (mut naive_sum, mut sum) = (0, 0);
        let borrowed = || chunks.iter().map(anyhow::Ok);
        let naive =
            one_by_one::run(open(1)?, &work, borrowed(), |_, features| add(&mut naive_sum, features))?;
        let devices = [open(2)?, open(2)?];
        let pipelined = pipeline::run(devices, &work, borrowed(), |_, features| add(&mut sum, features))?;
        let expected = *expected.get_or_insert(naive_sum);
        ensure!(
            naive_sum == expected && sum == expected,
            "the features are not the same: {expected:x}, {naive_sum:x} without the pipeline, {sum:x} with it"
        );
        rounds.push(Round { naive, pipelined });
    }
    Ok(rounds)
}

impl Round {
    /// The round whose time is the median, by the way that `outcome` picks.
    pub fn median(rounds: &[Self], outcome: fn(&Self) -> &Outcome) -> &Outcome {
        let mut outcomes: Vec<_> = rounds.iter().map(outcome).collect();
        outcomes.sort_by_key(|outcome| outcome.duration);
        outcomes[outcomes.len() / 2]
    }
}

/// Adds features to a sum that depends on every bit and its place.
#[expect(clippy::unnecessary_wraps, reason = "the signature of what takes features")]
fn add(sum: &mut u64, features: Columns<'_>) -> Result<()> {
    let columns = features.scalars.into_iter().chain([features.normals.as_flattened()]);
    for column in columns {
        *sum = sum.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(digest(column));
    }
    Ok(())
}

/// A number that depends on the bits of all values, and on their places.
fn digest(values: &[f32]) -> u64 {
    const GROUP: usize = 1 << 14;
    let groups = values.par_chunks(GROUP).enumerate();
    groups
        .map(|(group, values)| {
            let places = (group * GROUP) as u64..;
            values.iter().zip(places).fold(0_u64, |sum, (value, place)| {
                let bits = u64::from(value.to_bits()) + 1;
                sum.wrapping_add(bits.wrapping_mul(2 * place + 1))
            })
        })
        .reduce(|| 0, u64::wrapping_add)
}

/// The ratio of two times.
pub fn ratio(slow: Duration, fast: Duration) -> f64 {
    slow.as_secs_f64() / fast.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_sees_every_bit_and_place() {
        let values: Vec<f32> = (0..40_000_u16).map(f32::from).collect();
        let mut other = values.clone();
        other[39_999] = f32::from_bits(other[39_999].to_bits() ^ 1);
        assert_ne!(digest(&values), digest(&other));
        other.clone_from(&values);
        other.swap(3, 20_000);
        assert_ne!(digest(&values), digest(&other));
    }
}
