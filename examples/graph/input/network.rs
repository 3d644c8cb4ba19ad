//! An undirected graph, in the form that the readers in `input` make and the layout needs.

/// Nodes and the edges between them: every edge once, the smaller node first, no edge from a node to itself.
#[derive(Debug, Default, PartialEq)]
pub struct Network {
    /// The names of the nodes in the input. Empty if the input only numbers them.
    pub names: Vec<String>,
    /// The number of nodes, with isolated ones.
    pub nodes: u32,
    /// Pairs of node indices, sorted.
    pub edges: Vec<[u32; 2]>,
    /// The weight of each edge, above 0. Empty if the input has no weights.
    pub weights: Vec<f32>,
    /// The number of lines that repeat an edge, in either direction.
    pub merged: usize,
    /// The number of lines that join a node to itself.
    pub loops: usize,
}

/// The neighbours of each node: those of node `n` are `neighbours[offsets[n]..offsets[n + 1]]`.
#[derive(Clone, Copy, Debug)]
pub struct Adjacency<'a> {
    /// One entry per node, and one more.
    pub offsets: &'a [u32],
    /// Every edge twice, once from each side.
    pub neighbours: &'a [u32],
    /// The stiffness of the spring to each neighbour.
    pub stiffness: &'a [f32],
}

impl Network {
    /// Tidies the list of pairs of a file: merges repeated edges, drops loops, and counts both.
    pub fn new(nodes: u32, names: Vec<String>, mut pairs: Vec<[u32; 2]>) -> Self {
        let lines = pairs.len();
        pairs.retain(|[a, b]| a != b);
        let loops = lines - pairs.len();
        for pair in &mut pairs {
            pair.sort_unstable();
        }
        pairs.sort_unstable();
        pairs.dedup();
        let merged = lines - loops - pairs.len();
        Network { names, nodes, edges: pairs, weights: vec![], merged, loops }
    }

    /// As [`new`](Self::new), with a weight for each pair. A repeated edge has the sum of its weights.
    pub fn weighted(nodes: u32, names: Vec<String>, pairs: Vec<[u32; 2]>, weights: &[f32]) -> Self {
        let sorted = |[a, b]: [u32; 2]| [a.min(b), a.max(b)];
        let mut lines: Vec<_> = pairs.iter().map(|&pair| sorted(pair)).zip(weights.iter().copied()).collect();
        // A stable sort, since a sum of weights depends on their order.
        lines.sort_by_key(|(pair, _)| *pair);
        lines.retain(|([a, b], _)| a != b);
        lines.dedup_by(|(pair, weight), (first, sum)| {
            let same = pair == first;
            *sum = if same { (*sum + *weight).min(f32::MAX) } else { *sum };
            same
        });
        let weights = lines.into_iter().map(|(_, weight)| weight).collect();
        Network { weights, ..Network::new(nodes, names, pairs) }
    }

    /// The fields of an [`Adjacency`]: offsets, neighbours in rising order, and stiffness.
    pub fn adjacency(&self) -> (Vec<u32>, Vec<u32>, Vec<f32>) {
        let mut offsets = vec![0; self.nodes as usize + 1];
        for &node in self.edges.as_flattened() {
            offsets[node as usize + 1] += 1;
        }
        for n in 1..offsets.len() {
            offsets[n] += offsets[n - 1];
        }
        let mut next = offsets.clone();
        let mut neighbours = vec![0; 2 * self.edges.len()];
        for &[a, b] in &self.edges {
            for (from, to) in [(a, b), (b, a)] {
                neighbours[next[from as usize] as usize] = to;
                next[from as usize] += 1;
            }
        }
        let stiffness = self.stiffness(&offsets);
        (offsets, neighbours, stiffness)
    }

    /// A spring has the stiffness `0.5 / d` in a graph without weights: `d` is the degree of the end with
    /// fewer edges. So a hub is not thrown about by its many edges. In a weighted graph it is `0.5 w / W`,
    /// with the weight `w` of the edge, and the sum `W` of the weights of all edges of the end where that is
    /// less. So weights that are all the same change nothing, no unit of weights matters, and no weight
    /// makes a step unstable.
    #[expect(clippy::cast_possible_truncation, reason = "sums are made in f64, stiffness is f32")]
    fn stiffness(&self, offsets: &[u32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.nodes as usize];
        for (pair, &weight) in self.edges.iter().zip(&self.weights) {
            pair.iter().for_each(|&node| sums[node as usize] += f64::from(weight));
        }
        let of_edge = |edge: usize, [a, b]: [usize; 2]| match self.weights.get(edge) {
            Some(&weight) => (0.5 * f64::from(weight) / f64::min(sums[a], sums[b])) as f32,
            None => {
                let degree = |node: usize| offsets[node + 1] - offsets[node];
                0.5 / degree(a).min(degree(b)) as f32
            }
        };
        let mut next = offsets.to_vec();
        let mut stiffness = vec![0.0; 2 * self.edges.len()];
        for (edge, pair) in self.edges.iter().enumerate() {
            let pair = pair.map(|node| node as usize);
            for node in pair {
                stiffness[next[node] as usize] = of_edge(edge, pair);
                next[node] += 1;
            }
        }
        stiffness
    }
}

impl<'a> Adjacency<'a> {
    /// The nodes next to `node`.
    pub fn of(self, node: usize) -> &'a [u32] {
        &self.neighbours[self.offsets[node] as usize..self.offsets[node + 1] as usize]
    }

    /// The nodes next to `node`, each with the stiffness of its spring.
    pub fn springs(self, node: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = self.offsets[node] as usize..self.offsets[node + 1] as usize;
        let others = self.neighbours[range.clone()].iter().map(|&other| other as usize);
        others.zip(self.stiffness[range].iter().copied())
    }

    /// The number of nodes next to `node`.
    pub fn degree(self, node: usize) -> u32 {
        self.offsets[node + 1] - self.offsets[node]
    }

    /// The number of nodes.
    pub fn nodes(self) -> usize {
        self.offsets.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_merged_and_loops_dropped() {
        let network = Network::new(4, vec![], vec![[2, 1], [1, 2], [3, 3], [0, 2], [2, 1]]);
        assert_eq!(network.edges, [[0, 2], [1, 2]]);
        assert_eq!((network.merged, network.loops), (2, 1));
    }

    #[test]
    fn adjacency_holds_every_edge_from_both_sides() {
        let (offsets, neighbours, stiffness) = Network::new(4, vec![], vec![[0, 2], [1, 2]]).adjacency();
        let adjacency = Adjacency { offsets: &offsets, neighbours: &neighbours, stiffness: &stiffness };
        assert_eq!(adjacency.of(2), [0, 1]);
        assert_eq!([0, 1, 2, 3].map(|n| adjacency.degree(n)), [1, 1, 2, 0]);
        assert_eq!(adjacency.springs(2).collect::<Vec<_>>(), [(0, 0.5), (1, 0.5)]);
    }

    #[test]
    fn weights_of_a_repeated_edge_add_up() {
        let pairs = vec![[2, 1], [3, 3], [0, 2], [1, 2]];
        let network = Network::weighted(4, vec![], pairs, &[1.0, 9.0, 2.5, 3.0]);
        assert_eq!((&network.edges[..], &network.weights[..]), (&[[0, 2], [1, 2]][..], &[2.5, 4.0][..]));
        assert_eq!((network.merged, network.loops), (1, 1));
    }

    #[test]
    fn weights_that_are_all_the_same_change_nothing() {
        let pairs = vec![[0, 1], [1, 2], [1, 3], [2, 3]];
        let plain = Network::new(4, vec![], pairs.clone()).adjacency();
        assert_eq!(plain.2, [0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]);
        let springs = |weights: &[f32]| Network::weighted(4, vec![], pairs.clone(), weights).adjacency();
        assert_eq!(springs(&[0.5; 4]), plain);
        // Node 0 has one edge, so its spring stays as it is. Node 1 prefers node 3 to node 2.
        assert_eq!(springs(&[1.0, 1.0, 4.0, 1.0]).2[..4], [0.5, 0.5, 0.25, 0.4]);
        assert!(
            springs(&[f32::MAX, f32::MIN_POSITIVE, 1.0, f32::MAX]).2.iter().all(|s| (0.0..=0.5).contains(s))
        );
    }
}
