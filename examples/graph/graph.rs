//! The buffers of a layout: a struct of `Vec`s, for which `GpuBuffers` generates a manager.

use gpumem::GpuBuffers;

use crate::{
    grid::Frame,
    network::{Adjacency, Network},
    place::place,
};

/// A graph and its layout.
///
/// The derive adds `GraphBuffers`, which holds a buffer on the device for each field that is not skipped. Two
/// of the buffers can be downloaded while steps run. The others stay on the device. The grid's buffers start
/// empty and grow with the grid.
#[derive(GpuBuffers, Default)]
pub struct Graph {
    /// The positions of the nodes, in edge lengths.
    #[buffer(growth = 1.3, max = "512MiB", async)]
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
    /// The grid around all nodes, one element.
    #[buffer]
    pub frame: Vec<Frame>,
    /// The nodes in the order of their cells: position, mass, and the index as bits.
    #[buffer(growth = 1.3, max = "1GiB")]
    pub sorted: Vec<[f32; 4]>,
    /// The index in `sorted` of the first node of each cell of the finest level, and after the last cell the
    /// number of all nodes.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_starts: Vec<u32>,
    /// Each cell of each level of the grid as one body: its centre and mass.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_bodies: Vec<[f32; 4]>,
    /// The push of all far bodies on the nodes of each cell.
    #[buffer(growth = 1.5, max = "256MiB")]
    pub cell_fields: Vec<[f32; 4]>,
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
        let (offsets, neighbours) = network.adjacency();
        let placement = place(Adjacency { offsets: &offsets, neighbours: &neighbours }, seed);
        let nodes = placement.positions.len();
        Graph {
            positions: placement.positions,
            velocities: vec![[0.0; 2]; nodes],
            sorted: vec![[0.0; 4]; nodes],
            frame: vec![Frame::default()],
            offsets,
            neighbours,
            network,
            depth: placement.depth,
            ..Graph::default()
        }
    }

    /// The neighbours of each node.
    pub fn adjacency(&self) -> Adjacency<'_> {
        Adjacency { offsets: &self.offsets, neighbours: &self.neighbours }
    }
}
