//! The first positions of the nodes: each connected part is unfolded by itself, and the parts are packed
//! around the largest.

mod unfold;

use fastrand::Rng;

use crate::input::network::Adjacency;
use unfold::unfold;

/// The first position of each node.
pub struct Placement {
    pub positions: Vec<[f32; 2]>,
    /// A third coordinate, which the picture shows as colour.
    pub depth: Vec<f32>,
}

/// A connected part of the graph.
struct Part {
    /// The nodes. Each one but the first comes after one of its neighbours.
    nodes: Vec<u32>,
}

/// Places all nodes. The same seed gives the same placement.
pub fn place(adjacency: Adjacency<'_>, seed: u64) -> Placement {
    let mut placement =
        Placement { positions: vec![[0.0; 2]; adjacency.nodes()], depth: vec![0.0; adjacency.nodes()] };
    let mut rng = Rng::with_seed(seed);
    let mut packing = Packing::default();
    let (parts, row_of) = parts(adjacency);
    for part in parts {
        let size = (part.nodes.len() as f32).sqrt();
        let [left, top] = packing.next(size);
        let rows = unfold(adjacency, &part, &row_of, &mut rng);
        for (&node, [x, y, z]) in part.nodes.iter().zip(rows) {
            placement.positions[node as usize] = [left + x * size / 2.0, top + y * size / 2.0];
            placement.depth[node as usize] = z;
        }
    }
    placement
}

/// The connected parts, the largest first, and the index of each node in its part.
fn parts(adjacency: Adjacency<'_>) -> (Vec<Part>, Vec<u32>) {
    const UNSEEN: u32 = u32::MAX;
    let mut row_of = vec![UNSEEN; adjacency.nodes()];
    let mut parts = Vec::new();
    for start in (0..).take(adjacency.nodes()) {
        if row_of[start as usize] != UNSEEN {
            continue;
        }
        row_of[start as usize] = 0;
        let mut nodes = vec![start];
        let mut rows = 1..;
        let mut next = 0;
        while let Some(&node) = nodes.get(next) {
            next += 1;
            for &neighbour in adjacency.of(node as usize) {
                if row_of[neighbour as usize] == UNSEEN {
                    row_of[neighbour as usize] = rows.next().unwrap_or(UNSEEN);
                    nodes.push(neighbour);
                }
            }
        }
        parts.push(Part { nodes });
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.nodes.len()));
    (parts, row_of)
}

/// Lays discs side by side on rings around the first.
#[derive(Default)]
struct Packing {
    radius: f32,
    angle: f32,
}

impl Packing {
    /// The centre of the next disc, which is not larger than the earlier ones.
    fn next(&mut self, size: f32) -> [f32; 2] {
        if self.radius == 0.0 {
            self.radius = size;
            return [0.0; 2];
        }
        let distance = self.radius + size;
        let turn = 2.0 * (size / distance).min(1.0).asin();
        self.angle += turn;
        // A full turn of discs widens the disc in the middle by their diameter.
        self.radius += 2.0 * size * turn / std::f32::consts::TAU;
        [distance * self.angle.cos(), distance * self.angle.sin()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::network::Network;

    fn placed(nodes: u32, pairs: &[[u32; 2]], seed: u64) -> Placement {
        let (offsets, neighbours, stiffness) = Network::new(nodes, vec![], pairs.to_vec()).adjacency();
        place(Adjacency { offsets: &offsets, neighbours: &neighbours, stiffness: &stiffness }, seed)
    }

    #[test]
    fn a_chain_is_stretched_out() {
        let chain: Vec<[u32; 2]> = (0..99).map(|n| [n, n + 1]).collect();
        let Placement { positions, .. } = placed(100, &chain, 1);
        let along: Vec<f32> = positions.iter().step_by(20).map(|position| position[0]).collect();
        assert!(along.is_sorted() || along.iter().rev().is_sorted(), "{along:?}");
    }

    #[test]
    fn parts_and_lone_nodes_do_not_lie_on_each_other() {
        let Placement { positions, .. } = placed(40, &[[0, 1], [1, 2], [5, 6]], 1);
        for (node, a) in positions.iter().enumerate() {
            for b in &positions[..node] {
                assert!((a[0] - b[0]).hypot(a[1] - b[1]) > 1e-3);
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        let pairs: Vec<[u32; 2]> = (1..50).map(|n| [n, n / 2]).collect();
        let [one, same, other] = [1, 1, 2].map(|seed| placed(50, &pairs, seed));
        assert!(one.positions == same.positions && one.depth == same.depth);
        assert!(one.positions != other.positions);
    }
}
