//! Graphs that are drawn at random, with a few busy nodes and many quiet ones, as networks of people and
//! pages have them: R-MAT (Chakrabarti, Zhan and Faloutsos 2004), with the probabilities of the Graph500
//! benchmark.

use fastrand::Rng;

use crate::input::network::Network;

/// The probabilities of the quarters of the matrix of all pairs: top left, top right, bottom left. The
/// fourth is the rest.
const QUARTERS: [f64; 3] = [0.57, 0.19, 0.19];

/// A graph of `1 << scale` nodes and `factor` times as many edges, before repeated ones are merged. The same
/// seed gives the same graph.
pub fn rmat(scale: u32, factor: u32, seed: u64) -> Network {
    let mut rng = Rng::with_seed(seed);
    let count = (factor as usize) << scale;
    let pairs = (0..count).map(|_| pair(scale, &mut rng)).collect();
    Network::new(1 << scale, vec![], pairs)
}

/// The row and the column of one entry of the matrix. Each level chooses a quarter of the quarter before.
fn pair(scale: u32, rng: &mut Rng) -> [u32; 2] {
    let [a, b, c] = QUARTERS;
    let mut pair = [0, 0];
    for _ in 0..scale {
        let chance = rng.f64();
        let low = chance >= a + b;
        let right = if low { chance >= a + b + c } else { chance >= a };
        pair = [2 * pair[0] + u32::from(low), 2 * pair[1] + u32::from(right)];
    }
    pair
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        assert_eq!(rmat(6, 8, 1), rmat(6, 8, 1));
        assert_ne!(rmat(6, 8, 1).edges, rmat(6, 8, 2).edges);
    }

    #[test]
    fn a_few_nodes_are_busy() {
        let network = rmat(12, 8, 1);
        assert_eq!((network.nodes, network.edges.len() + network.merged + network.loops), (4096, 8 * 4096));
        let (offsets, _, _) = network.adjacency();
        let mut degrees: Vec<u32> = offsets.windows(2).map(|ends| ends[1] - ends[0]).collect();
        degrees.sort_unstable();
        // Half of the nodes have a tenth of the edges at most, and the busiest has a hundred times the mean.
        assert!(10 * degrees[..2048].iter().sum::<u32>() < degrees.iter().sum(), "{}", degrees[2048]);
        assert!(degrees[4095] > 400, "{}", degrees[4095]);
    }

    #[test]
    fn quarters_have_their_probabilities() {
        let mut rng = Rng::with_seed(3);
        let mut counts = [0_u32; 4];
        (0..40_000)
            .map(|_| pair(1, &mut rng))
            .for_each(|[row, column]| counts[(2 * row + column) as usize] += 1);
        for (count, expected) in counts.into_iter().zip([22_800, 7_600, 7_600, 2_000]) {
            assert!(count.abs_diff(expected) < expected / 10, "{counts:?}");
        }
    }
}
