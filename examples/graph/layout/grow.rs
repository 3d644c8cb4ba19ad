//! A graph that arrives in batches while its layout runs.
//!
//! The nodes are numbered in the order of their arrival: each but the first of a connected part comes after
//! one of its neighbours. A batch has the next nodes, and all edges between them and earlier ones. New nodes
//! are placed beside their neighbours, and the buffers on the device grow.

use fastrand::Rng;
use gpumem::{Backend, Buffer, Element, Result};

use crate::{
    graph::{Graph, GraphBuffers},
    grid::bounds,
    input::network::{Adjacency, Network},
};

/// The batches that are still to come.
pub struct Growth {
    /// The whole graph.
    whole: Network,
    /// The number of nodes after each batch, the last batch first.
    ends: Vec<u32>,
    rng: Rng,
}

impl Growth {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to `nodes`")]
    /// Splits a graph into a first part and `batches` more of about as many nodes each.
    pub fn new(network: Network, batches: u32, seed: u64) -> (Network, Self) {
        let whole = in_order_of_arrival(network);
        let share = |batch: u32| f64::from(whole.nodes) * (f64::from(batch + 1) / f64::from(batches + 1));
        let mut ends: Vec<u32> = (0..=batches).rev().map(|batch| share(batch).ceil() as u32).collect();
        ends.dedup();
        let first = ends.pop().unwrap_or(whole.nodes);
        (part(&whole, first), Growth { whole, ends, rng: Rng::with_seed(seed) })
    }

    /// The number of batches that are still to come.
    pub fn batches(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// Adds a batch to `graph`, whose positions are current, and to its buffers.
    pub fn next<B: Backend>(&mut self, graph: &mut Graph, set: &mut GraphBuffers<B>) -> Result<()> {
        let Some(end) = self.ends.pop() else { return Ok(()) };
        let network = part(&self.whole, end);
        let (offsets, neighbours, stiffness) = network.adjacency();
        let old = graph.positions.len();
        self.place(graph, Adjacency { offsets: &offsets, neighbours: &neighbours, stiffness: &stiffness });

        set.positions_mut().extend_from_slice(&graph.positions[old..])?;
        set.velocities_mut().resize(end as usize)?;
        renew(set.offsets_mut(), &graph.offsets, &offsets)?;
        renew(set.neighbours_mut(), &graph.neighbours, &neighbours)?;
        renew(set.stiffness_mut(), &graph.stiffness, &stiffness)?;
        (graph.network, graph.offsets, graph.neighbours, graph.stiffness) =
            (network, offsets, neighbours, stiffness);
        Ok(())
    }

    /// Places the nodes that have no position yet, each near the middle of its neighbours that have one.
    fn place(&mut self, graph: &mut Graph, adjacency: Adjacency<'_>) {
        let [left, top, right, bottom] = bounds(&graph.positions);
        for node in graph.positions.len()..adjacency.nodes() {
            let placed = adjacency.of(node).iter().map(|&other| other as usize).filter(|other| *other < node);
            let (mut sum, mut count) = ([0.0; 3], 0.0);
            for other in placed {
                let [x, y] = graph.positions[other];
                sum = [sum[0] + x, sum[1] + y, sum[2] + graph.depth[other]];
                count += 1.0;
            }
            let mut noise = |width: f32| width * (self.rng.f32() - 0.5);
            let at = if count > 0.0 {
                sum.map(|sum| sum / count)
            } else {
                // The first node of a part of its own: anywhere in the picture.
                [(left + right) / 2.0 + noise(right - left), (top + bottom) / 2.0 + noise(bottom - top), 0.0]
            };
            graph.positions.push([at[0] + noise(1.0), at[1] + noise(1.0)]);
            graph.depth.push(at[2] + noise(0.1));
        }
    }
}

/// The same graph, with its nodes numbered in the order of a breadth-first search.
fn in_order_of_arrival(network: Network) -> Network {
    let (offsets, neighbours, stiffness) = network.adjacency();
    let adjacency = Adjacency { offsets: &offsets, neighbours: &neighbours, stiffness: &stiffness };
    let mut order = Vec::with_capacity(adjacency.nodes());
    let (mut numbers, mut number_of) = (0.., vec![u32::MAX; adjacency.nodes()]);
    // Parts with busy nodes come first.
    let mut starts: Vec<u32> = (0..network.nodes).collect();
    starts.sort_by_key(|&node| std::cmp::Reverse(adjacency.degree(node as usize)));
    for start in starts {
        let mut next = order.len();
        let mut arrive = |node: u32, order: &mut Vec<u32>| {
            if number_of[node as usize] == u32::MAX {
                number_of[node as usize] = numbers.next().unwrap_or(u32::MAX);
                order.push(node);
            }
        };
        arrive(start, &mut order);
        while let Some(&node) = order.get(next) {
            next += 1;
            adjacency.of(node as usize).iter().for_each(|&other| arrive(other, &mut order));
        }
    }
    let pairs = network.edges.iter().map(|pair| pair.map(|node| number_of[node as usize])).collect();
    let mut names = network.names;
    let names = if names.is_empty() {
        names
    } else {
        order.iter().map(|&node| std::mem::take(&mut names[node as usize])).collect()
    };
    let (merged, loops) = (network.merged, network.loops);
    let whole = if network.weights.is_empty() {
        Network::new(network.nodes, names, pairs)
    } else {
        Network::weighted(network.nodes, names, pairs, &network.weights)
    };
    Network { merged, loops, ..whole }
}

/// The first `nodes` nodes, and the edges between them.
fn part(whole: &Network, nodes: u32) -> Network {
    let is_here = |&[_, larger]: &[u32; 2]| larger < nodes;
    let weights = whole.edges.iter().zip(&whole.weights).filter(|(pair, _)| is_here(pair));
    Network {
        names: whole.names.iter().take(nodes as usize).cloned().collect(),
        nodes,
        edges: whole.edges.iter().copied().filter(is_here).collect(),
        weights: weights.map(|(_, weight)| *weight).collect(),
        ..*whole
    }
}

/// Makes the contents of `buffer` from `old` to `new`: uploads all elements from the first difference on.
fn renew<T: Element + PartialEq, B: Backend>(buffer: &mut Buffer<T, B>, old: &[T], new: &[T]) -> Result<()> {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    buffer.truncate(same);
    buffer.extend_from_slice(&new[same..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layout::frames::Frames,
        layout::{Course, lay_out},
        physics::balance,
    };
    use gpumem::{Device, GpuBuffers};

    /// A tree in disorder, with weights, and a pair of nodes beside it.
    fn network() -> Network {
        let scatter = |node: u32| node * 37 % 101;
        let mut pairs: Vec<[u32; 2]> = (1..99).map(|node| [scatter(node), scatter(node / 2)]).collect();
        pairs.push([scatter(99), scatter(100)]);
        let weights: Vec<f32> = (1..=99_u8).map(f32::from).collect();
        Network::weighted(101, (0..101).map(|node| format!("n{node}")).collect(), pairs, &weights)
    }

    #[test]
    fn nodes_arrive_after_one_of_their_neighbours() {
        let (before, after) = (network(), in_order_of_arrival(network()));
        let without = (1..after.nodes).filter(|&node| !after.edges.iter().any(|[_, b]| *b == node)).count();
        assert_eq!(without, 1, "the second part has a first node");
        let named = |network: &Network| {
            let name = |node: u32| network.names[node as usize].clone();
            let edges = network.edges.iter().zip(&network.weights);
            let mut edges: Vec<_> = edges
                .map(|(pair, weight)| {
                    let mut ends = pair.map(name);
                    ends.sort();
                    (ends, weight.to_bits())
                })
                .collect();
            edges.sort();
            edges
        };
        assert_eq!(named(&before), named(&after));
    }

    #[test]
    fn the_parts_make_up_the_whole() {
        for batches in [1, 3, 7, 200] {
            let (first, growth) = Growth::new(network(), batches, 1);
            let ends: Vec<u32> = growth.ends.iter().rev().copied().collect();
            assert!(first.nodes < ends[0] && ends.is_sorted_by(|a, b| a < b) && ends.last() == Some(&101));
            assert_eq!(part(&growth.whole, 101), growth.whole);
            assert_eq!(ends.len(), batches.min(100) as usize);
        }
    }

    #[test]
    fn buffers_grow_while_the_layout_runs() {
        let (first, growth) = Growth::new(network(), 4, 1);
        let mut graph = Graph::new(first, 1);
        balance(&mut graph);
        let mut nodes = Vec::new();
        let mut show = |_: &Graph, shown: crate::layout::frames::Shown| nodes.push(shown.positions.len());
        let course = Course { steps: 10, growth: Some(growth), frames: Frames::Positions, show: &mut show };
        let outcome = lay_out(&Device::host(), &mut graph, course).unwrap();
        assert_eq!(outcome.steps, 50);
        assert!(outcome.stats.grown_by_copy + outcome.stats.grown_in_place >= 4, "{:?}", outcome.stats);
        assert_eq!((nodes.len(), nodes[0], nodes[49]), (50, 21, 101));
        assert!(nodes.is_sorted());
        assert_eq!((graph.positions.len(), graph.depth.len(), graph.network.edges.len()), (101, 101, 99));
        assert!(graph.positions.as_flattened().iter().all(|coordinate| coordinate.is_finite()));
    }

    #[test]
    fn the_device_has_what_the_host_has() {
        let (first, mut growth) = Growth::new(network(), 3, 1);
        let mut graph = Graph::new(first, 1);
        let device = Device::host();
        let mut set = graph.upload(&device).unwrap();
        while growth.batches() > 0 {
            growth.next(&mut graph, &mut set).unwrap();
            assert_eq!(set.positions().download().unwrap(), graph.positions);
            assert_eq!(set.offsets().download().unwrap(), graph.offsets);
            assert_eq!(set.neighbours().download().unwrap(), graph.neighbours);
            assert_eq!(set.stiffness().download().unwrap(), graph.stiffness);
            assert_eq!(set.velocities().len(), graph.positions.len());
        }
    }
}
