//! The model that both backends compute: springs along the edges, repulsion between all nodes, and a grid to sum it over.
//!
//! Lengths are in units of an edge at rest. What must be the same on the host and on a card stands here; `host.rs` and
//! `kernels.cu` hold the same five stages.
//!
//! Repulsion falls with the distance, so nodes in the 3x3 cells around a node count one by one, and all others by cells:
//! each level of the grid has cells twice as wide as the one below, and the farther a cell is, the wider it may be to
//! count as one body.

use crate::graph::Graph;

/// The share of its velocity that a node keeps from step to step.
const DRAG: f32 = 0.6;
/// Edges end up about this long, measured at rest.
const SPREAD: f32 = 2.0;
/// How far out, in typical radii, gravity would hold a node against the repulsion of all others.
const REACH: f32 = 2.0;
/// The farthest that a node moves in the first step; later ones are shorter.
const STRIDE: f32 = 5.0;

/// The arguments of one step. C layout: kernels on a card take it as it is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "cuda", derive(cust::DeviceCopy))]
pub struct Step {
    /// How many nodes there are.
    pub nodes: u32,
    /// The finest level of the grid has `1 << levels` cells a side.
    pub levels: u32,
    /// Strength of the push between two nodes of mass 1 at distance 1.
    pub repulsion: f32,
    /// Strength of the pull to the centre, for each unit of distance and mass.
    pub gravity: f32,
    /// Falls from 1 to 0 over the steps; all forces are multiplied by it.
    pub heat: f32,
    /// The share of its velocity that a node keeps.
    pub drag: f32,
    /// The farthest that a node may move.
    pub stride: f32,
}

/// The strengths that suit one graph.
#[derive(Clone, Copy, Debug)]
pub struct Physics {
    nodes: u32,
    repulsion: f32,
    gravity: f32,
}

impl Physics {
    /// Chooses the strengths so that springs and repulsion balance where edges are `SPREAD` long, and brings the
    /// positions to that size.
    #[expect(clippy::cast_possible_truncation, reason = "sums are made in f64, forces in f32")]
    pub fn balance(graph: &mut Graph) -> Self {
        let (stiffness, energy) = springs(graph);
        if energy > 0.0 {
            let scale = SPREAD / (energy / stiffness).sqrt() as f32;
            graph.positions.as_flattened_mut().iter_mut().for_each(|coordinate| *coordinate *= scale);
        }
        let nodes = graph.positions.len();
        let masses = (0..nodes).map(|node| f64::from(graph.adjacency().degree(node) + 1));
        let mass: f64 = masses.clone().sum();
        let squares: f64 = masses.map(|mass| mass * mass).sum();
        // The virial theorem: at rest, forces times distances add up to nothing. For a push of 1/r that sum does not
        // depend on the distances, so it is known before there is a picture.
        let pull = stiffness * f64::from(SPREAD * (SPREAD - 1.0));
        let repulsion = if pull > 0.0 { pull / (mass * mass - squares) } else { 1.0 / mass };
        let squares: f64 = graph.positions.as_flattened().iter().map(|v| f64::from(v * v)).sum();
        let radius = (squares / nodes as f64).max(1.0).sqrt() * f64::from(REACH);
        let gravity = repulsion * mass / (radius * radius);
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        Physics { nodes, repulsion: repulsion as f32, gravity: gravity as f32 }
    }

    /// The arguments of step `index` of `steps`.
    pub fn step(&self, index: u32, steps: u32, levels: u32) -> Step {
        let heat = 1.0 - index as f32 / steps as f32;
        let Physics { nodes, repulsion, gravity } = *self;
        Step { nodes, levels, repulsion, gravity, heat, drag: DRAG, stride: STRIDE * heat }
    }
}

/// The stiffness of all springs, and that times their squared lengths, each counted from both ends.
fn springs(graph: &Graph) -> (f64, f64) {
    let (adjacency, positions) = (graph.adjacency(), &graph.positions);
    let (mut stiffness, mut energy) = (0.0, 0.0);
    for (node, [x, y]) in positions.iter().enumerate() {
        for &other in adjacency.of(node) {
            let other = other as usize;
            let spring = 0.5 / f64::from(adjacency.degree(node).min(adjacency.degree(other)));
            let [dx, dy] = [x - positions[other][0], y - positions[other][1]];
            stiffness += spring;
            energy += spring * f64::from(dx * dx + dy * dy);
        }
    }
    (stiffness, energy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;

    #[test]
    fn the_first_picture_has_the_size_of_the_last() {
        let mut graph = Graph::new(Network::new(4, vec![], vec![[0, 1], [1, 2], [2, 3]]), 1);
        let physics = Physics::balance(&mut graph);
        let (stiffness, energy) = springs(&graph);
        assert!(((energy / stiffness).sqrt() / f64::from(SPREAD) - 1.0).abs() < 1e-4);
        assert!(physics.repulsion > 0.0 && physics.gravity > 0.0);
    }

    #[test]
    fn steps_cool_down() {
        let mut graph = Graph::new(Network::new(1, vec![], vec![]), 1);
        let physics = Physics::balance(&mut graph);
        assert!(physics.repulsion.is_finite() && physics.gravity.is_finite());
        let heats = [0, 5, 9].map(|index| physics.step(index, 10, 3).heat);
        assert_eq!(heats, [1.0, 0.5, 1.0 - 0.9]);
    }
}
