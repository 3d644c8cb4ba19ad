//! The buffers of a layout: a struct of `Vec`s, for which `GpuBuffers` generates a manager.

mod place;

use gpumem::GpuBuffers;

use crate::{
    grid::{BOXES, Frame, all_cells, cells, tiles_of},
    input::network::{Adjacency, Network},
};
use place::place;

/// A graph and its layout.
///
/// The derive adds `GraphBuffers`, which holds a buffer on the device for each field that is not skipped.
/// Three of the buffers can be downloaded while steps run. The others stay on the device. The scratch
/// buffers, from `boxes` to `pulls`, are empty on the host. `with_scratch` gives their lengths on the
/// device.
#[derive(GpuBuffers, Default)]
pub struct Graph {
    /// The positions of the nodes, in edge lengths.
    #[buffer(growth = 1.3, max = "512MiB", async(slots = 4))]
    pub positions: Vec<[f32; 2]>,
    /// The movement of each node in one step.
    #[buffer(growth = 1.3, max = "512MiB", async)]
    pub velocities: Vec<[f32; 2]>,
    /// The index of the first neighbour of each node, and after the last node the number of all neighbours.
    #[buffer(growth = 2.0, max = "2GiB")]
    pub offsets: Vec<u32>,
    /// The nodes at the other ends of the edges, those of the first node first.
    #[buffer(growth = 2.0, max = "2GiB")]
    pub neighbours: Vec<u32>,
    /// The stiffness of the spring of each of these edges.
    #[buffer(growth = 2.0, max = "2GiB")]
    pub stiffness: Vec<f32>,
    /// Boxes around shares of the nodes.
    #[buffer]
    pub boxes: Vec<[f32; 4]>,
    /// The grid around all nodes, one element.
    #[buffer]
    pub frame: Vec<Frame>,
    /// The number of nodes in each tile of cells, and the sum of the squares of the cells' numbers. The host
    /// chooses the next grid by them.
    #[buffer(async)]
    pub tiles: Vec<[u64; 2]>,
    /// The index in `order` of the first node of each cell of the finest level, and after the last cell the
    /// number of all nodes.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_starts: Vec<u32>,
    /// The nodes in the order of their cells.
    #[buffer(growth = 1.3, max = "256MiB")]
    pub order: Vec<u32>,
    /// The nodes in this order: position, mass, and the index as bits.
    #[buffer(growth = 1.3, max = "1GiB")]
    pub sorted: Vec<[f32; 4]>,
    /// Each cell of each level of the grid as one body: its centre and mass.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_bodies: Vec<[f32; 4]>,
    /// The push of all far bodies on the nodes of each cell.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_fields: Vec<[f32; 4]>,
    /// The pull of the springs of each node.
    #[buffer(growth = 1.3, max = "512MiB")]
    pub pulls: Vec<[f32; 2]>,
    /// The input. It stays on the host.
    #[buffer(skip)]
    pub network: Network,
    /// The axis that the picture shows as colour, for each node.
    #[buffer(skip)]
    pub depth: Vec<f32>,
}

impl Graph {
    /// Places the nodes of `network`, at rest.
    pub fn new(network: Network, seed: u64) -> Self {
        let (offsets, neighbours, stiffness) = network.adjacency();
        let adjacency = Adjacency { offsets: &offsets, neighbours: &neighbours, stiffness: &stiffness };
        let placement = place(adjacency, seed);
        let nodes = placement.positions.len();
        Graph {
            positions: placement.positions,
            velocities: vec![[0.0; 2]; nodes],
            offsets,
            neighbours,
            stiffness,
            network,
            depth: placement.depth,
            ..Graph::default()
        }
    }

    /// The neighbours of each node.
    pub fn adjacency(&self) -> Adjacency<'_> {
        Adjacency { offsets: &self.offsets, neighbours: &self.neighbours, stiffness: &self.stiffness }
    }
}

/// The lengths of all buffers, with scratch buffers for as many nodes and a grid of as many levels.
pub fn with_scratch(lengths: GraphLengths, levels: u32) -> GraphLengths {
    GraphLengths {
        boxes: BOXES as usize,
        frame: 1,
        tiles: tiles_of(levels) as usize,
        cell_starts: cells(levels) + 1,
        order: lengths.positions,
        sorted: lengths.positions,
        cell_bodies: all_cells(levels),
        cell_fields: all_cells(levels),
        pulls: lengths.positions,
        ..lengths
    }
}
