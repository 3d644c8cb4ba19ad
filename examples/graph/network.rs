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
        Network { names, nodes, edges: pairs, merged, loops }
    }

    /// The fields of an [`Adjacency`]: offsets, and neighbours in rising order.
    pub fn adjacency(&self) -> (Vec<u32>, Vec<u32>) {
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
        (offsets, neighbours)
    }
}

impl<'a> Adjacency<'a> {
    /// The nodes next to `node`.
    pub fn of(self, node: usize) -> &'a [u32] {
        &self.neighbours[self.offsets[node] as usize..self.offsets[node + 1] as usize]
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
        let (offsets, neighbours) = Network::new(4, vec![], vec![[0, 2], [1, 2]]).adjacency();
        let adjacency = Adjacency { offsets: &offsets, neighbours: &neighbours };
        assert_eq!(adjacency.of(2), [0, 1]);
        assert_eq!([0, 1, 2, 3].map(|n| adjacency.degree(n)), [1, 1, 2, 0]);
    }
}
