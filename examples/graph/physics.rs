//! The model of both backends: springs along the edges, repulsion between all nodes, and a grid for its sum.
//!
//! Lengths are in units of an edge at rest. This file has the parts that must be the same on the host and on
//! a card. `step.rs` and `kernels.cu` have the same kernels, in five stages.
//!
//! Repulsion falls with the distance. So nodes in the 3x3 cells around a node count one by one, and all
//! other nodes count by cells. Each level of the grid has cells twice as wide as the next finer level. The
//! farther a cell is, the wider it may be to count as one body.

use bytemuck::NoUninit;

use crate::graph::Graph;

/// The share of its velocity that a node keeps from step to step.
const DRAG: f32 = 0.6;
/// The approximate length of edges in the picture, in lengths at rest.
const SPREAD: f32 = 2.0;
/// The distance from the centre, in typical radii, at which gravity balances the repulsion of all others.
const REACH: f32 = 2.0;
/// The farthest that a node may move in the first step. The limit falls in later steps.
const STRIDE: f32 = 5.0;

/// The arguments of one step. The layout is that of C, since kernels on a card take the struct as it is.
#[repr(C)]
#[derive(Clone, Copy, Debug, NoUninit)]
pub struct Step {
    /// The number of nodes.
    pub nodes: u32,
    /// The number of neighbours of all nodes together.
    pub neighbours: u32,
    /// The finest level of the grid has `1 << levels` cells per side.
    pub levels: u32,
    /// Strength of the push between two nodes of mass 1 at distance 1.
    pub repulsion: f32,
    /// Strength of the pull to the centre, per unit of distance and mass.
    pub gravity: f32,
    /// Falls from 1 to 0 over the steps. All forces are multiplied by it.
    pub heat: f32,
    /// The share of its velocity that a node keeps.
    pub drag: f32,
    /// The farthest that a node may move.
    pub stride: f32,
}

/// The strengths for one graph.
#[derive(Clone, Copy, Debug)]
pub struct Physics {
    nodes: u32,
    neighbours: u32,
    repulsion: f32,
    gravity: f32,
}

/// Scales the positions so that edges are about `SPREAD` long, as they are in the end.
#[expect(clippy::cast_possible_truncation, reason = "sums are made in f64, positions in f32")]
pub fn balance(graph: &mut Graph) {
    let (stiffness, energy) = springs(graph);
    if energy > 0.0 {
        let scale = SPREAD / (energy / stiffness).sqrt() as f32;
        graph.positions.as_flattened_mut().iter_mut().for_each(|coordinate| *coordinate *= scale);
    }
}

impl Physics {
    /// Chooses the strengths so that springs and repulsion balance when edges are `SPREAD` long.
    #[expect(clippy::cast_possible_truncation, reason = "sums are made in f64, forces in f32")]
    pub fn of(graph: &Graph) -> Self {
        let (stiffness, _) = springs(graph);
        let nodes = graph.positions.len();
        let masses = (0..nodes).map(|node| f64::from(graph.adjacency().degree(node) + 1));
        let mass: f64 = masses.clone().sum();
        let squares: f64 = masses.map(|mass| mass * mass).sum();
        // The virial theorem: at rest, the sum of forces times distances is zero. For a push of 1/r that sum
        // does not depend on the distances, so it is known before the layout.
        let pull = stiffness * f64::from(SPREAD * (SPREAD - 1.0));
        let repulsion = if pull > 0.0 { pull / (mass * mass - squares) } else { 1.0 / mass };
        let squares: f64 = graph.positions.as_flattened().iter().map(|v| f64::from(v * v)).sum();
        let radius = (squares / nodes as f64).max(1.0).sqrt() * f64::from(REACH);
        let gravity = repulsion * mass / (radius * radius);
        let [nodes, neighbours] =
            [nodes, graph.neighbours.len()].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        Physics { nodes, neighbours, repulsion: repulsion as f32, gravity: gravity as f32 }
    }

    /// The arguments of step `index` of `steps`.
    pub fn step(&self, index: u32, steps: u32, levels: u32) -> Step {
        let heat = 1.0 - index as f32 / steps as f32;
        let Physics { nodes, neighbours, repulsion, gravity } = *self;
        Step { nodes, neighbours, levels, repulsion, gravity, heat, drag: DRAG, stride: STRIDE * heat }
    }
}

/// The sum of the springs' stiffness, and the sum of stiffness times squared length. Each spring counts
/// twice, once from each end.
fn springs(graph: &Graph) -> (f64, f64) {
    let (adjacency, positions) = (graph.adjacency(), &graph.positions);
    let (mut stiffness, mut energy) = (0.0, 0.0);
    for (node, [x, y]) in positions.iter().enumerate() {
        for (other, spring) in adjacency.springs(node) {
            let spring = f64::from(spring);
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
    use crate::input::network::Network;

    #[test]
    fn the_first_picture_has_the_size_of_the_last() {
        let mut graph = Graph::new(Network::new(4, vec![], vec![[0, 1], [1, 2], [2, 3]]), 1);
        balance(&mut graph);
        let physics = Physics::of(&graph);
        let (stiffness, energy) = springs(&graph);
        assert!(((energy / stiffness).sqrt() / f64::from(SPREAD) - 1.0).abs() < 1e-4);
        assert!(physics.repulsion > 0.0 && physics.gravity > 0.0);
    }

    #[test]
    fn steps_cool_down() {
        let mut graph = Graph::new(Network::new(1, vec![], vec![]), 1);
        balance(&mut graph);
        let physics = Physics::of(&graph);
        assert!(physics.repulsion.is_finite() && physics.gravity.is_finite());
        let heats = [0, 5, 9].map(|index| physics.step(index, 10, 3).heat);
        assert_eq!(heats, [1.0, 0.5, 1.0 - 0.9]);
    }
}
